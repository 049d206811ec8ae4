"""Runs the commands of one REPL connection, in a module of its own, as Python's own prompt would.

All methods are called by the thread that serves the connection, but `wake`.
"""

from __future__ import annotations

import ast
import codeop
import inspect
import itertools
import linecache
import pprint
import sys
import traceback
from contextlib import suppress
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING

from ._interrupt import Interrupted

if TYPE_CHECKING:
    import asyncio

_numbers = itertools.count(1)


class Console:
    """A namespace, with `echo`, `_` (the last value) and `_exc` (the last exception)."""

    def __init__(self) -> None:
        self._name = f"pdm-repl-{next(_numbers)}"
        self._names = vars(ModuleType(self._name, "The namespace of a debug prompt."))
        self._names.update(echo=echo, _=None, _exc=None)
        self._compiler = codeop.Compile()  # "from __future__ import ..." holds for later commands
        self._compiler.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._files: list[str] = []
        self._runner: asyncio.Runner | None = None

    def execute(self, text: str) -> bool:
        """Run a command; print its value, or its traceback. False when it raised."""
        file = f"<{self._name}-{len(self._files) + 1}>"
        self._files.append(file)
        # Without a time of change the entry stays until it is removed
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        try:
            code, is_expression = self._compile(text, file)
        except Exception as exc:
            self._report(exc.with_traceback(None))
            return False
        try:
            value = self._evaluate(code)
            if is_expression and value is not None:
                echo(value)
                self._names["_"] = value
        except Interrupted:
            raise
        except BaseException as exc:
            self._report(exc.with_traceback(_from_file(exc.__traceback__, file)))
            return False
        return True

    def _compile(self, text: str, file: str) -> tuple[CodeType, bool]:
        with suppress(SyntaxError):  # left before the other call: its exception has no context
            return self._compiler(text, file, "eval"), True
        return self._compiler(text, file, "exec"), False

    def _evaluate(self, code: CodeType) -> object:
        value: object = eval(code, self._names)
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()
        return self._runner.run(value)  # type: ignore[arg-type]

    def _report(self, exc: BaseException) -> None:
        self._names["_exc"] = exc
        sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
        sys.last_exc = exc  # type: ignore[attr-defined, unused-ignore]  # new in 3.12
        sys.stderr.write("".join(traceback.format_exception(exc)))

    def wake(self) -> None:
        """Make an event loop that waits look around. Called from any thread."""
        if (runner := self._runner) is not None:
            with suppress(RuntimeError):  # closed meanwhile
                runner.get_loop().call_soon_threadsafe(lambda: None)

    def close(self) -> None:
        """Forget everything."""
        if self._runner is not None:
            self._runner.close()
        for file in self._files:
            linecache.cache.pop(file, None)
        if getattr(sys, "last_value", None) is self._names["_exc"]:
            for name in ("last_type", "last_value", "last_traceback", "last_exc"):
                vars(sys).pop(name, None)
        self._names.clear()


def echo(obj: object) -> None:
    """Print an object, as pretty as pprint can."""
    pprint.pprint(obj)  # noqa: T203


def _from_file(trace: TracebackType | None, file: str) -> TracebackType | None:
    """Leave out the server's own frames, which come before those of the command."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != file:
        found = found.tb_next
    return found or trace
