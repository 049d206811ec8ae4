"""Uses what Python has beside threads, in the way that its path names."""

import asyncio
import contextvars
import multiprocessing
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any

variable = contextvars.ContextVar("variable", default="outside")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    way = environ["PATH_INFO"].strip("/")
    if way == "async generator":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return drive(count())
    body = WAYS[way]()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


# asyncio


async def gather() -> bytes:
    variable.set("inside")
    done = await asyncio.gather(*(tell(number) for number in range(3)))
    return b"".join(done) + (await asyncio.to_thread(variable.get)).encode()


async def tell(number: int) -> bytes:
    await asyncio.sleep(0.001)
    return b"%d " % number


async def ask_another_program() -> bytes:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('from a program')", stdout=asyncio.subprocess.PIPE
    )
    return (await program.communicate())[0].strip()


async def count() -> AsyncIterator[bytes]:
    for number in range(3):
        yield await tell(number)


def drive(pieces: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Give what an asynchronous generator does, by a loop of this response's own."""
    with asyncio.Runner() as runner:
        try:
            while True:
                yield runner.run(anext(pieces))  # type: ignore[arg-type]
        except StopAsyncIteration:
            pass


# Processes


def in_a_process(way: str) -> bytes:
    context: Any = multiprocessing.get_context(way)
    parent, child = context.Pipe()
    process = context.Process(target=send_greeting, args=(child, way))
    process.start()
    child.close()
    greeting: bytes = parent.recv_bytes()
    process.join()
    parent.close()
    return greeting if process.exitcode == 0 else b"exit status %d" % process.exitcode


def send_greeting(connection: Any, way: str) -> None:
    connection.send_bytes(f"by {way}".encode())


# Interpreters and greenlets


def in_an_interpreter() -> bytes:
    try:
        import _interpreters as interpreters  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        import _xxsubinterpreters as interpreters  # type: ignore[import-not-found, unused-ignore]
    identifier = interpreters.create()
    code = "import json, threading; json.dumps(threading.get_ident())"
    run = getattr(interpreters, "exec", interpreters.run_string)
    try:
        failure = run(identifier, code)
    finally:
        interpreters.destroy(identifier)
    return b"whole" if failure is None else str(failure).encode()


def with_greenlets() -> bytes:
    import greenlet  # type: ignore[import-untyped, unused-ignore]

    def other() -> None:
        main.switch("from a greenlet")

    main = greenlet.getcurrent()
    text: str = greenlet.greenlet(other).switch()
    return text.encode()


WAYS: dict[str, Callable[[], bytes]] = {
    "asyncio": lambda: asyncio.run(gather()),
    "asyncio and a program": lambda: asyncio.run(ask_another_program()),
    "interpreter": in_an_interpreter,
    "greenlet": with_greenlets,
    **{way: partial(in_a_process, way) for way in ("fork", "spawn", "forkserver")},
}
