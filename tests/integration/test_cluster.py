"""examples/cluster: three hosts behind HAProxy and nginx are restarted while clients ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ashdtest.outside import find, needs

pytest.importorskip("flask")
pytest.importorskip("redis")

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster"
VISITOR = Path(__file__).with_name("cluster_visitor.py")
SUPPORT = Path(__file__).parents[1] / "support"
HOSTS = ["host1", "host2", "host3"]

pytestmark = needs("unshare", "ip", "haproxy", "nginx", "redis-server", "prometheus")


@pytest.fixture(scope="module")
def visit() -> dict[str, Any]:
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    unshare = [find("unshare") or "", *user, "--net", "--mount", "--pid", "--fork"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make namespaces here")
    command = [sys.executable, str(EXAMPLE / "run.py"), sys.executable, str(VISITOR), str(EXAMPLE)]
    env = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    found = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert found.returncode == 0, found.stderr
    result: dict[str, Any] = json.loads(found.stdout)
    return result


def test_no_request_fails_in_a_rolling_restart(visit: dict[str, Any]) -> None:
    restart = visit["restart"]
    assert restart["failures"] == []
    assert restart["each order once"] is True
    assert sorted(restart["served"]) == HOSTS
    assert restart["orders"] > len(HOSTS)


def test_health_checks_are_nobody_elses_business(visit: dict[str, Any]) -> None:
    assert visit["health"] == {"8080": 404, "8081": 404}


def test_the_application_knows_the_client(visit: dict[str, Any]) -> None:
    assert visit["client"] == "10.99.0.1"


def test_every_panel_of_the_dashboard_shows_something(visit: dict[str, Any]) -> None:
    series = visit["series"]
    for expression, found in series.items():
        if "by (instance)" in expression:
            assert found == HOSTS, expression
    assert len(series) >= len(json.loads((EXAMPLE / "dashboard.json").read_text())["panels"])
