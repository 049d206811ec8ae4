"""A small site that shows what a WSGI application sees behind ashd, and what it can do there.

`application` is what a server calls; every request may come from another thread. Nothing is kept
between requests. The standard library is all it needs, apart from `ashd.serve.running`, which tells
the requests that the process is busy with; without ashd that table is empty.
"""

from ._site import application, wmain

__all__ = ["application", "wmain"]
