"""A Celery worker with debug sockets: one for the worker itself, one for each process of its pool.

    celery -A celery_tasks worker --concurrency 2

The broker is a directory here, so that the example needs no other program.
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import worker_init, worker_process_init

import ashd.pdm.srv

FOLDER = Path(os.environ["RUNTIME_DIRECTORY"])
QUEUE = FOLDER / "queue"
QUEUE.mkdir(exist_ok=True)
TRANSPORT = {"data_folder_in": str(QUEUE), "data_folder_out": str(QUEUE)}

app = Celery("celery_tasks", broker="filesystem://")
app.conf.update(broker_transport_options=TRANSPORT, worker_hijack_root_logger=False)


def open_debug_socket(**_: Any) -> None:
    ashd.pdm.srv.listen(f"{FOLDER}/debug-{os.getpid()}.sock")


worker_init.connect(open_debug_socket)
worker_process_init.connect(open_debug_socket)


@app.task  # type: ignore[untyped-decorator, unused-ignore]
def add(one: int, other: int) -> int:
    (FOLDER / f"added-{one + other}").touch()
    return one + other
