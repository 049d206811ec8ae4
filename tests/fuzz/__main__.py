"""Feed the front end and the codec with bytes that coverage guides (atheris, libFuzzer).

python tests/fuzz [--seconds N] [TARGET ...]   all targets at the same time, for so long each
python tests/fuzz --replay TARGET FILE         one input, to see what is wrong with it
python tests/fuzz --merge                      keep, of all that was found, what reaches more code

What holds for every input is in ashdtest/invariants.py. An input that breaks something is saved in
.nox/inputs/, and the run fails. New inputs that reach more code are there as well, and the next run
begins with them; --merge writes those that are worth keeping into TARGET.jsonl.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WORK = ROOT / ".nox" / "inputs"
SECONDS = "ASHD_FUZZ_SECONDS"
SEED = "ASHD_FUZZ_SEED"  # CI has one, so that it finds what the change broke; 0: random
LONGEST = 1600  # bytes of an input: more than a line of a chunk may have
MEMORY = 1024  # MiB of a process, most of which are Python's and the fuzzer's own
SLOWEST = 10  # seconds for one input, beside other processes; the usual ones take a millisecond

sys.path[:0] = [str(ROOT / "tests" / "support")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=int(os.environ.get(SECONDS, "10")))
    parser.add_argument("--merge", action="store_true", help="keep what reaches more code")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"), help="try one input")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()
    from ashdtest.invariants import TARGETS

    if arguments.replay:
        name, file = arguments.replay
        TARGETS[name](Path(file).read_bytes())
        print("Nothing is wrong with it.")
        return 0
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"unknown: {', '.join(unknown)}; the targets are {', '.join(TARGETS)}")
    targets = arguments.targets or list(TARGETS)
    if arguments.merge:
        return max([merge(name) for name in targets])
    return run(targets, arguments.seconds)


def run(targets: list[str], seconds: int) -> int:
    """Fuzz all targets at the same time; return an exit status."""
    processes = {name: start(name, seconds) for name in targets}
    return max([report(name, process) for name, process in processes.items()])


def start(name: str, seconds: int) -> subprocess.Popen[str]:
    seed = f"-seed={os.environ.get(SEED, '0')}"
    limits = (f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-timeout={SLOWEST}")
    places = (f"-artifact_prefix={WORK}/{name}-", f"-dict={HERE / 'http.dict'}")
    found = WORK / name
    found.mkdir(parents=True, exist_ok=True)
    options = (seed, *limits, *places, str(found), str(seeds(name)))
    return fuzzer(name, *options, stderr=subprocess.PIPE)


def fuzzer(name: str, *options: str, stderr: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "fuzzer.py"), f"-max_len={LONGEST}", *options]
    environment = {**os.environ, "ASHD_FUZZ_TARGET": name}
    return subprocess.Popen(command, stderr=stderr, text=True, env=environment)


def seeds(name: str, more: Iterable[bytes] = ()) -> Path:
    """Write what the tree has for a target where the fuzzer takes it: one input a file."""
    from ashdtest.fuzzinputs import read_inputs

    folder = WORK / f"{name}-seeds"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for data in [*read_inputs(name), *more]:
        if len(data) <= LONGEST:
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return folder


def report(name: str, process: subprocess.Popen[str]) -> int:
    """Say how many inputs were tried; of one that broke something, how to try it again."""
    with process:
        assert process.stderr is not None
        text = process.stderr.read()
    if done := re.search(r"Done (\d+) runs in (\d+) second", text):
        reached = re.findall(r"cov: (\d+)", text)[-1:] or ["?"]
        print(f"{name}: {int(done[1]):,} inputs in {done[2]} s, {reached[0]} places reached")
    if not process.returncode:
        return 0
    print(text[-3000:])
    print(f"{name}: an input broke something, or the fuzzer didn't run. To try an input again:")
    for file in re.findall(r"Test unit written to (\S+)", text):
        print(f"    python tests/fuzz --replay {name} {os.path.relpath(file, ROOT)}")
    return 1


def merge(name: str) -> int:
    """Keep what reaches more code than the rest, of what is in the tree and was found lately."""
    from ashdtest.corpus import all_cases
    from ashdtest.fuzzinputs import write_inputs

    kept = WORK / f"{name}-kept"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    cases = [case.data for case in all_cases().values()] if name == "requests" else []
    folders = [kept, seeds(name, cases), *filter(Path.is_dir, [WORK / name])]
    with fuzzer(name, "-merge=1", *map(str, folders)) as process:
        pass
    if process.returncode:
        return 1
    write_inputs(name, [file.read_bytes() for file in kept.iterdir()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
