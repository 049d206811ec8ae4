"""Applications behind `scgi-wsgi` behind a web server, nginx or Apache.

    with scgi_site("nginx", ["zoo"], folder) as server:
        httpx.get(f"{server.url}/hello")

`folder` must be open to other users, and its path short: the web server has a Unix socket there.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .outside import find
from .processes import DEADLINE, free_port, program, wait_until
from .sites import APPS, SUPPORT

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}
http {{
    access_log off; client_max_body_size 1g;
    client_body_temp_path {folder}/body; scgi_temp_path {folder}/scgi;
    fastcgi_temp_path {folder}/fastcgi; proxy_temp_path {folder}/proxy;
    uwsgi_temp_path {folder}/uwsgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ include /etc/nginx/scgi_params; scgi_pass {address}; }}
        location /app/ {{
            include /etc/nginx/scgi_params; scgi_param SCRIPT_NAME /app; scgi_pass {address};
        }}
    }}
}}
"""
APACHE = """
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_scgi_module /usr/lib/apache2/modules/mod_proxy_scgi.so
Listen 127.0.0.1:{port}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
DefaultRuntimeDir {folder}
User www-data
Group www-data
SetEnvIf Request_URI . proxy-scgi-pathinfo=1
ProxyPass / {address}/
"""


@dataclass
class ScgiSite:
    """A running site; `log` is what `scgi-wsgi` has written so far."""

    process: subprocess.Popen[bytes]
    port: int
    _log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def scgi_program(words: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `scgi-wsgi` for the length of a block; it must end with 0."""
    paths = ["-p", str(SUPPORT), "-p", str(APPS), "-A"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program("scgi-wsgi"), *paths, *words], stdin=subprocess.DEVNULL, stderr=log
        )
    try:
        wait_until(lambda: "taking SCGI" in (folder / "log").read_text() or process.poll())
        yield process
        if process.poll() is None:
            process.terminate()
        assert process.wait(DEADLINE) == 0
    except BaseException:
        sys.stderr.write((folder / "log").read_text())
        raise
    finally:
        process.kill()
        process.wait()


@contextmanager
def scgi_site(
    server: str, words: Sequence[str], folder: Path, *, unix: bool = False
) -> Iterator[ScgiSite]:
    """Run both for the length of a block."""
    port, scgi_port = free_port(), free_port()
    bind = f"unix:{folder}/scgi.sock,mode=666" if unix else f"127.0.0.1:{scgi_port}"
    with scgi_program(["--bind", bind, *words], folder) as process:
        if server == "nginx":
            address = f"unix:{folder}/scgi.sock" if unix else f"127.0.0.1:{scgi_port}"
            text, command = NGINX, ["nginx", "-c", f"{folder}/conf"]
        else:
            address = (
                f"unix:{folder}/scgi.sock|scgi://app" if unix else f"scgi://127.0.0.1:{scgi_port}"
            )
            text, command = APACHE, ["apache2", "-D", "FOREGROUND", "-f", f"{folder}/conf"]
        (folder / "conf").write_text(text.format(folder=folder, port=port, address=address))
        web = subprocess.Popen([find(command[0]) or "", *command[1:]])
        site = ScgiSite(process, port, folder / "log")
        try:
            wait_until(lambda: _answers(port) or web.poll() is not None, what=server)
            yield site
        finally:
            web.send_signal(signal.SIGTERM)
            web.wait(DEADLINE)


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
