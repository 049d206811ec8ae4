"""What a model works with. A model knows nothing of WSGI or ashd, and these are all it knows.

A *source* gives *tasks*, one for each request. A model decides in which thread a task runs. It
calls either `Task.run`, which does everything, or (`rplex`) `Task.start`, and then drives the
`Stream` that it gets.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Work(Protocol):
    """Anything that holds a thread for a while."""

    def describe(self) -> str:
        """Return a word to a person about which request this is, like `GET /index`."""
        ...

    def abandon(self) -> None:
        """Close what belongs to the client without a word to it: in a forked process it is not
        ours. Whatever the application tries to send there raises.
        """
        ...


class Driver(Protocol):
    """Advances streams."""

    def wake(self, stream: Stream) -> None:
        """Advance `stream` soon, whatever it waits for, with 0 as events. From any thread.

        Nothing happens if the stream is finished.
        """
        ...


class Stream(Work, Protocol):
    """What is left of a task when its call has returned: bytes for a client, piece by piece."""

    def fileno(self) -> int:
        """Return the descriptor to wait for. It is the stream's own, and -1 when it is finished."""
        ...

    def be_driven(self, driver: Driver) -> None:
        """Take note of who calls `advance` from now on; called once, before that."""
        ...

    def advance(self, events: int) -> int:
        """Do what can be done without waiting for the client; never raises.

        `events` are those of `select.poll` that were seen on the descriptor (0 at first). Returns
        the events to wait for, or 0 when the stream is finished and closed.
        """
        ...


class Task(Work, Protocol):
    """One request. Exactly one of `run` and `start` is called, once, from any thread.

    A task that has become something else than a request, which its client may keep for days, says
    so by `running.detach(task)`: a model lets another thread take the place of its own.
    """

    def run(self) -> None:
        """Serve the request to its end; never raises."""
        ...

    def start(self) -> Stream | None:
        """Serve the request up to where only its client keeps it waiting; never raises.

        Returns what is left to be driven, or None when nothing is.
        """
        ...


class Source(Protocol):
    """Where tasks come from."""

    def receive(self) -> Task | None:
        """Wait for the next task; None when there will be no more. One thread at a time calls."""
        ...

    def pending(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until a task can be received, without receiving it.

        False after `stop`, and at end-of-file: nobody waits then.
        """
        ...

    def stop(self) -> None:
        """Give no more tasks; a `receive` that waits now returns None. From any thread."""
        ...


class ThreadSource(Protocol):
    """A thread's own way to receive from a source. The thread uses it, and nobody else."""

    def receive(self, timeout: float | None) -> Task | None:
        """Wait for the next task; None when there will be no more.

        Raises TimeoutError after `timeout` seconds (None: never) without a task.
        """
        ...

    def release(self) -> None:
        """Give it back. The source may give it to another thread."""
        ...


@runtime_checkable
class ParallelSource(Source, Protocol):
    """A source from which several threads can receive at the same time.

    Models use that where there is no interpreter lock. `stop` ends every `receive` then.
    """

    def for_thread(self) -> ThreadSource:
        """Return what the calling thread receives by."""
        ...


class Model(Protocol):
    """A way to spread tasks over threads."""

    multithread: bool
    """Whether two tasks may run at the same time."""

    multiplex: bool
    """Whether it drives streams: `Task.start` is called in place of `Task.run`."""

    def serve(self, source: Source) -> None:
        """Run every task of `source`; return when there are no more and all are finished.

        Called once, from the main thread.
        """
        ...
