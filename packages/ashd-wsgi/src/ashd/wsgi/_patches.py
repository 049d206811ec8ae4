"""Refusing applications that replace what the models stand on: gevent and eventlet can do that."""

from __future__ import annotations

import sys
from importlib import import_module
from types import BuiltinFunctionType

from ._errors import StartError

_NEEDED = (
    ("_thread", ("start_new_thread", "allocate_lock")),
    ("select", ("poll", "epoll")),
    ("os", ("read", "write", "close")),
)
"""What has to be Python's own. A thread would otherwise run inside another one and stop it while it
waits, `epoll` would be missing, and a descriptor be closed at some later time."""

_BUILT_IN = (BuiltinFunctionType, type)
_LIBRARIES = ("gevent", "eventlet")


def refuse_patches() -> None:
    """Raise `StartError` if the application has replaced what can't be done without."""
    replaced = [
        f"{module}.{name}"
        for module, names in _NEEDED
        for name in names
        if not isinstance(getattr(import_module(module), name, None), _BUILT_IN)
    ]
    if not replaced:
        return
    library = next((name for name in _LIBRARIES if name in sys.modules), "the application")
    raise StartError(
        f"{library} has replaced {', '.join(replaced)}, which this server can't do without: its "
        "threads would wait for ever. Leave them, as gevent.monkey.patch_all(thread=False, "
        "select=False, os=False, signal=False) does, or use a server of that library"
    )
