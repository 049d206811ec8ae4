"""The front end: HTTP/1.0 and 1.1 with clients, ashd with a root handler.

What is public here is the command `ashd-htparser`; `main` is its entry point. `check_options` and
`check_portspec` are for programs that start it, `listen` for those that listen as it does. All of
it runs in one thread, on one asyncio event loop (uvloop's when that is installed); with
`--processes`, in several processes that know nothing of each other's clients (`_workers`).

How a request travels, and which module is in charge of it:

- `_listener` accepts, `_room` decides who gives way when all places are taken;
- `_connection` serves a client, `_states` says what it can be doing, `_wire` is its transport;
- `_tls` stands between socket and connection if the port is one for TLS, `_certificates` reads its
  files, `_renewal` takes new ones, `_client_certificate` says what handlers are told;
- `_reader` makes heads and bodies of the client's bytes, without I/O; `_buffer` holds the bytes,
  `_head` judges heads, `_body` the lines of chunked bodies;
- `_queue` sends the datagram to the root handler, or keeps it while that takes none;
- `_keeper` takes back what the root handler doesn't receive in time, `_handler` starts it again;
- `_upload` holds a request body, or lets it through; `_exchange` moves bodies through the response
  socket, `_response` and `_chunks` frame the answer;
- `_poller` watches descriptors; `_server` knows when to start, sweep and stop;
- `_peer` knows who a client is, and asks `_forwarded` what proxies say of it; `_preface` waits for
  the header of the PROXY protocol, which `_proxy_header` reads;
- `_life` tells others how far all that is: `_systemd` the service manager, `_daemon` whoever waits
  for a process in the background, `_pidfile` scripts; `_privileges` are given up before
  clients come;
- `_options` knows what the administrator wants.
"""

from ._listener import listen
from ._main import main
from ._options import check_options
from ._portspec import check_portspec

__all__ = ["check_options", "check_portspec", "listen", "main"]
