"""Certificates of a TLS port: read before the port is bound, chosen by name, and read anew.

`Certificates.context` is what the next handshake begins with. A renewal makes another one and puts
it there only if all files are good, so connections and handshakes that run keep what they have.
Each certificate has an `ssl.SSLContext` of its own, as the ssl module has no other way to choose
one by the name that the client asks for (SNI).
"""

from __future__ import annotations

import re
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ._errors import StartError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. All of TLS 1.3 have both."""
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, for which the ssl module has no name."""
_ENDINGS = {".pem", ".crt"}
_CHAIN, _CHAINS_KEY = "fullchain.pem", "privkey.pem"  # as certbot names them
_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )?PRIVATE KEY-----")
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"

_REASONS = {
    "KEY_VALUES_MISMATCH": "the key belongs to another certificate",
    "KEY_TYPE_MISMATCH": "the key belongs to another certificate",
    "EE_KEY_TOO_SMALL": "the key is too short to be safe",
    "CA_KEY_TOO_SMALL": "the key of its CA is too short to be safe",
    "NO_SHARED_CIPHER": "clients don't take a key of this kind",
    "CA_MD_TOO_WEAK": "it is signed with a hash that is no longer safe",
}

Context = ssl.SSLContext
Description = dict[str, Any]
"""What `ssl.SSLObject.getpeercert` returns."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """What the parameters of a TLS port name; the files are in PEM form.

    A key that isn't named stands in the file of its certificate or beside it (`_key_file`).
    """

    main: str
    key: str | None = None
    named: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


def _certificates_below(folder: Path) -> Iterator[Path]:
    """Yield the certificates of a folder, and of those in it; raises `StartError`."""
    entries = [path for path in _entries(folder) if _kind(path) == stat.S_IFDIR]
    for place in [folder, *entries]:
        yield from _certificates_in(place, deep=place is folder)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise _unreadable(folder, error) from error


def _certificates_in(folder: Path, *, deep: bool) -> Iterator[Path]:
    """Yield a folder's certificates; if certbot or the like has made it, only the whole chain.

    Folders below the one that was named (not `deep`) are looked at only for such a chain.
    """
    chain = folder / _CHAIN
    if _kind(chain):
        yield chain
    elif deep:
        for path in _entries(folder):
            may_be_one = path.suffix in _ENDINGS and _kind(path) != stat.S_IFDIR
            if may_be_one and not _is_key(_text(path)):
                yield path


def _kind(path: Path) -> int:
    """Return the type of a file as `stat.S_IFMT` does, 0 if there is none; raises `StartError`."""
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _unreadable(path, error) from error


def _is_key(text: str) -> bool:
    return bool(_KEY.search(text)) and _CERTIFICATE not in text


@dataclass(slots=True)
class _Names:
    """Which certificate is for which name; the first one given wins."""

    exact: dict[str, Context] = field(default_factory=dict)
    wildcards: dict[str, Context] = field(default_factory=dict)

    def add(self, name: str, context: Context) -> None:
        name = name.lower()
        if name.startswith("*."):
            self.wildcards.setdefault(name[2:], context)
        else:
            self.exact.setdefault(name, context)

    def find(self, name: str) -> Context | None:
        name = name.lower().removesuffix(".")
        return self.exact.get(name) or self.wildcards.get(name.partition(".")[2])


class Certificates:
    """See the module."""

    def __init__(self, files: CertificateFiles) -> None:
        """Read all files; raises `StartError`, one line about the first that isn't good."""
        self._files = files
        self.warnings: list[str] = []
        """What is wrong with files that are used all the same, a line each."""
        self.context = self._read()

    def __str__(self) -> str:
        """Return how the administrator knows them."""
        return self._files.main

    def renew(self) -> None:
        """Read all files again; raises `StartError`, and then nothing has changed."""
        self.context = self._read()

    def _read(self) -> Context:
        files, names = self._files, _Names()
        self.warnings = []
        main = self._read_one(Path(files.main), files.key, names)
        named = list(map(Path, files.named))
        for folder in files.folders:
            found = list(_certificates_below(Path(folder)))
            if not found:
                self.warnings.append(f"{folder}: there are no certificates in this folder")
            named += found
        for path in named:
            self._read_one(path, None, names)
        if files.named or files.folders:
            main.sni_callback = _chooser(names)
            _silence_odd_names()
        return main

    def _read_one(self, path: Path, key: str | None, names: _Names) -> Context:
        context = _new_context()
        _load(context, path, Path(key) if key else _key_file(path))
        try:
            description = _describe(context, path)
        except ssl.SSLCertVerificationError as error:
            self.warnings.append(f"{path}: clients may refuse this: {error.verify_message}")
            description = {}
        for name in _names_of(description):
            names.add(name, context)
        self.warnings += [f"{path}: {text}" for text in _faults_of_time(description)]
        for trusted in self._files.trusted:
            _ask_for_certificates(context, trusted)
        return context


