"""Every bound and time limit of the front end, with its reason.

Times are seconds, sizes are bytes. `Limits` holds what the command line can change.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024

MAX_FIELDS = 200
"""Header lines of a request. Browsers send about 20; each one costs every handler on the way."""

MAX_KEPT_LINES = 1024
"""Header lines whose meaning is kept, of requests and of responses each; then all are forgotten."""

MAX_KEPT_LINE = 256
"""A longer line isn't kept: it is a cookie or the like, which others don't send."""

MAX_RESPONSE_HEAD = 256 * KIB
"""A handler that writes this much without an empty line doesn't speak HTTP."""

MAX_INTERIM = 256 * KIB
"""Interim responses (1xx) to one request, each with `INTERIM_COST` beside its own bytes: a handler
that sends them without end has gone wrong."""

INTERIM_COST = 4 * KIB
"""So there are 63 at most. Early hints come once or twice, progress (102) every few seconds."""

MAX_FORWARDING = 4 * KIB
"""What proxies on the way say of a client in one header: a hundred of them have room."""

MAX_PROXY_HEADER = 4 * KIB
"""The header of the PROXY protocol, with what proxies add to the addresses: some hundred bytes."""

MAX_EMPTY_LINES = 8
"""Empty lines before a request. Old clients send one after a body; more are an attack."""

START_WINDOW = 32
"""Where a request that isn't HTTP is known by its first bytes: methods are shorter."""

MAX_CHUNK_LINE = 1 * KIB
"""The line before a chunk: a number, and extensions that nobody uses."""

MAX_SHOWN = 1 * KIB
"""What the access log shows of a request head that could not be read."""

CHUNKS_AT_ONCE = 64
"""Chunks that make one piece of a body: a flood of tiny ones costs microseconds each."""

EVENTS_AT_ONCE = 4
"""What is read of a client before it's the others' turn; usually there is less at a time."""

MAX_TRAILERS = 8 * KIB
"""Trailer fields are read and dropped."""

PIECE = 64 * KIB
"""What is read from a response socket at a time: little enough for a thousand connections."""

FIRST_PIECE = 16 * KIB
"""What is read of a new response at once: most are smaller, and the rest of a large one waits until
everything new had a turn."""

PIECES_AT_ONCE = 4
"""Pieces of responses that are copied before new clients and requests have their turn: some tenths
of a millisecond."""

MAX_DRAINED = 1024 * KIB
"""What a handler may write in vain as the body of a HEAD response, before its socket is closed."""

MAX_DRAINS = 64
"""HEAD responses at a time that are waited for the end of; the oldest gives way."""

TRICKLE = 1 * KIB
"""Less of a large body than this at a time waits until everybody else had a turn: it costs as much
as a large piece, and more of it may come meanwhile."""

MAX_HELD = 64 * KIB
"""What a client may send ahead (pipelined requests) while its request is being answered."""

STALL_TIME = 0.05
"""A client whose body doesn't come, or that doesn't read what it gets, may give way to a new one
after this."""

PAUSE_TIME = 1.0
"""A client that has sent some of its body may pause for this long before it may give way: networks
lose packets, and send them again."""

UNREAD_TIME = 5.0
"""A client that takes nothing of a response though it has room may give way to a new one after
this: it is the network that stands still."""

QUIET_TIME = 60.0
"""A stream on which nothing has moved for this long may give way to a new client when nobody else
can. WebSocket libraries send a ping every 20 or 30 seconds."""

CANDIDATES = 8
"""Clients that are asked whether they can give way each time that a new one comes."""

STALLING_CANDIDATES = 64
"""Likewise of those that are busy with a body or a response, which are asked `STALL_TIME` apart."""

LOOK_AGAIN = 0.025
"""Seconds between two attempts to find a place for a client that waits to be accepted."""

LINGER_TIME = 5.0
"""How long a client's unread bytes are thrown away after the last response: closing at once would
reset the connection, and the client might lose the response."""

SWEEP_INTERVAL = 1.0
"""All time limits are looked at this often, so no request needs a timer of its own."""

LONGEST_SILENCE = 3 * SWEEP_INTERVAL
"""A front end of several that hasn't been heard of for this long is stuck, or the machine is."""

UNSENT = 128 * KIB
"""Bytes of a response that the kernel takes before the network does. By default it takes megabytes:
copying them for clients that don't read would cost the others seconds."""

TLS_RECORD = 16 * KIB
"""The most that a TLS record carries, and so what is encrypted or decrypted at once: OpenSSL keeps
the largest buffer that it ever had."""

MAX_TLS_REPLIES = 1024 * KIB
"""Unsent bytes, with which a client that makes TLS itself answer is left: responses stop long
before."""

LAST_REQUESTS_TIME = 0.5
"""After the time to drain, or when another process takes over: no new connection begins, and what
is on its way still comes. No client is so far away that it takes longer, or only few."""

SAY_AGAIN = 60.0
"""Seconds between two warnings that no descriptors are left: there may be thousands of attempts."""

