"""User instructions of one request: the difference of two runs under callgrind.

    python benchmarks/count_instructions.py [FOLDER]   of the programs in FOLDER, or beside Python

Unlike times, they are the same on a busy machine, within a hundredth. What the kernel does for a
request isn't among them. Needs valgrind, and takes a minute or two.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from _programs import Setup, front_end, load, server, workshop

from ashdtest.processes import free_port

FEW, MANY = 300, 1300
"""Requests of the two runs: code that is run often is changed by Python in the first hundred."""


LOGGING = ("--access-log", "access.log")

PLACES = {
    "front end": (),
    "front end, access log": LOGGING,
    "single": (),
    "single, access log": LOGGING,
    "pool": (),
}
"""The programs that are measured (the front end, or ashd-wsgi under a model), and their options."""


def run(setup: Setup, programs: Path, requests: int, place: str) -> int:
    """Serve some requests, and return what the program in that place took in its whole life."""
    output = setup.folder / "callgrind.out"
    python = str(programs / "python")
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", python]
    port = free_port()
    options = PLACES[place]
    name = place.partition(",")[0]
    if name == "front end":
        argv = valgrind + front_end(programs, port, [str(setup.folder / "loop")], *options)
    else:
        handler = setup.wsgi(programs, "-t", name, *options)
        argv = front_end(programs, port, valgrind + handler)
    with server(argv, port, setup.folder) as pid:
        load(setup, port, pid, requests)
    found = re.search(r"^(?:summary|totals): (\d+)", output.read_text(), re.MULTILINE)
    assert found is not None, "callgrind has written no sum"
    output.unlink()
    return int(found[1])


def main() -> None:
    if shutil.which("valgrind") is None:
        sys.exit("The instructions are counted by valgrind (Debian: apt install valgrind).")
    programs = Path(sys.argv[1] if len(sys.argv) > 1 else Path(sys.executable).parent)
    with workshop(1, {}) as setup:
        for place in PLACES:
            few, many = (run(setup, programs, requests, place) for requests in (FEW, MANY))
            print(f"{place:22} {(many - few) / (MANY - FEW):9,.0f} instructions a request")


if __name__ == "__main__":
    main()
