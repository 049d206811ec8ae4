"""PERF objects: what can be looked at over a debug socket, and what it takes to write more.

Built in, and found by clients as `pdm.perf.NAME`: `sysres`, `sysinfo`, `sysctl`, `process`,
`threads`, `profile`, `heap`, `workers`, `prompts` and `objects`. An object of your own is any
object at the top level of a module that is imported already and has a method `pdm_protocols()`.
Its methods are called from the threads of the server.
"""

from .._names import wire_class
from ._call import after_reply, wait_left
from ._heap import heap
from ._interfaces import PROTOCOLS, Invokable, Listable, PerfObject, Readable, Subscribable
from ._objects import Attribute, Directory, EventSource, Functions, Value
from ._profile import profile
from ._prompts import prompts
from ._registry import objects
from ._system import process, sysctl, sysinfo, sysres, threads
from ._wire import (
    AttrInfo,
    Event,
    FinishEvent,
    LostEvents,
    ProcEvent,
    RequestFinish,
    RequestStart,
    StartEvent,
    UnknownEvent,
    error,
    nosuchname,
    nosuchproto,
)
from ._workers import workers

# The names of the original library
attrinfo = AttrInfo
event = Event
procevent = ProcEvent
startevent = StartEvent
finishevent = FinishEvent
simpleattr = Attribute
valueattr = Value
staticdir = Directory
eventobj = EventSource
simplefunc = Functions

__all__ = [
    "PROTOCOLS",
    "AttrInfo",
    "Attribute",
    "Directory",
    "Event",
    "EventSource",
    "FinishEvent",
    "Functions",
    "Invokable",
    "Listable",
    "LostEvents",
    "PerfObject",
    "ProcEvent",
    "Readable",
    "RequestFinish",
    "RequestStart",
    "StartEvent",
    "Subscribable",
    "UnknownEvent",
    "Value",
    "after_reply",
    "attrinfo",
    "error",
    "event",
    "eventobj",
    "finishevent",
    "heap",
    "nosuchname",
    "nosuchproto",
    "objects",
    "process",
    "procevent",
    "profile",
    "prompts",
    "simpleattr",
    "simplefunc",
    "startevent",
    "staticdir",
    "sysctl",
    "sysinfo",
    "sysres",
    "threads",
    "valueattr",
    "wait_left",
    "wire_class",
    "workers",
]
