"""Certificates for tests, made when they are needed; no key is kept longer than its test.

authority = Authority(tmp_path)
cert = authority.certificate("a.example")  # its file, with the key in it
with authority.connect(port, "a.example") as sock: ...
"""

from __future__ import annotations

import socket
import ssl
from datetime import datetime
from pathlib import Path

import trustme

from .processes import DEADLINE


class Authority:
    """A certificate authority that keeps what it makes in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "ca.pem"
        """The authority's own certificate."""
        self._ca.cert_pem.write_to_path(str(self.file))
        self.context = self.client_context()
        """What a client needs to shake hands."""

    def issue(
        self, *names: str, common_name: str | None = None, expires: datetime | None = None
    ) -> trustme.LeafCert:
        """Return a certificate for some names, among them addresses."""
        return self._ca.issue_cert(*names, common_name=common_name, not_after=expires)

    def certificate(self, *names: str, file: str = "", common_name: str | None = None) -> Path:
        """Write certificate and key into one file; return it."""
        path = self._folder / (file or f"{names[0].replace('*', 'star')}.pem")
        path.parent.mkdir(parents=True, exist_ok=True)
        issued = self.issue(*names, common_name=common_name)
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def client_context(self, certificate: Path | None = None) -> ssl.SSLContext:
        """Return what a client needs that trusts the authority, and has that certificate."""
        context = ssl.create_default_context(cafile=str(self.file))
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context

    def connect(
        self, port: int, name: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> ssl.SSLSocket:
        """Return a connection to this machine after its handshake; the caller's own."""
        sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        try:
            return (context or self.context).wrap_socket(sock, server_hostname=name)
        except BaseException:
            sock.close()
            raise


def names_of(sock: ssl.SSLSocket | ssl.SSLObject) -> list[str]:
    """Return the names in the certificate of a server."""
    certificate = sock.getpeercert()
    assert certificate is not None
    return [str(pair[1]) for pair in certificate["subjectAltName"]]