ACCEPT_BURST = 64
"""Connections accepted before it's the others' turn."""

OPENED_AT_ONCE = 16
"""Accepted connections that are looked at before it's the others' turn: each costs as much as a
request."""

OLDEST_OPENED = 4
"""Of these, how many are those that have waited longest; the rest are the newest."""

CROWDED_PAUSE = 0.005
"""While requests wait for the handler, one of the connections that wait is looked at this often."""

MOST_GUESTS = 16
GUESTS = 32
"""When all places are taken and nobody can give way yet, as it isn't known who stalls, one more
client for so many places is let in, up to `MOST_GUESTS`."""

REQUESTS_LYING = 32 * KIB
"""What may lie in the root handler's socket, by SO_SNDBUF: some 30 requests as browsers send them,
or 90 small ones. A new request waits for these, whoever has sent them, and for few others."""

LONGEST_REQUEST = 104 * KIB
"""SO_SNDBUF for a request that is too large otherwise: Linux's own value for sockets, and twice as
much fits."""

BACKLOG = 1024
"""Connections that the kernel keeps until they are accepted."""

KEEPALIVE_TIME = 60
"""Seconds of silence after which the kernel looks whether a client's machine is still there: one
that was switched off doesn't close its connection, and a handler may be working for it."""

HANDLER_DESCRIPTORS = 124
"""What a root handler needs beside one for each request: `ashd-wsgi` keeps 64 free."""

SPARE_DESCRIPTORS = 64 + 2 * MOST_GUESTS
"""Not available for usual clients: listeners, logs, the event loop's own, guests."""

HANDLER_EXIT_TIME = 10.0
"""How long the root handler may take to exit after the last request, before it is ended."""

KILL_TIME = 2.0
"""How long it may take to obey SIGTERM then, before it is killed."""

FIRST_DELAY = 0.1
"""Until a root handler that has died is started again; it doubles with each death in a row, so that
one that dies at once doesn't use up the machine."""

LONGEST_LOADING_DELAY = 30.0
"""For one that doesn't even load: a cure is noticed soon enough."""

LONGEST_DELAY = 1.0
"""For one that had loaded: a request that kills it each time must not take the site down."""

HEALTHY_AGE = 10.0
"""A root handler that has lived for so many seconds counts as loaded, unless it has promised to say
so, and its death isn't one more in a row."""

SOON = 3.0
"""Requests wait for a root handler that is started again within this; later, they get 503."""

RETRY_AFTER = 10
"""What a client is told to wait when the root handler is overloaded."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the command line can change."""

    head_time: float = 20.0
    """A request head is small; a client that takes longer holds a connection on purpose."""
    idle_time: float = 75.0
    """Browsers keep connections for about a minute."""
    body_time: float = 60.0
    """Between two bytes of a body, in either direction: mobile clients come back after this."""
    body_rate: int = 500
    """Bytes of a request body that give the client another second, up to `body_time`, so that one
    byte a minute isn't enough. Any modem sends more than 500 a second; 0 for no rate."""
    buffer_body: int = 64 * KIB
    """Bodies up to this size are held until they are whole, so that no handler waits for a slow
    client. All clients may take as much memory at once; 0 to pass every body on as it comes."""
    stream_idle_time: float = 3600.0
    """Between two bytes of a stream, after a switch of protocols, in either direction; infinite for
    no limit. Streams may be silent for long on purpose, and TCP notices clients that are gone."""
    queue_time: float = 60.0
    """How long a request waits for the root handler to take it; the reference front end's value."""
    drain_time: float = 0.0
    """How long clients are served after SIGTERM as if nothing were wrong, but for health checks and
    connections, which are closed after the next response: load balancers look every few seconds."""
    stop_time: float = 60.0
    """How long running requests may take to finish after SIGTERM: longer than most, and bounded, as
    a handler that hangs must not keep a machine from shutting down."""
    connections: int = 900
    """Clients at the same time. Each costs two descriptors while it is served, and one of the root
    handler, which may have 1024 by default: see `HANDLER_DESCRIPTORS`."""
    connections_per_address: int = 0
    """Clients of one address; 0 for no limit, as many may share one (a proxy, a company)."""
    head_size: int = 64 * KIB
    """Request line and header lines. With `target_size`, any datagram fits a socket's send buffer
    (208 KiB on Linux), where the url is twice."""
    target_size: int = 48 * KIB
    """The request target. Far beyond what browsers send, and what the reference front end takes."""
    body_size: int = 1024 * 1024 * KIB
    """A request body; 0 for no limit. Handlers may set a body aside on disk, so one client must
    not be able to fill it unless the administrator says so."""
    lenient_targets: bool = False
    """Whether targets may hold what RFC 3986 wants escaped; programs differ in reading it."""

    @property
    def sweep_interval(self) -> float:
        """Seconds between two looks at all time limits: more often if one of them is short."""
        times = (self.head_time, self.idle_time, self.body_time, self.queue_time, self.stop_time)
        return min(SWEEP_INTERVAL, min(times) / 4)
