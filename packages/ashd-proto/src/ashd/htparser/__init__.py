"""The front end: HTTP/1.0 and 1.1 with clients, ashd with a root handler.

What is public here is the command `ashd-htparser`; `main` is its entry point. All of it runs in one
thread, on one asyncio event loop (uvloop's when that is installed); with `--processes`, in several
processes that know nothing of each other's clients (`_workers`).

How a request travels, and which module is in charge of it:

- `_listener` accepts, `_connection` reads what the client sends;
- `_head` judges the request head, `_body` finds the end of the body;
- `_queue` sends the datagram to the root handler, or keeps it while that takes none;
- `_keeper` takes back what the root handler doesn't receive in time, `_handler` starts it again;
- `_exchange` moves bodies through the response socket, `_response` frames the answer;
- `_poller` watches the descriptors of the last two; `_server` knows when to start, sweep and stop.
"""

from ._cli import main

__all__ = ["main"]
