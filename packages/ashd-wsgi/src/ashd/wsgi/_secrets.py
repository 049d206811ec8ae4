"""Masks what is secret in requests and responses that are kept or shown. Pure functions.

A name is secret if it contains one of a few words, or is one of some others: `csrf_token`,
`X-Api-Key` and `new_password2` are. Each pattern takes time linear in what it looks at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._environ import unescape

MASK = "REDACTED"
"""Stands in place of a secret, as the semantic conventions of OpenTelemetry have it."""

_WORDS = (
    "apikey", "authorization", "cookie", "credential", "passphrase", "passw", "secret", "sessionid",
    "signature", "token",
)  # fmt: skip
"""Parts of secret names, without hyphens and underscores."""

_NAMES = frozenset(
    ("auth", "awsaccesskeyid", "code", "jwt", "key", "otp", "pin", "pwd", "session", "sid", "sig")
)
"""Secret names, as many other names contain them."""

_PARAMETER = re.compile(r"(?P<before>(?:^|[?&;])(?P<name>[^=&;?#\s]{1,256})=)[^&;#\s]+")
_JSON = re.compile(
    r'(?P<before>"(?P<name>[^"\\]{1,256})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s"{\[,}\]]+)',
    re.DOTALL,
)


class Secrets:
    """Knows the names of secrets."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        """Take names that contain one of `more` for secret as well."""
        self._words = (*_WORDS, *filter(None, map(_plain, more)))

    def is_secret(self, name: str) -> bool:
        """Tell whether a header, a parameter or a key has a secret value."""
        plain = _plain(name)
        return plain in _NAMES or any(word in plain for word in self._words)

    def mask_query(self, text: str) -> str:
        """Return a URL, or what has the form of its query, without the values of secrets."""
        return _PARAMETER.sub(self._masked, text) if "=" in text else text

    def mask_header(self, name: str, value: str) -> str:
        """Return the value of a header, masked as a whole or, like a Referer, in its query."""
        return MASK if self.is_secret(name) else self.mask_query(value)

    def mask_body(self, content_type: str, body: bytes) -> bytes:
        """Return a form or JSON without the values of secrets; nothing else is looked into."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            return self.mask_query(body.decode("latin-1")).encode("latin-1")
        if kind == "application/json" or kind.endswith("+json"):
            return _JSON.sub(self._masked, body.decode("latin-1")).encode("latin-1")
        return body

    def _masked(self, found: re.Match[str]) -> str:
        if not self.is_secret(unescape(found["name"])):
            return found[0]
        mark = '"' if found["before"].startswith('"') else ""
        return f"{found['before']}{mark}{MASK}{mark}"


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
