"""What test_cluster.py runs on the front of examples/cluster: it prints what it finds in JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ashdtest.processes import wait_until

HOSTS = 3
FRONT = "http://10.99.0.1"


def get(address: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(address) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


def ask_prometheus(expression: str) -> list[dict[str, Any]]:
    """Return the series of a query, which must be a valid one."""
    query = urllib.parse.quote(expression)
    status, body = get(f"{FRONT}:9090/api/v1/query?query={query}")
    assert status == 200, (status, expression)
    series: list[dict[str, Any]] = json.loads(body)["data"]["result"]
    return series


def wait_for_series(expression: str) -> list[str]:
    """Return of which hosts a query tells: of each, or of all together."""
    hosts: list[str] = []

    def is_complete() -> bool:
        hosts[:] = sorted(one["metric"].get("instance", "") for one in ask_prometheus(expression))
        return len(hosts) == HOSTS if "instance)" in expression else bool(hosts)

    wait_until(is_complete, what=expression)
    return hosts


def visit(folder: Path) -> dict[str, Any]:
    restart = subprocess.run(
        [sys.executable, str(folder / "restart.py")], capture_output=True, text=True, check=False
    )
    if not restart.stdout:
        sys.exit(restart.stderr)
    sessions = json.loads(get(f"{FRONT}:8080/")[1])
    dashboard = json.loads((folder / "dashboard.json").read_text(encoding="utf-8"))
    series = {}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            text = target["expr"].replace("$__rate_interval", "20s").replace("$instance", ".*")
            series[target["expr"]] = wait_for_series(text)
    return {
        "restart": json.loads(restart.stdout),
        "health": {port: get(f"{FRONT}:{port}/healthz")[0] for port in (8080, 8081)},
        "client": sessions["client"],
        "series": series,
    }


if __name__ == "__main__":
    print(json.dumps(visit(Path(sys.argv[1]))))
