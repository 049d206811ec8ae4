"""A profile of a server that has nothing to do shows nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ashd.pdm import cli
from ashd.pdm.command.profile._stacks import waits
from ashdtest.builds import needs_frames
from ashdtest.cases import about
from ashdtest.wsgiprograms import MODEL_OPTIONS, PATIENCE, wsgi


@needs_frames
def test_threads_that_wait_for_requests_count_as_idle(tmp_path: Path) -> None:
    for number, options in enumerate(MODEL_OPTIONS):
        target = str(tmp_path / f"{number}.sock")
        with about(" ".join(options)), wsgi("hello_app", *options, "-m", target) as handler:
            handler.call(timeout=PATIENCE)
            with cli.perfclient(target) as perf:
                found = perf.find("pdm.perf.profile").by_worker("invoke", "run", [0.2, 200.0], {})
            sampled = Counter[str]()
            for answer in found.values():
                for stack, count in answer["stacks"].items():
                    if not waits(tuple(stack.split(";"))):
                        sampled[stack.split(";")[-1]] += count
            # The thread that has answered may still have been on its way back.
            assert {label for label, count in sampled.items() if count > 10} == set()
