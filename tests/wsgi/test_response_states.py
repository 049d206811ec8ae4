"""What may follow what in a response, whoever calls it in whatever order."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.wsgi import ResponseError
from ashd.wsgi._response import FOLLOWING, OVER, Response, State
from ashdtest.builds import needs_subclasses


class Watched(Response):
    """Checks each change of its state."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "state" and value is not self.state:
            assert value in FOLLOWING[self.state], f"{self.state} -> {value}"
        super().__setattr__(name, value)


def start_again(response: Response) -> tuple[bytes, ...]:
    try:
        raise RuntimeError("as planned")
    except RuntimeError:
        response.start("503 Sorry", [("B", "2")], sys.exc_info())
    return ()


def start(response: Response, *headers: tuple[str, str]) -> tuple[bytes, ...]:
    response.start("200 OK", list(headers))
    return ()


ACTIONS: dict[str, Any] = {
    "start": start,
    "start with a length": lambda response: start(response, ("Content-Length", "5")),
    "start with what is refused": lambda response: start(response, ("Bad\n", "1")),
    "start again": start_again,
    "piece": lambda response: response.piece(b"abc"),
    "large piece": lambda response: response.piece(bytes(100_000)),
    "nothing": lambda response: response.piece(b""),
    "last piece": lambda response: response.piece(b"end", last=True),
    "only piece": lambda response: response.piece(b"whole", 5, last=True),
    "finish": lambda response: response.finish(),
    "refuse": lambda response: response.refuse(b"500 Internal Server Error"),
    "switch": lambda response: response.switch(b"101 Switching Protocols") or (),
    "cut": lambda response: response.cut() or (),
}


@needs_subclasses
@given(st.lists(st.sampled_from(list(ACTIONS)), max_size=8), st.booleans(), st.booleans())
def test_any_order_of_calls(names: list[str], is_head: bool, chunks: bool) -> None:
    response = Watched(b"HTTP/1.1 ", is_head)
    response.chunks = chunks
    sent = b""
    whole = False
    for name in names:
        over = response.state in OVER
        try:
            data = b"".join(ACTIONS[name](response))
        except (ResponseError, RuntimeError):
            continue
        assert not (over and data), "something is sent after the end"
        sent += data
        whole = whole or response.state is State.COMPLETE
    head, _, body = sent.partition(b"\r\n\r\n")
    assert sent.count(b"HTTP/1.1 ") == bool(sent), "no head, or more than one"
    if whole and b"\r\nTransfer-Encoding: chunked" in head:
        assert body.endswith(b"0\r\n\r\n")
    else:
        assert not body.endswith(b"\r\n0\r\n\r\n")
    if is_head and b"500 Internal" not in head:
        assert body == b""


@needs_subclasses
def test_a_head_that_is_kept_back_can_still_be_replaced() -> None:
    def keep_back() -> None:
        raise RuntimeError("as planned")

    response = Watched(b"HTTP/1.1 ", False)
    response.start("200 OK", [])
    response.gate = keep_back
    with pytest.raises(RuntimeError):
        response.piece(b"x")
    response.gate = None
    start_again(response)
    assert response.piece(b"x", 1, last=True) == (
        b"HTTP/1.1 503 Sorry\r\nB: 2\r\nContent-Length: 1\r\n\r\nx",
    )
