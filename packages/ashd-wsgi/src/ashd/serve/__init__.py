"""Handler models: ways to spread requests over threads. Nothing here knows of WSGI or ashd.

`make_model` makes one from its specification; `Model.serve` runs all tasks of a `Source`. To add
a model, write a class that follows the `Model` protocol and put it into `MODELS`.

What a program may not need is imported when it is asked for: handlers are started on demand.
"""

from typing import TYPE_CHECKING, Any

from . import _compat
from ._compat import names, parsehspec
from ._errors import Error, ModelError
from ._fork import handle_signal, keep_no_more, leave_behind
from ._interface import Driver, Model, ParallelSource, Source, Stream, Task, ThreadSource
from ._later import later
from ._running import Held, Running, running
from ._spec import DEFAULT_MODEL, MODELS, make_model
from ._thread_dump import report_threads
from ._wakeup import WakeUp
from ._worker import Worker, this_worker

if TYPE_CHECKING:
    from ._compat import freethread, resplex, single, threadpool
    from ._free import Free
    from ._pool import Pool
    from ._rplex import Rplex
    from ._single import Single
    from ._workers import Workers

_LATER = ("Free", "Pool", "Rplex", "Single", "Workers")


def __getattr__(name: str) -> Any:
    if name in _compat.LATER:
        return getattr(_compat, name)
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return later(name)


__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "Driver",
    "Error",
    "Free",
    "Held",
    "Model",
    "ModelError",
    "ParallelSource",
    "Pool",
    "Rplex",
    "Running",
    "Single",
    "Source",
    "Stream",
    "Task",
    "ThreadSource",
    "WakeUp",
    "Worker",
    "Workers",
    "freethread",
    "handle_signal",
    "keep_no_more",
    "leave_behind",
    "make_model",
    "names",
    "parsehspec",
    "report_threads",
    "resplex",
    "running",
    "single",
    "this_worker",
    "threadpool",
]
