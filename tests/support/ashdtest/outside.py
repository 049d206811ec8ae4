"""Programs of others that some tests use. Where one is missing, its tests are skipped and say so.

@needs("curl")
def test_a_download() -> None: ...
"""

from __future__ import annotations

import os
import shutil

import pytest

PURPOSES = {
    "accesslog": "the reference program, written in C",
    "apache2": "a proxy",
    "bash": "completion in the shell",
    "caddy": "a proxy",
    "cc": "a program in C",
    "callscgi": "the reference program, written in C",
    "chromium": "a browser",
    "curl": "the usual client",
    "dirplex": "the reference program, written in C",
    "fish": "completion in the shell",
    "git": "a repository",
    "haproxy": "a proxy",
    "htparser": "the reference front end, written in C",
    "ip": "network namespaces, part of iproute2",
    "litmus": "a judge of WebDAV servers",
    "logrotate": "the usual rotation of logs",
    "mandoc": "a check of manual pages",
    "multifscgi": "the reference program, written in C",
    "nginx": "a proxy, and an SCGI client",
    "openssl": "a TLS client",
    "pkill": "signals by name, part of procps",
    "prometheus": "a server that reads metrics",
    "promtool": "a check of metrics, part of prometheus",
    "redis-server": "a store for several hosts",
    "ssh": "OpenSSH's client",
    "ssh-keygen": "OpenSSH's client",
    "sshd": "OpenSSH's server",
    "setpriv": "a command as another user, part of util-linux",
    "systemd-analyze": "a check of unit files, part of systemd",
    "systemd-socket-activate": "sockets that systemd passes",
    "testssl": "a scanner for TLS",
    "tmux": "a real terminal",
    "unshare": "namespaces, part of util-linux",
    "wstest": "Autobahn's cases for WebSocket",
    "zsh": "completion in the shell",
}
"""Every program that a test may need, and what it gives. Nothing else may be asked for."""

_PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def find(program: str) -> str | None:
    """Return the path of a program, or None where it is missing."""
    assert program in PURPOSES, f"list {program!r} in {__name__}.PURPOSES"
    return shutil.which(program, path=_PLACES)


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test, or a parameter, unless all these programs are there."""
    missing = [program for program in programs if find(program) is None]
    reason = ", ".join(f"{name} ({PURPOSES[name]}) is not installed" for name in missing)
    return pytest.mark.skipif(bool(missing), reason=reason)
