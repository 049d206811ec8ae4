"""What clients sent, as it stands in logs."""

from __future__ import annotations

from ashd.proto._text import MAX_LOGGED, printable


def test_nothing_that_acts_on_a_terminal_stays() -> None:
    harmful = [*range(32), 127, *range(128, 160), 0x2028, 0x202E, 0xFEFF]
    for code in harmful:
        for data in (chr(code).encode(), chr(code).encode("latin-1", "replace")):
            text = printable(b"/a" + data + b"b")
            assert text.isprintable(), code
            assert text.startswith("/a")
            assert text.endswith("b")


def test_the_rest_stays() -> None:
    assert printable(b"/a?b=%20c") == "/a?b=%20c"
    assert printable("/käse".encode()) == "/käse"
    assert printable(b"/a\x1b[2J\xff") == r"/a\x1b[2J\xff"


def test_long_ones_are_cut() -> None:
    assert printable(b"a" * MAX_LOGGED) == "a" * MAX_LOGGED
    assert printable(b"a" * (MAX_LOGGED + 1)) == "a" * MAX_LOGGED + "..."
