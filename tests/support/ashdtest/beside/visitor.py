"""A client that sends bytes as they are told, over one connection for as long as it stays."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

from ..processes import DEADLINE
from .connection import Connection, GoneError
from .exchange import After, Exchange, Ran
from .relay import Relay
from .wire import Answer

FORM = "Content-Type: application/x-www-form-urlencoded"
_BOUNDARY = "boundary-of-the-test"
Body = bytes | Sequence[bytes]
"""A sequence is sent in chunks."""


@dataclass
class Visitor:
    """Sends requests to one server, and keeps what was exchanged."""

    port: int
    relay: Relay
    """What client programs talk to, in place of the server."""
    state: Path
    done: list[Exchange | Ran] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)
    _connection: Connection | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def ask(
        self, method: str, target: str, *fields: str, body: Body = b"", version: str = "HTTP/1.1"
    ) -> Exchange:
        """Send a request and read the response."""
        data = self._head(method, target, version, fields, body) + _encoded(body)
        exchange = self._exchange(method, target, version, lambda on: on.send(data).answer(method))
        if isinstance(body, bytes):
            return exchange
        self.done[-1] = exchange = replace(exchange, chunked=True)
        return exchange

    def get(self, target: str, *fields: str) -> Exchange:
        return self.ask("GET", target, *fields)

    def head(self, target: str, *fields: str) -> Exchange:
        return self.ask("HEAD", target, *fields)

    def post(self, target: str, form: Mapping[str, str], *fields: str) -> Exchange:
        """Send a form, as a browser does."""
        return self.ask("POST", target, FORM, *fields, body=urlencode(form).encode())

    def upload(
        self,
        target: str,
        form: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes]],
        *fields: str,
    ) -> Exchange:
        """Send a form with files in it."""
        parts = [(f'name="{name}"', value.encode()) for name, value in form.items()]
        parts += [
            (f'name="{name}"; filename="{file}"\r\nContent-Type: application/octet-stream', data)
            for name, (file, data) in files.items()
        ]
        begin = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; "
        pieces = [f"{begin}{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts]
        body = b"".join(pieces) + f"--{_BOUNDARY}--\r\n".encode()
        kind = f"Content-Type: multipart/form-data; boundary={_BOUNDARY}"
        return self.ask("POST", target, kind, *fields, body=body)

    def follow(self, exchange: Exchange) -> Exchange:
        """Go where a redirect says."""
        place = exchange.header("Location")
        assert place, f"{exchange.what}: {exchange.status} without Location: {exchange.text[:2000]}"
        return self.get(re.sub(r"^https?://[^/]*", "", place) or "/")

    def expect(self, method: str, target: str, *fields: str, body: bytes) -> Exchange:
        """Send the body after the server has said that it wants it, or leave it out."""
        lines = (*fields, "Expect: 100-continue")
        data = self._head(method, target, "HTTP/1.1", lines, body)

        def act(connection: Connection) -> Answer:
            answer = connection.send(data).answer(method, stop_at_interim=True)
            if not answer.interim:
                return answer
            return replace(connection.send(body).answer(method), interim=answer.interim)

        return self._exchange(method, target, "HTTP/1.1", act)

    def other(self) -> Visitor:
        """Return another client, without the cookies of this one."""
        self.close()
        return Visitor(self.port, self.relay, self.state, self.done)

    def run(
        self, *command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Ran:
        """Run a client program; what it exchanges with the relay counts as well."""
        done = subprocess.run(
            command,
            env={**os.environ, "NO_COLOR": "1", "no_proxy": "*", **(env or {})},
            cwd=cwd or self.state,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=4 * DEADLINE,
            check=False,
        )
        output = done.stdout.decode("utf-8", "replace")
        ran = Ran(" ".join([Path(command[0]).name, *command[1:]]), done.returncode, output)
        self.done += [*self.relay.take(), ran]
        return ran

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _head(
        self, method: str, target: str, version: str, fields: Iterable[str], body: Body
    ) -> bytes:
        lines = [f"{method} {target} {version}", *fields]
        if not any(line.startswith("Host:") for line in fields):
            lines.insert(1, f"Host: {self.host}")
        if self.cookies:
            cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            lines.append(f"Cookie: {cookies}")
        if not isinstance(body, bytes):
            lines.append("Transfer-Encoding: chunked")
        elif body:
            lines.append(f"Content-Length: {len(body)}")
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")

    def _exchange(
        self, method: str, target: str, version: str, act: Callable[[Connection], Answer]
    ) -> Exchange:
        answer = self._attempt(act)
        assert self._connection is not None
        after, stray = After.STAYS, b""
        if not answer.says_it_stays(version):
            after, stray = After.CLOSES, self._connection.rest()
            self.close()
        self._keep_cookies(answer)
        status, headers = answer.status, answer.head.headers
        seen = (status, headers, answer.body, answer.framing, after, answer.interim)
        exchange = Exchange(method, target, version, *seen, stray=stray)
        self.done.append(exchange)
        return exchange

    def _attempt(self, act: Callable[[Connection], Answer]) -> Answer:
        """Use the connection that is there, or another one if the server has closed it since."""
        if self._connection is not None:
            try:
                answer = act(self._connection)
            except GoneError:
                self._blame_the_last(after=After.GONE)
                self.close()
            else:
                if answer.stray:
                    self._blame_the_last(stray=answer.stray)
                return answer
        self._connection = Connection(self.port)
        return act(self._connection)

    def _blame_the_last(self, after: After = After.STAYS, stray: bytes = b"") -> None:
        last = self.done[-1]
        if isinstance(last, Exchange):
            self.done[-1] = replace(last, after=after, stray=stray)

    def _keep_cookies(self, answer: Answer) -> None:
        for name, value in answer.head.headers:
            if name.lower() == "set-cookie":
                cookie, _, rest = value.partition(";")
                key, _, content = (word.strip() for word in cookie.partition("="))
                self.cookies[key] = content
                if "max-age=0" in rest.lower() or content in {"", '""'}:
                    del self.cookies[key]


def _encoded(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*body, b""])
