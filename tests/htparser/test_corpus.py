"""Raw requests: what is passed on, and how the rest is refused, however a client cuts them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from ashd.htparser._errors import RequestError
from ashd.htparser._limits import Limits
from ashdtest.corpus import Case, all_cases, observed, paths, read_cases
from ashdtest.requests import read_requests, read_stream

LIMITS = Limits()
LENIENT = Limits(lenient_targets=True)
NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"
SOURCE = r"(RFC \d+, [A-Z]?[0-9.]+|CVE-\d{4}-\d{4,}|PROXY protocol, [0-9.]+|ashd protocol, headers)"
EDGE = 2000  # bytes at the beginning of a stream, and at its end, that come one by one


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_requests(path: Path) -> None:
    for case in read_cases(path):
        data = case.data
        check(case, [data], "whole")
        check(case, byte_by_byte(data), "byte by byte")
        for place in case.places():
            check(case, [data[:place], data[place:]], f"cut at {place}")
        if not case.unfinished:
            check_followed(case)


def check(case: Case, pieces: Iterable[bytes], how: str) -> None:
    passed, status = observed(read_stream(pieces, LIMITS))
    if case.status is not None and passed and not passed[-1]["whole"]:
        # The end of a body that is refused later comes or doesn't: that depends on the pieces.
        begun = passed[-1]["body"]
        assert case.passed[-1]["body"].startswith(begun), f"{case.name}, {how}"
        passed[-1]["body"] = case.passed[-1]["body"]
    assert (passed, status) == (case.passed, case.status), f"{case.name}, {how}"


def check_followed(case: Case) -> None:
    """A request after it is read if it is whole and good, and never if it is refused."""
    if case.status is not None:
        check(case, [case.data + NEXT], "followed by a request")
        return
    passed, status = observed(read_stream([case.data + NEXT], LIMITS))
    assert status is None, case.name
    assert passed.pop()["url"] == b"/next", case.name
    assert passed == case.passed, case.name


def byte_by_byte(data: bytes) -> Iterable[bytes]:
    # Each byte costs the same in a large request as in a small one (see test_linear.py).
    end = max(min(len(data), EDGE), len(data) - EDGE)
    yield from (data[i : i + 1] for i in range(min(len(data), EDGE)))
    yield data[EDGE:end]
    yield from (data[i : i + 1] for i in range(end, len(data)))


def test_what_is_missing_is_waited_for() -> None:
    """No beginning of a stream is taken for all of it."""
    for case in all_cases().values():
        if case.status is None and not case.unfinished:
            for place in case.places():
                outcome = read_stream([case.data[:place]], LIMITS)
                whole = sum(request.whole for request in outcome.requests)
                assert whole < len(case.passed), f"{case.name}, the first {place} bytes"


def test_every_case_names_its_source() -> None:
    names = Counter(case.name for path in paths() for case in read_cases(path))
    assert {name for name, count in names.items() if count > 1} == set()
    assert len(names) >= 400
    same = Counter(case.data for case in all_cases().values())
    assert {data for data, count in same.items() if count > 1} == set()
    for case in all_cases().values():
        assert re.fullmatch(f"{SOURCE}(; {SOURCE})*", case.source), case


def test_body_limit() -> None:
    limits = Limits(body_size=10)
    head = b"PUT / HTTP/1.1\r\nHost: a\r\n"
    with pytest.raises(RequestError, match="--body-size") as refusal:
        read_requests([head + b"Content-Length: 11\r\n\r\n"], limits)
    assert refusal.value.status == 413
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n"
    assert read_requests([chunked], limits)[0].body == b"abcdef"
    with pytest.raises(RequestError, match="--body-size") as refusal:
        read_requests([chunked, b"5\r\n"], limits)
    assert refusal.value.status == 413


def test_lenient_targets() -> None:
    """What browsers of old send is passed on if the administrator says so."""
    refused = [case for name, case in all_cases().items() if name.startswith("target-raw-")]
    assert refused
    for case in refused:
        (request,) = read_requests([case.data], LENIENT)
        assert request.head.url == case.data.split(b" ")[1]
