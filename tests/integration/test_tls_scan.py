"""What a scanner has to say. It takes minutes: the session `tls` of nox runs it."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from ashdtest.outside import needs
from ashdtest.processes import free_port
from ashdtest.sites import site

MINUTES = 15
ACCEPTED = {
    "cert_revocation": "our authority offers none",
    "cert_validityPeriod": "its certificates are valid from the year 2000 on",
    "cert_extlifeSpan": "the same",
    "cert_chain_of_trust": "it is nobody else's",
    "DNS_CAArecord": "its names aren't in the DNS",
    "HSTS": "the application's choice",
    "security_headers": "the same",
    "engine_problem": "about the scanner itself",
}
"""Findings that aren't about the server, by their names."""


@needs("testssl")
@pytest.mark.skipif("ASHD_TLS_SCAN" not in os.environ, reason="takes minutes (nox -s tls)")
@pytest.mark.timeout(60 * MINUTES)
@pytest.mark.parametrize("key", trustme.KeyType, ids=lambda key: str(key.name))
def test_a_scanner_finds_nothing_to_complain_of(tmp_path: Path, key: trustme.KeyType) -> None:
    authority = trustme.CA(key_type=key)
    soon = datetime.now(UTC) + timedelta(days=90)
    issued = authority.issue_cert("localhost", "127.0.0.1", not_after=soon, key_type=key)
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    port = free_port()
    spec = f"ssl:port={port},cert={tmp_path / 'cert.pem'}"
    checks = ["--protocols", "--std", "--pfs", "--server-preference", "--server-defaults"]
    quietly = ["--quiet", "--warnings", "batch", "--color", "0", "--nodns", "none"]
    found = tmp_path / "found.json"
    with site("hello", options=[spec]) as server:
        command = ["testssl", *quietly, *checks, "--vulnerable", "--jsonfile", str(found)]
        command += ["--add-ca", str(tmp_path / "ca.pem"), "--ip", "127.0.0.1"]
        subprocess.run(
            [*command, f"https://localhost:{port}/"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=60 * MINUTES,
        )
        assert "WARNING" not in server.log
        assert "ERROR" not in server.log
    findings = json.loads(found.read_text(encoding="utf-8"))
    assert {"TLS1_3", "PFS", "heartbleed", "LUCKY13"} <= {finding["id"] for finding in findings}
    wrong = [
        finding
        for finding in findings
        if finding["severity"] not in ("OK", "INFO")
        and not any(finding["id"].startswith(name) for name in ACCEPTED)
    ]
    assert wrong == []
