"""The pieces of RFC 9110 and 9112 grammar that requests and responses share, as patterns."""

from __future__ import annotations

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
TEXT = rb"[^\x00-\x08\x0a-\x1f\x7f]*"
"""Field values and reason phrases: anything but control characters, tabs apart."""

FORGEABLE = rb"(?i)(?:^|\n)x[^0-9a-z:\r\n]ash[^0-9a-z:\r\n]"
"""A header line that a handler could take for an `X-Ash-` one. Transient handlers see every byte
that is not alphanumeric as an underscore, so `X_Ash-File` and `X.Ash.File` count too."""


def is_ash(name: bytes) -> bool:
    """Tell whether a header name belongs to front ends and handlers alone (see `FORGEABLE`)."""
    return (
        name[:1] in b"xX"
        and name[2:5].lower() == b"ash"
        and not name[1:2].isalnum()
        and len(name) > 5
        and not name[5:6].isalnum()
    )


def list_members(value: bytes) -> list[bytes]:
    """Split a comma-separated field value (RFC 9110, 5.6.1); members in lower case."""
    return [member for part in value.lower().split(b",") if (member := part.strip(b" \t"))]
