from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.wsgiutil import http_date, httpdate, parse_http_date, phttpdate

MOMENT = 784111777  # the example of RFC 9110


def test_http_date() -> None:
    assert http_date(MOMENT) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(MOMENT + 0.9) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 10:49:37 +0200",
    ],
)
def test_all_forms_are_read(text: str) -> None:
    assert parse_http_date(text) == MOMENT


@given(st.integers(0, 253402300799))  # to the end of the year 9999
def test_what_is_written_is_read_to_the_same(seconds: int) -> None:
    assert parse_http_date(http_date(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sun, 06 Nov 1994",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:61:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "784111777",
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an HTTP date"):
        parse_http_date(text)


@given(st.text(max_size=40))
def test_no_text_at_all_raises_anything_else(text: str) -> None:
    try:
        parse_http_date(text)
    except ValueError:
        pass


def test_names_of_the_original_library() -> None:
    assert httpdate is http_date
    assert phttpdate("Sun, 06 Nov 1994 08:49:37 GMT") == MOMENT
    assert phttpdate("yesterday") is None
