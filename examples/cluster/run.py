#!/usr/bin/env python3
"""Three hosts on one machine, each in a network namespace, and what is in front of them.

    python3 run.py [COMMAND...]

COMMAND (a shell by default) runs on the machine with HAProxy (http://10.99.0.1:8080), nginx (8081),
Redis and Prometheus (9090). When it ends, everything does. Nothing of it can be seen from outside.
An instance that ends is started again, as systemd would do it. Needs root, or the right to make
user namespaces.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FRONT = "10.99.0.1"
HOSTS = {"host1": "10.99.0.11", "host2": "10.99.0.12", "host3": "10.99.0.13"}
PORTS = {"haproxy": 8080, "nginx": 8081, "redis": 6379, "prometheus": 9090}
START_SECONDS = 60
LAST_LINES = 20  # of a log, if something has failed
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

NGINX = """\
daemon off; master_process off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {here}/nginx.conf;
}}
"""


def find(program: str) -> str:
    """Return the path of a program: of this virtual environment, or of the system."""
    places = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        sys.exit(f"run.py: {program} is not installed")
    return found


def connect_hosts() -> None:
    """Make a namespace for each host, all of them at one bridge."""
    commands = [
        "mount -t tmpfs none /run",  # where the names of namespaces are
        "ip link set lo up",
        "ip link add lan type bridge",
        f"ip addr add {FRONT}/24 dev lan",
        "ip link set lan up",
    ]
    for name, address in HOSTS.items():
        commands += [
            f"ip netns add {name}",
            f"ip link add {name} type veth peer name eth0 netns {name}",
            f"ip link set {name} master lan up",
            f"ip -n {name} addr add {address}/24 dev eth0",
            f"ip -n {name} link set lo up",
            f"ip -n {name} link set eth0 up",
        ]
    for command in commands:
        program, *words = command.split()
        subprocess.run([find(program), *words], check=True)


def on_host(name: str, command: str) -> list[str]:
    return [find("ip"), "netns", "exec", name, *shlex.split(command)]


def instance(name: str, folder: Path) -> list[str]:
    """Return the command of a host's instance: front end and application."""
    options = f"--health /healthz --drain 1 --forwarded-allow-ips {FRONT} -p {folder}/{name}.pid"
    return on_host(
        name,
        f"{find('ashd-wsgi')} --bind :8080 --front-end '{options}'"
        f" -w 1 -t pool -m {folder}/{name}.pdm -p {HERE} shop:app",
    )


def services(folder: Path) -> dict[str, list[str]]:
    """Return the command of everything else."""
    nginx = folder / "nginx.conf"
    nginx.write_text(NGINX.format(folder=folder, here=HERE), encoding="ascii")
    metrics = {
        f"{name} metrics": on_host(
            name, f"{find('ashd-pdm')} metrics --listen {address}:9180 {folder}/{name}.pdm"
        )
        for name, address in HOSTS.items()
    }
    return {
        "redis": [find("redis-server"), "--bind", FRONT, "--save", "", "--protected-mode", "no"],
        "haproxy": [find("haproxy"), "-db", "-f", str(HERE / "haproxy.cfg")],
        "nginx": [find("nginx"), "-e", f"{folder}/nginx.log", "-c", str(nginx)],
        "prometheus": [
            *(find("prometheus"), f"--config.file={HERE / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={folder}/data", f"--web.listen-address={FRONT}:9090"),
        ],
        **metrics,
    }


def start(name: str, command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a program whose output goes to a file of its own."""
    host = name.partition(" ")[0]
    env = {**os.environ, "SHOP_REDIS": f"redis://{FRONT}:6379", "SHOP_HOST": host}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=folder
        )


def wait_until_served(addresses: list[tuple[str, int]]) -> bool:
    """Tell whether everybody listens before the time is over."""
    deadline = time.monotonic() + START_SECONDS
    for address in addresses:
        while True:
            try:
                socket.create_connection(address, timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    print(f"run.py: nobody listens at {address}", file=sys.stderr)
                    return False
                time.sleep(0.05)
    return True


def show_logs(folder: Path) -> None:
    """Say why something has failed: the logs are removed with the folder."""
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        print(f"--- {log.stem}", *lines[-LAST_LINES:], sep="\n", file=sys.stderr)


def run(command: list[str], folder: Path) -> int:
    """Run everything, and return the exit status of `command`."""
    connect_hosts()
    running = [start(name, words, folder) for name, words in services(folder).items()]
    instances = {name: start(name, instance(name, folder), folder) for name in HOSTS}
    everybody = [(FRONT, port) for port in PORTS.values()]
    everybody += [(address, 8080) for address in HOSTS.values()]
    if not wait_until_served(everybody):
        return 1
    places = {"folder": str(folder), "front": FRONT, "hosts": HOSTS, "ports": PORTS}
    env = {**os.environ, "CLUSTER": json.dumps(places)}
    with subprocess.Popen(command, env=env) as visitor:
        while visitor.poll() is None:
            for name, process in instances.items():
                if process.poll() is not None:
                    instances[name] = start(name, instance(name, folder), folder)
            time.sleep(0.05)
    for process in [*instances.values(), *running]:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return visitor.returncode


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--inside"]:
        with tempfile.TemporaryDirectory(prefix="cluster-") as folder:
            status = run(arguments[1:] or [os.environ.get("SHELL", "sh")], Path(folder))
            if status:
                show_logs(Path(folder))
            return status
    user = [] if os.getuid() == 0 else ["--map-root-user"]
    inside = [sys.executable, str(HERE / "run.py"), "--inside", *arguments]
    return subprocess.call([find("unshare"), *user, *NAMESPACES, *inside])


if __name__ == "__main__":
    sys.exit(main())
