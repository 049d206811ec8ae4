"""Serving WSGI applications (PEP 3333) behind ashd: the program `ashd-wsgi`.

The adapter is in `_exchange` (one request), on top of `_response` (what the application says of its
response) and `_channel` (how that goes out); `_environ` and `_body` are the request's side. What
decides about threads is in `ashd.serve`, which knows nothing of this package.
"""

from ._errors import (
    BadRequestError,
    ClientGoneError,
    CutBodyError,
    RequestTimeoutError,
    ResponseError,
    StartError,
    WriteUnsupportedError,
)
from ._version import VERSION

__all__ = [
    "VERSION",
    "BadRequestError",
    "ClientGoneError",
    "CutBodyError",
    "RequestTimeoutError",
    "ResponseError",
    "StartError",
    "WriteUnsupportedError",
]