def _new_context() -> Context:
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= (
        ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_alpn_protocols(["http/1.1"])
    return context


def _ask_for_certificates(context: Context, trusted: str) -> None:
    """Let a server take clients with a certificate only, from a CA in the file `trusted`."""
    if _CERTIFICATE not in _text(Path(trusted)):
        raise StartError(f"{trusted}: there is no certificate in PEM form in it")
    try:
        context.load_verify_locations(trusted)
    except ssl.SSLError as error:
        raise StartError(f"{trusted}: {_reason(error)}") from error
    context.verify_mode = ssl.CERT_REQUIRED


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StartError:
    return StartError(f"{path}: can't be read: {error.strerror}")


def _key_file(path: Path) -> Path:
    """Return where the key of a certificate is, if nobody said it."""
    beside = path.with_name(_CHAINS_KEY if path.name == _CHAIN else f"{path.stem}.key")
    if _KEY.search(_text(path)) or not _kind(beside):
        return path
    return beside


def _load(context: Context, path: Path, key: Path) -> None:
    """Put a certificate with its key into a context; raises `StartError`."""
    if _CERTIFICATE not in _text(path):
        raise StartError(f"{path}: there is no certificate in PEM form in it")
    encoded = re.search(r"-----BEGIN ENCRYPTED|^Proc-Type:.*ENCRYPTED", _text(key), re.MULTILINE)
    if encoded:
        raise StartError(f"{key}: the key is encrypted; nobody could type its password here")
    if not _KEY.search(_text(key)):
        also = "" if key != path else f"; give key=FILE, or put it into {path.stem}.key beside it"
        raise StartError(f"{key}: there is no private key in PEM form in it{also}")
    try:
        context.load_cert_chain(path, key, password="")
    except ssl.SSLError as error:
        raise StartError(f"{path} with the key in {key}: {_reason(error)}") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _reason(error: ssl.SSLError) -> str:
    known = _REASONS.get(error.reason or "")
    return known or f"OpenSSL can't use it ({(error.reason or 'malformed').lower()})"


def _describe(context: Context, path: Path) -> Description:
    """Return what a certificate says: the ssl module tells it only of a peer's.

    So a client in memory, which trusts it, shakes hands with the server to be, which asks for no
    certificate yet. Raises `ssl.SSLCertVerificationError`, and `StartError` if it can't be used.
    """
    trusting = Context(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.load_verify_locations(path)
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up)
    server = context.wrap_bio(up, down, server_side=True)
    try:
        for side in (client, server, client, server, client):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
        return client.getpeercert() or {}
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise StartError(f"{path}: {_reason(error)}") from error
    except UnicodeDecodeError as error:
        raise StartError(f"{path}: its names can't be read: they are not UTF-8") from error


def _names_of(description: Description) -> list[str]:
    """Return the host names of a certificate: the common name only if there are no others."""
    alternatives = description.get("subjectAltName", ())
    if alternatives:
        return [value for kind, value in alternatives if kind == "DNS"]
    attributes = [pair for part in description.get("subject", ()) for pair in part]
    return [value for kind, value in attributes if kind == "commonName"]


def _faults_of_time(description: Description) -> Iterator[str]:
    now = time.time()
    begin, end = (description.get(key) for key in ("notBefore", "notAfter"))
    if begin and now < ssl.cert_time_to_seconds(begin):
        yield f"the certificate is not valid before {begin}"
    if end and now > ssl.cert_time_to_seconds(end):
        yield f"the certificate has expired on {end}; clients will refuse it"


def _chooser(names: _Names) -> Callable[[ssl.SSLObject, str | None, Context], None]:
    def choose(connection: ssl.SSLObject, name: str | None, _: Context) -> None:
        found = names.find(name) if name else None
        if found is not None:
            connection.context = found

    return choose


@cache
def _silence_odd_names() -> None:
    """Keep clients from filling the log.

    The ssl module writes a traceback to stderr when the name that a client asks for isn't ASCII.
    """
    write = sys.unraisablehook

    def hook(problem: sys.UnraisableHookArgs) -> None:
        odd = isinstance(problem.exc_value, UnicodeDecodeError)
        if not (odd and isinstance(problem.object, bytes)):
            write(problem)

    sys.unraisablehook = hook
