"""Autobahn's test suite for WebSocket (`wstest`), through applications under `ashd-wsgi`.

Its newest version needs Python 2.7, so it is rarely there: in an environment of that Python,
`pip install autobahntestsuite`.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ashdtest.outside import find, needs
from ashdtest.sites import site

EXCLUDED = ["9.*", "12.*", "13.*"]
"""Limits and speed, which take minutes, and compression, of which each library has its own."""

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}

RACES = {
    "/wsproto": set(),
    # Pings between the frames of a message: simple-websocket answers both, in either order. The
    # same cases fail under Werkzeug's server and gunicorn.
    "/flask": {"5.6", "5.7", "5.8", "5.19", "5.20", "6.4.1", "6.4.2", "6.4.3", "6.4.4"},
}


@needs("wstest")
@pytest.mark.parametrize("path", RACES)
def test_cases(path: str, tmp_path: Path) -> None:
    with site("sockets", model="pool") as server:
        specification = {
            "outdir": str(tmp_path / "reports"),
            "servers": [{"agent": "ashd", "url": f"ws://127.0.0.1:{server.port}{path}"}],
            "cases": ["*"],
            "exclude-cases": EXCLUDED,
            "exclude-agent-cases": {},
        }
        (tmp_path / "spec.json").write_text(json.dumps(specification), encoding="ascii")
        subprocess.run(
            [str(find("wstest")), "-m", "fuzzingclient", "-s", "spec.json"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    cases = json.loads((tmp_path / "reports/index.json").read_text(encoding="utf-8"))["ashd"]
    assert len(cases) > 240
    failed = {name for name, case in cases.items() if case["behavior"] not in GOOD}
    assert failed <= RACES[path]
    assert {case["behaviorClose"] for case in cases.values()} <= GOOD
