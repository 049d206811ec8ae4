"""Debug sockets for the workers of gunicorn, whatever they serve; needed with --preload, where the
site is loaded once, before the workers are there. Run it with `gunicorn -c gunicorn_conf.py ...`.
"""

import os
from typing import Any

import ashd.pdm.srv


def post_fork(server: Any, worker: Any) -> None:
    ashd.pdm.srv.listen(f"{os.environ['RUNTIME_DIRECTORY']}/worker-{os.getpid()}.sock")
