#!/usr/bin/env python3
"""Restart one host after the other while clients ask; to be run below run.py.

    python3 run.py python3 restart.py

Prints what came of it in JSON; the exit status is 1 if a request has failed, or if an order was
taken twice or not at all.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

CLUSTER: dict[str, Any] = json.loads(os.environ["CLUSTER"])
PROXIES = ("haproxy", "nginx")
CLIENTS = 2  # of each proxy
PAUSE = 0.05  # seconds between two requests of a client
PATIENCE = 60


@dataclass
class Client:
    """Sends orders, and looks at the shop in between, one after the other."""

    proxy: str
    name: str
    orders: list[str] = field(default_factory=list)
    served: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How many requests each process of a host has answered."""
    failures: list[str] = field(default_factory=list)

    def work(self, end: threading.Event) -> None:
        for number in itertools.count():
            order = f"{self.name}-{number}"
            self.orders.append(order)
            self.ask("POST", "/orders", order)
            self.ask("GET", "/")
            if end.wait(PAUSE):
                return

    def ask(self, method: str, path: str, body: str | None = None) -> None:
        port = CLUSTER["ports"][self.proxy]
        connection = http.client.HTTPConnection(CLUSTER["front"], port, timeout=PATIENCE)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            text = response.read().decode()
            if response.status not in (200, 201):
                raise ValueError(f"status {response.status}")
            by = json.loads(text)
            self.served[by["host"], by["process"]] += 1
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.failures.append(f"{method} by {self.proxy}: {error!r}")
        finally:
            connection.close()

    def seen(self, host: str) -> set[int]:
        return {process for name, process in list(self.served) if name == host}


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"restart.py: no end of waiting until {what}")
        time.sleep(0.05)


def wait_for_proxies() -> None:
    """Wait until each proxy sends to each host."""
    for proxy in PROXIES:
        client = Client(proxy, "")

        def sees_all(client: Client = client) -> bool:
            client.ask("GET", "/")
            return all(map(client.seen, CLUSTER["hosts"]))

        wait_until(sees_all, f"{proxy} sends to all hosts")


def send(hosts: list[str], number: signal.Signals, clients: list[Client]) -> None:
    """Send a signal to instances; wait until both proxies send to a new process of each."""
    before = {process for client in clients for _, process in list(client.served)}
    for host in hosts:
        text = Path(CLUSTER["folder"], f"{host}.pid").read_text(encoding="ascii")
        os.kill(int(text), number)

    def are_new() -> bool:
        return all(
            any(client.proxy == proxy and client.seen(host) - before for client in clients)
            for proxy, host in itertools.product(PROXIES, hosts)
        )

    wait_until(are_new, f"{', '.join(hosts)} serve again after {number.name}")


def main() -> int:
    wait_for_proxies()
    clients = [Client(proxy, f"{proxy}{number}") for proxy in PROXIES for number in range(CLIENTS)]
    end = threading.Event()
    threads = [threading.Thread(target=client.work, args=(end,)) for client in clients]
    for thread in threads:
        thread.start()
    for host in CLUSTER["hosts"]:  # one after the other
        send([host], signal.SIGTERM, clients)
    send([*CLUSTER["hosts"]], signal.SIGHUP, clients)  # load the application anew: all at once
    end.set()
    for thread in threads:
        thread.join()
    sent = sorted(order for client in clients for order in client.orders)
    taken = sorted(redis.Redis(CLUSTER["front"], decode_responses=True).lrange("orders", 0, -1))
    failures = [failure for client in clients for failure in client.failures]
    served = Counter(host for client in clients for host, _ in client.served.elements())
    result = {"served": served, "failures": failures, "orders": len(sent)}
    print(json.dumps({**result, "each order once": sent == taken}))
    return 1 if failures or sent != taken else 0


if __name__ == "__main__":
    sys.exit(main())
