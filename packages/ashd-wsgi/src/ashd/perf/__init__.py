"""What a running `ashd-wsgi` tells over its debug socket (`-m`): counters, and events of requests.

PERF objects, found by clients as `ashd.perf.NAME`:

- `statistics`, a directory; its attribute `req` is a dict from status code (`"200"`) to the number
  of responses.
- `requests`, a source of events: a `RequestStart` and a `RequestFinish` for each request.
- `recorder`, an attribute that lists the last requests, and calls (`record`, `stop`, `get`).
- `server`, an attribute: a dict with what a monitor wants to know at a glance.

This module needs `ashd-pdm`, and is imported only when a debug socket is asked for. The counters
are written by the threads that serve requests and read by those of the debug socket.
"""

from ._objects import about, request_of, requests, server, statistics
from ._observer import PerfObserver
from ._recorder import recorder

__all__ = ["PerfObserver", "about", "recorder", "request_of", "requests", "server", "statistics"]
