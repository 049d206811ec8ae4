"""Run real applications behind our servers and behind waitress, and compare what clients get.

python tests/compatibility [--workers N] [--scgi] [APPLICATION ...]

Each application of `applications/` is run unchanged behind `ashd-htparser` and `ashd-wsgi` (models
`pool` and `free`) and behind waitress, each time in the same state at the same port, and gets the
same requests. What differs must have a reason in differences.toml. When all applications were run,
the tables go into docs/reference/real-applications.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support")]

from ashdtest.beside import document, servers
from ashdtest.beside.application import Application, applications
from ashdtest.beside.comparison import compare
from ashdtest.beside.document import Result
from ashdtest.beside.exchange import Exchange
from ashdtest.beside.reasons import Reason, reasons, why


def main() -> int:
    parser = argparse.ArgumentParser(prog="compatibility", description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=0, help="run ashd-wsgi with -w N")
    parser.add_argument("--scgi", action="store_true", help="run scgi-wsgi behind nginx instead")
    parser.add_argument("applications", nargs="*", metavar="APPLICATION")
    arguments = parser.parse_args()
    kind = servers.scgi if arguments.scgi else servers.ours
    ours = [kind(model, arguments.workers) for model in ("pool", "free")]
    try:
        chosen = applications(arguments.applications)
    except LookupError as error:
        parser.error(str(error))
    begin, skipped, unknown = time.monotonic(), 0, 0
    known, results = reasons(), []
    for application in chosen:
        if missing := application.missing(arguments.workers):
            print(f"{application.name}: skipped: {missing}", flush=True)
            skipped += 1
            continue
        result, new = look_at(application, ours, known)
        results.append(result)
        unknown += new
    usual = not (arguments.workers or arguments.scgi or arguments.applications or skipped)
    if usual and not unknown:
        unknown += stale(results, known)
        document.write(results, known)
    summary(results, len(ours), unknown)
    failed = sum(result.unexplained > 0 for result in results)
    counts = f"{len(results) - failed} passed, {failed} failed, {skipped} skipped"
    print(f"{counts} in {time.monotonic() - begin:.1f}s")
    return 1 if unknown else 0


def look_at(
    application: Application, ours: Sequence[servers.Server], known: Sequence[Reason]
) -> tuple[Result, int]:
    """Visit one application behind all servers; say what no reason explains, and how much it is."""
    result, unknown = Result(application), 0
    visits = application.visits([servers.waitress(), *ours])
    theirs = next(visits)
    result.requests = sum(isinstance(step, Exchange) for step in theirs)
    result.programs = len(theirs) - result.requests
    for server, steps in zip(ours, visits, strict=True):
        differing: dict[str, set[str]] = {}
        for difference in compare(steps, theirs, application.varies):
            reason = why(known, application.key, server.name, difference)
            if reason is None:
                print(f"{application.name}, {server.name}: {difference}", flush=True)
                unknown += 1
            else:
                differing.setdefault(reason.what, set()).add(difference.request)
        for what, requests in differing.items():
            result.seen[what] = max(result.seen[what], len(requests))
    result.unexplained = unknown
    words = f"{result.requests} requests, {result.programs} runs of client programs"
    name = f"{application.name} {application.version}".rstrip()
    print(f"{name}: {words}, {unknown} unexplained", flush=True)
    return result, unknown


def stale(results: Sequence[Result], known: Sequence[Reason]) -> int:
    """Name the reasons that nothing was seen of."""
    unseen = [row.what for row in known if not any(result.seen[row.what] for result in results)]
    for what in unseen:
        print(f"differences.toml: nothing was seen of {what}; take it out")
    return len(unseen)


def summary(results: Sequence[Result], servers_compared: int, unknown: int) -> None:
    requests = sum(result.requests for result in results)
    programs = sum(result.programs for result in results)
    kinds = {what for result in results for what in result.seen}
    print(
        f"{len(results)} applications, {requests} requests and {programs} runs of client programs, "
        f"each compared {servers_compared} times with waitress: {len(kinds)} kinds of differences "
        f"with a reason, {unknown} without"
    )


if __name__ == "__main__":
    sys.exit(main())
