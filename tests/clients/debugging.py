"""A daemon with a debug socket, and a program that looks into it: all of ashd-pdm."""

from __future__ import annotations

import socket
from typing import Any, assert_type

from ashd.pdm import ConnectError, PdmError, SpecError, perf
from ashd.pdm.cli import (
    PerfClient,
    Proxy,
    ReplClient,
    SshTarget,
    Target,
    TcpTarget,
    UnixTarget,
    connect,
    open_perf,
    parse_target,
)
from ashd.pdm.command import main as command
from ashd.pdm.perf import wire_class
from ashd.pdm.srv import Limits, Listener, Workers, attach, channel, listen, parse_spec
from ashd.pdm.util import add_finder, describe_threads, fold, format_threads, work_of

done = perf.Value(0, "Jobs that are done")
counters = perf.Directory({"done": done, "half": perf.Attribute(lambda: done.value / 2)})
control = perf.Functions(reset=lambda: None)
jobs = perf.EventSource()


@wire_class("clients.jobstart")
class JobStart(perf.StartEvent):
    """A job begins."""


def serve() -> None:
    """Open a debug socket, one with worker processes below."""
    try:
        parse_spec("unix:/run/daemon.debug")
    except SpecError as error:
        raise SystemExit(str(error)) from error
    workers = Workers()
    with listen("tcp:1234", limits=Limits(connections=5), workers=workers) as listener:
        assert_type(listener, Listener)
        ours, theirs = channel()
        assert_type(theirs, socket.socket)
        workers.add("1", ours)
        attach(theirs).close()
    add_finder(lambda ident: {"job": ident})


def work() -> None:
    """Tell events."""
    assert_type(done.value, int)
    done.value += 1
    start = JobStart()
    if jobs:
        jobs.notify(start)
    jobs.notify(perf.FinishEvent(start, aborted=False))
    assert_type(start.time, float)


def look(text: str) -> None:
    """Ask a daemon."""
    target = parse_target(text)
    assert_type(target, Target)
    if isinstance(target, UnixTarget):
        print(target.path)
    elif isinstance(target, TcpTarget):
        print(target.host, target.port)
    else:
        assert_type(target, SshTarget)
    try:
        client = open_perf(target, timeout=5.0)
    except ConnectError as error:
        raise SystemExit(str(error)) from error
    with client:
        assert_type(client, PerfClient)
        proxy = client.find("clients.counters/done")
        assert_type(proxy, Proxy)
        assert_type(proxy.readattr(), Any)
        assert_type(proxy.listdir(), list[str])
        assert_type(proxy.by_worker("readattr"), dict[str, Any])
        proxy.subscribe(print)
        client.dispatch(1.0)
    with ReplClient(target) as repl:
        assert_type(repl.run("1 + 1"), str)
    connect(target, "perf").close()


def inside() -> None:
    """Look at this process."""
    for thread in describe_threads():
        fold(thread)
    assert_type(format_threads(), str)
    assert_type(work_of(1), dict[str, object] | None)
    for built_in in (perf.heap, perf.profile, perf.process, perf.threads, perf.sysres):
        try:
            assert_type(built_in.pdm_protocols(), list[str])
        except PdmError as error:
            raise SystemExit(command(["--help"])) from error
