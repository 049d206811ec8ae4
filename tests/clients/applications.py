"""A WSGI application, its test and a model of one's own: all public modules of ashd-wsgi."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_type
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ashd.perf import PerfObserver, about, request_of, requests, server, statistics
from ashd.serve import (
    MODELS,
    Model,
    ModelError,
    Single,
    Source,
    Task,
    WakeUp,
    make_model,
    running,
)
from ashd.serve.conformance import MemoryTask, Serving, check_model, checks_for
from ashd.wsgi import VERSION, ClientGoneError, CutBodyError, RequestTimeoutError
from ashd.wsgiutil import (
    ResponseRecorder,
    html_quote,
    http_date,
    make_environ,
    parse_http_date,
    simple_error,
)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Show what was sent, or say why not."""
    try:
        body = environ["wsgi.input"].read()
    except (CutBodyError, ClientGoneError) as error:
        return simple_error(environ, start_response, 400, "Cut", str(error))
    except RequestTimeoutError:
        raise
    date = http_date(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"))
    start_response("200 OK", [("Content-Type", "text/html"), ("Date", date)])
    return [html_quote(repr(body)).encode()]


served: WSGIApplication = application


def try_application() -> None:
    """Call it as a server does."""
    recorder = ResponseRecorder()
    body = recorder.run(application, make_environ("/", data=b"text", HTTP_HOST="localhost"))
    assert_type(body, bytes)
    assert_type(recorder.status, str | None)
    assert_type(recorder.headers, list[tuple[str, str]])


class OneByOne:
    """A model: what `ashd.serve.Model` asks for."""

    multithread = False
    multiplex = False

    def serve(self, source: Source) -> None:
        """Run each task."""
        while source.pending(1.0):
            task = source.receive()
            if task is None:
                return
            assert_type(task, Task)
            running.run(task)


def models() -> None:
    """Choose a model, and check one."""
    model: Model = OneByOne()
    try:
        model = make_model("pool:max=5")
    except ModelError:
        model = Single()
    assert_type(model.multithread, bool)
    assert_type(sorted(MODELS), list[str])
    check_model(OneByOne)
    for check in checks_for(OneByOne):
        check(OneByOne)
    with Serving(OneByOne) as serving:
        (task,) = serving.put(lambda: None)
        assert_type(task, MemoryTask)
        task.finished.wait(1)
    for held in running.snapshot():
        assert_type((held.ident, held.age), tuple[int, float])
    WakeUp().close()


def look_inside() -> None:
    """Read the objects that a debug socket offers."""
    assert_type(VERSION, str)
    assert_type(about, dict[str, str])
    assert_type(server.readattr(), dict[str, Any])
    assert_type(request_of(1), dict[str, Any] | None)
    requests.subscribe(print)
    for name in statistics.listdir():
        print(name, statistics[name])
    PerfObserver()
