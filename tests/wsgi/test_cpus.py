"""The option `-w auto`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ashd.wsgi._cpus import usable_cpus
from ashdtest.cases import about
from ashdtest.commands import HELLO, attempt, command, module

ALL = len(os.sched_getaffinity(0))


def system(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_control_groups(tmp_path: Path) -> None:
    v1 = "sys/fs/cgroup/cpu,cpuacct"
    cases: list[tuple[int, dict[str, str]]] = [
        (ALL, {}),
        (ALL, {"proc/self/cgroup": "0::/\n"}),
        (ALL, {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}),
        (1, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}),
        (1, {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "100000 100000\n"}),
        (min(ALL, 2), {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "110000 100000\n"}),
        (ALL, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "nonsense\n"}),
        (
            1,
            {
                "proc/self/cgroup": "5:memory:/x\n4:cpu,cpuacct:/a:b\n",
                f"{v1}/a:b/cpu.cfs_quota_us": "90000\n",
                f"{v1}/a:b/cpu.cfs_period_us": "100000\n",
            },
        ),
        (
            ALL,
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/\n",
                f"{v1}/cpu.cfs_quota_us": "-1\n",
                f"{v1}/cpu.cfs_period_us": "100000\n",
            },
        ),
    ]
    for number, (expected, files) in enumerate(cases):
        with about(str(files)):
            assert usable_cpus(system(tmp_path / str(number), files)) == expected


def test_affinity(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO)
    code = "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "os.execv(sys.argv[1], sys.argv[1:])"
    argv = command("-w", "auto", "--check-config", "-Ap", folder, "app")
    outcome = attempt([sys.executable, "-c", code, *argv])
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "workers: 1\n" in outcome.stdout
