"""The debug socket (`-m`): opened in this process, or in its parent for all workers.

The library for it is optional. Nothing here is imported unless somebody asks for it.
"""

from __future__ import annotations

import logging
import os
import socket

from ._adapter import Adapter
from ._errors import StartError

logger = logging.getLogger("ashd.wsgi")

_VARIABLE = "ASHD_PDM_FD"
"""Tells a worker where connections to the debug socket are handed to it."""


def open_debug_socket(spec: str, adapter: Adapter, model: str) -> None:
    """Open a debug socket in this process, and let it observe the requests of `adapter`.

    A worker serves the connections that its parent hands to it. Without the library there is a
    warning and no socket. Raises `StartError` for a bad `spec`.
    """
    handed = os.environ.pop(_VARIABLE, None)
    try:
        from ashd import perf
        from ashd.pdm import PdmError, srv, util
    except ImportError:
        _warn(spec)
        return
    try:
        if handed is None:
            srv.listen(spec)
        else:
            srv.attach(int(handed))
    except (PdmError, OSError) as error:
        raise StartError(f"-m {spec}: {error}") from None
    perf.about["model"] = model
    util.add_finder(perf.request_of)
    adapter.observer = perf.PerfObserver()


def check_spec(spec: str) -> None:
    """Raise `StartError` if `spec` is no place for a debug socket."""
    try:
        from ashd.pdm import PdmError, srv
    except ImportError:
        _warn(spec)
        return
    try:
        srv.parse_spec(spec)
    except PdmError as error:
        raise StartError(f"-m {spec}: {error}") from None


class WorkersDebugSocket:
    """The debug socket of a process with workers: one for all."""

    def __init__(self, spec: str) -> None:
        """Open it; raises `StartError` for a bad `spec`, ImportError without the library."""
        from ashd.pdm import PdmError, srv

        self._channel = srv.channel
        self._workers = srv.Workers()
        try:
            self._listener = srv.listen(spec, workers=self._workers)
        except (PdmError, OSError) as error:
            raise StartError(f"-m {spec}: {error}") from None

    def connect(self, name: str) -> tuple[str, socket.socket]:
        """Prepare for a worker: return an environment variable, and what its descriptor is for."""
        ours, theirs = self._channel()
        self._workers.add(name, ours)
        return _VARIABLE, theirs

    def close(self) -> None:
        """Remove the socket."""
        self._listener.close()
        self._workers.close()


def open_for_workers(spec: str | None) -> WorkersDebugSocket | None:
    """Open a debug socket for all workers, if one is asked for and the library is there."""
    if spec is None:
        return None
    try:
        return WorkersDebugSocket(spec)
    except ImportError:
        _warn(spec)
        return None


def _warn(spec: str) -> None:
    logger.warning(
        "-m %s: there will be no debug socket, for the library for it is not installed "
        "(pip install 'ashd-wsgi[pdm]')",
        spec,
    )
