"""Handler models: ways to spread requests over threads. Nothing here knows of WSGI or ashd.

`make_model` makes one from its specification; `Model.serve` runs all tasks of a `Source`. To add
a model, write a class that follows the `Model` protocol and put it into `MODELS`.
"""

from ._errors import Error, ModelError
from ._free import Free
from ._interface import Model, Source, Stream, Task
from ._pool import Pool
from ._report import report_threads
from ._rplex import Rplex
from ._running import Held, Running, running
from ._single import Single
from ._spec import DEFAULT_MODEL, MODELS, make_model
from ._worker import Worker, this_worker
from ._workers import Workers

__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "Error",
    "Free",
    "Held",
    "Model",
    "ModelError",
    "Pool",
    "Rplex",
    "Running",
    "Single",
    "Source",
    "Stream",
    "Task",
    "Worker",
    "Workers",
    "make_model",
    "report_threads",
    "running",
    "this_worker",
]
