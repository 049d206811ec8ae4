"""What the values of options are. Each function takes the text, and raises ValueError."""

from __future__ import annotations

from ashd.log import FORMATS

from ._errors import UsageError


def seconds(text: str) -> float:
    """Return a time, above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def count(text: str) -> int:
    """Return a whole number, above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def count_and_jitter(text: str) -> tuple[int, int]:
    """Return `N` or `N,JITTER`."""
    number, _, jitter = text.partition(",")
    return count(number), count(jitter) if jitter else 0


def log_format(text: str) -> str:
    """Return the name of a format; raises `UsageError`."""
    if text not in FORMATS:
        raise UsageError(f"--log-format takes {' or '.join(FORMATS)}, not {text!r}")
    return text


def access_log_format(text: str) -> str:
    """Return a format of the access log as it is; raises `UsageError`."""
    from ashd.accesslog import AccessFormat, FormatError

    try:
        AccessFormat(text)
    except FormatError as error:
        raise UsageError(f"--access-log-format: {error}") from None
    return text


def workers(text: str) -> int:
    """Return a whole number, or for `auto` how many processors there are for this process."""
    if text != "auto":
        return count(text)
    from ._cpus import usable_cpus

    return usable_cpus()
