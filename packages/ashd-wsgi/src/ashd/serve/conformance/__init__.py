"""What every handler model has to do, as checks that need no test framework.

For whoever writes a model: hand over something that makes a new one each time it is called.

    from ashd.serve.conformance import check_model

    check_model(MyModel)                                   # all that every model has to do
    check_limit(lambda: MyModel(maximum=4), 4)             # if it has a limit
    check_idle_threads_end(lambda: MyModel(idle=0.1))      # if its threads live on

Each raises AssertionError that says what was wrong. `checks_for` gives the parts of `check_model`,
for test frameworks that want to name them. `MemorySource`, `MemoryTask` and `StreamTask` are the
source and the tasks they use: real threads and real sockets, no clock; useful for more tests.
"""

from ._checks import CHECKS, Check, check_model, checks_for
from ._harness import DEADLINE, Serving
from ._limits import check_idle_threads_end, check_limit
from ._memory import MemorySource, MemoryTask, StreamTask

__all__ = [
    "CHECKS",
    "DEADLINE",
    "Check",
    "MemorySource",
    "MemoryTask",
    "Serving",
    "StreamTask",
    "check_idle_threads_end",
    "check_limit",
    "check_model",
    "checks_for",
]
