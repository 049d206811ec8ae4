"""Where the log of dirplex goes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.processes import DEADLINE

LOG = """
import logging, sys
from ashd.dirplex import start_logging
start_logging(sys.argv[1])
logging.getLogger("ashd.dirplex").error("a mistake")
"""


@pytest.mark.parametrize("there", [True, False])
def test_syslog(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(path))
        daemon.settimeout(DEADLINE)
        if not there:
            daemon.close()  # its socket is still in the directory
        done = subprocess.run(
            [sys.executable, "-c", LOG, path],
            env=os.environ | {"ASHD_USESYSLOG": "1"},
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        if there:
            assert daemon.recv(1000).endswith(b"]: ashd.dirplex: ERROR: a mistake\0")
            assert done.stderr == ""
        else:
            told, logged = done.stderr.splitlines()
            assert told.endswith(
                f"]: ashd: WARNING: there is no syslog at {path}; logging to stderr"
            )
            assert logged.endswith("]: ashd.dirplex: ERROR: a mistake")
