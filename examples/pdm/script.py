"""A plain daemon with a debug socket, and objects of its own on it.

python3 script.py /tmp/script.sock
ashd-pdm get /tmp/script.sock __main__.counters
ashd-pdm watch /tmp/script.sock __main__.jobs
ashd-pdm call /tmp/script.sock __main__.control pause
"""

import sys
import threading

import ashd.pdm.srv
from ashd.pdm import perf

done = perf.Value(0, "Jobs that are done")
counters = perf.Directory({"done": done, "threads": perf.Attribute(threading.active_count)})
jobs = perf.EventSource()
running = threading.Event()
running.set()
control = perf.Functions(pause=running.clear, go_on=running.set)


def work() -> None:
    while running.wait():
        start = perf.StartEvent()
        jobs.notify(start)
        sum(number * number for number in range(10_000))
        done.value += 1
        jobs.notify(perf.FinishEvent(start))
        threading.Event().wait(0.05)


if __name__ == "__main__":
    ashd.pdm.srv.listen(sys.argv[1])
    work()
