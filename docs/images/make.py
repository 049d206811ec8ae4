#!/usr/bin/env python3
"""Make pictures of the demo site: `python docs/images/make.py`, with our packages and chromium.

`performance.svg` comes from the benchmarks (the session `bench`), `pdm-flamegraph.svg` from
`ashd-pdm profile -o`, and `pdm-top.png` is a terminal with `ashd-pdm top`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "examples/demo"
PORT = 8931
SITE = f"http://localhost:{PORT}"
PAGES = {
    "demo.png": ("/", 1000, 760),
    "demo-process.png": ("/process", 1000, 1020),
}
GROWING = ["/stream/growing?lines=40&pause=500", "/stream/growing?lines=60&pause=400"]
"""Requests that run while the pictures are taken."""


def main() -> int:
    """Serve the demo, and take a picture of each page."""
    command = ["ashd-wsgi", "--bind", f"127.0.0.1:{PORT}", "-p", str(DEMO), "-A", "demo"]
    with subprocess.Popen(command) as server:
        try:
            _await_server()
            for path in GROWING:
                threading.Thread(target=_read, args=(path,), daemon=True).start()
            for name, page in PAGES.items():
                _photograph(HERE / name, *page)
        finally:
            server.terminate()
    return 0


def _await_server() -> None:
    end = time.monotonic() + 30
    while True:
        try:
            _read("/")
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def _read(path: str) -> None:
    urllib.request.urlopen(SITE + path).read()


def _photograph(picture: Path, page: str, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars"]
        command += [f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        command += [f"--screenshot={picture}", SITE + page]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    sys.exit(main())
