"""Small helpers for WSGI applications: an error page, HTML quoting, HTTP dates, a test environ."""

from ._compat import htmlquote, httpdate, phttpdate, simpleerror, testenviron, testrequest
from ._dates import http_date, parse_http_date
from ._html import html_quote, simple_error
from ._testing import ResponseRecorder, make_environ

__all__ = [
    "ResponseRecorder",
    "html_quote",
    "htmlquote",
    "http_date",
    "httpdate",
    "make_environ",
    "parse_http_date",
    "phttpdate",
    "simple_error",
    "simpleerror",
    "testenviron",
    "testrequest",
]
