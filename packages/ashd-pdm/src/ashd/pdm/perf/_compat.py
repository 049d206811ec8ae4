"""The names of the original library."""

from ._objects import Attribute, Directory, EventSource, Functions, Value
from ._wire import AttrInfo, Event, FinishEvent, ProcEvent, StartEvent

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
    "attrinfo",
    "event",
    "eventobj",
    "finishevent",
    "procevent",
    "simpleattr",
    "simplefunc",
    "startevent",
    "staticdir",
    "valueattr",
]
