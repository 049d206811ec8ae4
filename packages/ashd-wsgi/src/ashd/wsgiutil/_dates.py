"""Dates as HTTP writes them (RFC 9110, section 5.6.7)."""

from __future__ import annotations

import calendar
import email.utils


def http_date(seconds: float) -> str:
    """Return a time in seconds since the epoch as an HTTP date."""
    return email.utils.formatdate(seconds, usegmt=True)


def parse_http_date(text: str) -> int:
    """Return an HTTP date, in any of its three forms, as seconds since the epoch.

    Raises ValueError for anything else.
    """
    try:
        parsed = email.utils.parsedate_to_datetime(text)
        return calendar.timegm(parsed.utctimetuple())
    except (ValueError, OverflowError, TypeError, IndexError) as error:
        raise ValueError(f"not an HTTP date: {text!r}") from error
