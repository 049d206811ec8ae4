"""Where `ashd-pdm replay` takes a request from, and what of it is sent. No terminal, no handler."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...cli import open_perf
from ...perf import error
from .._connection import find, to_error
from ._run import RECORDER, get_request, list_requests

MASK = b"REDACTED"
"""What a daemon keeps in place of secrets."""

Pairs = list[tuple[bytes, bytes]]

_NEEDED = {"method", "url", "rest", "headers", "body", "whole"}
"""What a recorded request has to have for being sent."""

_LENGTH, _CODING, _PROMISES = b"content-length", b"transfer-encoding", b"x-ash-framing"
_CERTAIN = (b"X-Ash-Framing", b"certain")
"""Nothing of the body is withheld. We don't ask for chunks, as a front end does."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A request to send; `warnings` say how it differs from the one that was recorded."""

    method: bytes
    url: bytes
    rest: bytes
    headers: Pairs
    body: bytes
    warnings: list[str] = field(default_factory=list)


def recorded(source: str, ident: str | None) -> dict[str, Any]:
    """Return a request from a file or from a daemon."""
    if source == "-" or Path(source).is_file():
        try:
            text = Path("/dev/stdin" if source == "-" else source).read_text(encoding="utf-8")
            found = dict(_bytes(json.loads(text)))
            if not found.keys() >= _NEEDED:
                raise ValueError
            return found
        except (TypeError, ValueError):
            raise error(
                f"{source} is not a recorded request: "
                "ashd-pdm requests TARGET ID -o FILE writes one"
            ) from None
    with open_perf(source, translate=to_error) as client:
        recorder = find(client, RECORDER)
        if ident is None:
            requests = list_requests(recorder)
            if not requests:
                raise error("no request has come since the recording began")
            ident = requests[-1]["id"]
        return dict(get_request(recorder, ident))


def _bytes(value: Any) -> Any:
    """Return what JSON holds with texts as bytes, as they were before."""
    match value:
        case str():
            return value.encode("latin-1")
        case list():
            return [_bytes(each) for each in value]
        case dict():
            return {key: _bytes(each) for key, each in value.items()}
    return value


def make_replay(request: dict[str, Any], instead: Pairs, body: bytes | None) -> Replay:
    """Return what to send: the recorded request, with the headers `instead`, and `body`."""
    if any(name == b"SCGI" for name, _ in request["headers"]):
        raise error("this request came over SCGI; only those that ashd-wsgi got can be sent again")
    warnings = []
    if body is None:
        body = request["body"] or b""
        declared = _length(request["headers"])
        if not request["whole"] or len(body) < (declared or 0):
            warnings.append(
                f"the body was not kept as a whole, and is sent with {len(body)} bytes: "
                "--body FILE sends another"
            )
    headers = _with(request["headers"], instead, body)
    masked = [name.decode("latin-1") for name, value in headers if value == MASK]
    if masked:
        warnings.append(
            f"masked: {', '.join(masked)}; give values that your handler takes: "
            f"-H '{masked[0]}: ...'"
        )
    for what, text in (("url", request["url"]), ("body", body)):
        if MASK in text:
            warnings.append(f"the {what} has masked values")
    strings = request["method"], request["url"], request["rest"]
    return Replay(*strings, headers, body, warnings)


def _plain(name: bytes) -> bytes:
    """Return how to compare the name of a header, or of a variable of SCGI."""
    return name.lower().replace(b"_", b"-")


def _length(headers: Pairs) -> int | None:
    found = [value for name, value in headers if _plain(name) == _LENGTH]
    return int(found[0]) if found and found[0].isdigit() else None


def _with(headers: Pairs, instead: Pairs, body: bytes) -> Pairs:
    """Return headers with others in place of those of the same name, and with the body's length."""
    dropped = {_plain(name) for name, _ in instead} | {_CODING, _PROMISES}
    found: Pairs = []
    for name, value in headers:
        if _plain(name) == _LENGTH:
            if not any(_plain(each) == _LENGTH for each, _ in found):
                found.append((name, b"%d" % len(body)))
        elif _plain(name) not in dropped:
            found.append((name, value))
    if body and not any(_plain(name) == _LENGTH for name, _ in found):
        found.append((b"Content-Length", b"%d" % len(body)))
    return [*found, *instead, _CERTAIN]
