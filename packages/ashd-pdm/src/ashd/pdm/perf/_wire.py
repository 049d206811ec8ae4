"""The classes that travel in PERF messages, under the names in the decorators.

Instances hold plain attributes, and must not be changed once they were given away: other threads
write them out.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from .._errors import PdmError
from .._names import WIRE_NAMES, wire_class


@wire_class("pdm.perf.error")
class error(PdmError):  # noqa: N801, N818
    """The server could not do it. Exceptions of the daemon's own classes arrive as this one."""


@wire_class("pdm.perf.nosuchname")
class nosuchname(error, LookupError):  # noqa: N801, N818
    """There is no object of that name."""


@wire_class("pdm.perf.nosuchproto")
class nosuchproto(error):  # noqa: N801
    """The object doesn't implement what was asked of it."""


@wire_class("pdm.perf.attrinfo")
class AttrInfo:
    """What an attribute means: `desc` is a sentence, with the unit.

    `merge` says how the values of several worker processes become one: `sum`, `max`, or `each` (a
    dict from worker to value). Values that can't be added come as `each` in any case.
    """

    merge: str = "sum"

    def __init__(self, desc: str | None = None, merge: str | None = None) -> None:
        self.desc = desc
        if merge is not None:
            self.merge = merge


@wire_class("pdm.perf.event")
class Event:
    """Something that happened at `time` (seconds since the epoch).

    `lost` is 0 but in the notice that a server puts in place of events which a client was too slow
    to take: there it is how many. `worker` names the worker process that it comes from, when there
    are several.
    """

    lost: int = 0
    worker: str | None = None

    def __init__(self) -> None:
        self.time: float = time.time()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({fields})"


class UnknownEvent(Event):
    """An event of a class that this client doesn't know: `kind` is its dotted name, the other
    attributes are as they came. `args` is there when the class was called with arguments.
    """

    kind: str = ""
    args: tuple[Any, ...] = ()


class LostEvents(Event):
    """The notice of `lost` events. It travels as a `pdm.perf.event` with one attribute more."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.lost = lost


WIRE_NAMES[LostEvents] = "pdm.perf.event"


@wire_class("pdm.perf.procevent")
class ProcEvent(Event):
    """An event of something that takes a while; `id` is the same in all events of it."""

    def __init__(self, id: Any) -> None:  # noqa: A002
        super().__init__()
        self.id: Any = id.id if isinstance(id, ProcEvent) else id


_ids = itertools.count(1)


@wire_class("pdm.perf.startevent")
class StartEvent(ProcEvent):
    """Something begins. It gets an `id` that is unique in this process."""

    def __init__(self) -> None:
        super().__init__(next(_ids))


@wire_class("pdm.perf.finishevent")
class FinishEvent(ProcEvent):
    """What `start` began is over; `aborted` says whether before its proper end."""

    def __init__(self, start: StartEvent | int, aborted: bool | None = False) -> None:
        super().__init__(start)
        self.aborted = aborted


@wire_class("ashd.perf.reqstart")
class RequestStart(StartEvent):
    """A request begins.

    Attributes, all but `time` and `id` given by keyword: `method`, `uri`, `host`, `script_uri`,
    `script_path`, `pathinfo`, `querystring`, `remoteaddr`, `remoteport`, `scheme`, `icpu`.
    """

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        vars(self).update(fields)


@wire_class("ashd.perf.reqfinish")
class RequestFinish(FinishEvent):
    """A request is over: `status` (text, or None), `cputime` (seconds, or None), `aborted`."""

    def __init__(
        self,
        start: StartEvent | int,
        *,
        aborted: bool | None = False,
        status: Any = None,
        cputime: float | None = None,
    ) -> None:
        super().__init__(start, aborted)
        self.status = status
        self.cputime = cputime
