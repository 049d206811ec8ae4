"""What handlers are told about the encryption of a connection, and about the client's certificate.

A port that trusts no client CAs asks for no certificate, so one that came has been verified.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable

from ._head import Headers

# RFC 4514, section 3, and what OpenSSL adds. Other attributes go by the names of the ssl module.
_ATTRIBUTES = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "street",
    "userId": "UID",
}
_SPECIAL = re.compile(r'[",+;<>\\]|\A[ #]| \Z')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def tls_headers(connection: ssl.SSLObject) -> Headers:
    """Return the headers for requests of a client, after its handshake; may raise `SSLError`."""
    cipher = connection.cipher()
    headers = [
        (b"X-Ash-TLS-Protocol", (connection.version() or "").encode()),
        (b"X-Ash-TLS-Cipher", (cipher[0] if cipher else "").encode()),
    ]
    certificate = connection.getpeercert()
    if certificate:
        subject = distinguished_name(certificate["subject"])  # type: ignore[arg-type] # typeshed: object
        headers += [
            (b"X-Ash-TLS-Client-Verify", b"SUCCESS"),
            (b"X-Ash-TLS-Client-Subject", subject.encode()),
        ]
    return headers


def distinguished_name(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Return a name as RFC 4514 writes it, the most specific part first.

    Control characters are escaped. `subject` is the form of `ssl.SSLObject.getpeercert`.
    """
    parts = ["+".join(f"{_ATTRIBUTES.get(k, k)}={_escape(v)}" for k, v in rdn) for rdn in subject]
    return ",".join(reversed(parts))


def _escape(value: str) -> str:
    value = _SPECIAL.sub(r"\\\g<0>", value)
    return _CONTROL.sub(lambda match: f"\\{ord(match[0]):02X}", value)
