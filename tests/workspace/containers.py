"""Check that the manifests of examples/kubernetes fit the image of examples/container."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from ashd.htparser._health import Health, Readiness
from ashd.htparser._limits import HANDLER_EXIT_TIME
from ashd.htparser._options import parse_options

EXAMPLES = Path(__file__).parents[2] / "examples"


def entrypoint() -> list[str]:
    for line in (EXAMPLES / "container" / "Containerfile").read_text("utf-8").splitlines():
        if line.startswith("ENTRYPOINT "):
            words: list[str] = json.loads(line.removeprefix("ENTRYPOINT"))
            return words[1:]
    raise AssertionError("no ENTRYPOINT")


def main() -> int:
    """Raise AssertionError if they don't."""
    text = (EXAMPLES / "kubernetes" / "notes.yaml").read_text("utf-8")
    manifests: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all(text) if each}
    template = manifests["Deployment"]["spec"]["template"]
    pod = template["spec"]
    (container,) = pod["containers"]
    settings = parse_options([*entrypoint(), *container["args"]])

    (port,) = settings.ports
    assert [each["containerPort"] for each in container["ports"]] == [port.number]
    assert settings.health is not None
    paths = Health(settings.health, Readiness()).paths
    probes = [f"{name}Probe" for name in ("startup", "readiness", "liveness")]
    assert {container[name]["httpGet"]["path"].encode() for name in probes} <= paths

    limits = settings.limits
    needed = limits.drain_time + limits.stop_time + HANDLER_EXIT_TIME
    assert pod["terminationGracePeriodSeconds"] >= needed

    labels = template["metadata"]["labels"]
    assert manifests["Service"]["spec"]["selector"] == labels
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert manifests[kind]["spec"]["selector"]["matchLabels"] == labels
    return 0


if __name__ == "__main__":
    sys.exit(main())
