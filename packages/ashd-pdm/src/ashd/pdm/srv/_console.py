"""Runs the commands of one REPL connection, in a module of its own, as Python's own prompt would.

All methods are called by the thread that serves the connection, but `wake`.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import itertools
import linecache
import pprint
import sys
import traceback
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from ._interrupt import Interrupted

if TYPE_CHECKING:
    import asyncio

_FUTURE_FLAGS = [getattr(__future__, name).compiler_flag for name in __future__.all_feature_names]
_numbers = itertools.count(1)


class Console:
    """A namespace, with `echo`, `_` (the last value), `_exc` (the last exception) and an event loop
    for `await`.
    """

    def __init__(self) -> None:
        self._name = f"pdm-repl-{next(_numbers)}"
        self._module = ModuleType(self._name, "The namespace of a debug prompt.")
        self._names = vars(self._module)
        self._names.update(echo=echo, _=None, _exc=None)
        self._flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._commands = itertools.count(1)
        self._files: list[str] = []
        self._runner: asyncio.Runner | None = None

    def execute(self, text: str) -> bool:
        """Run a command; print its value, or its traceback. False when it raised."""
        file = f"<{self._name}-{next(self._commands)}>"
        self._remember_source(file, text)
        try:
            code, is_expression = self._compile(text, file)
        except Exception as exc:
            self._report(exc.with_traceback(None))
            return False
        return self._run(code, is_expression, file)

    def _run(self, code: CodeType, is_expression: bool, file: str) -> bool:
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
        try:
            return self._compile_as(text, file, "eval"), True
        except SyntaxError:
            pass  # left before the other try, so that its exception has no context
        return self._compile_as(text, file, "exec"), False

    def _compile_as(self, text: str, file: str, mode: str) -> CodeType:
        code: CodeType = compile(text, file, mode, self._flags, dont_inherit=True)
        for flag in _FUTURE_FLAGS:  # "from __future__ import ..." holds for later commands, too
            self._flags |= code.co_flags & flag
        return code

    def _evaluate(self, code: CodeType) -> Any:
        value = eval(code, self._names)
        return self._await(value) if code.co_flags & inspect.CO_COROUTINE else value

    def _await(self, awaitable: Any) -> Any:
        if self._runner is None:
            import asyncio

            self._runner = asyncio.Runner()
        return self._runner.run(awaitable)

    def _remember_source(self, file: str, text: str) -> None:
        # Without a time of change the entry stays until it is removed
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        self._files.append(file)

    def _report(self, exc: BaseException) -> None:
        self._names["_exc"] = exc
        sys.last_type, sys.last_value, sys.last_traceback = type(exc), exc, exc.__traceback__
        sys.last_exc = exc  # type: ignore[attr-defined, unused-ignore]  # new in 3.12
        sys.stderr.write("".join(traceback.format_exception(exc)))

    def wake(self) -> None:
        """Make an event loop that waits look around. Called from any thread."""
        runner = self._runner
        if runner is not None:
            try:
                runner.get_loop().call_soon_threadsafe(lambda: None)
            except RuntimeError:  # closed meanwhile
                pass

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


def echo(obj: Any) -> None:
    """Print an object, as pretty as pprint can."""
    pprint.pprint(obj)  # noqa: T203


def _from_file(trace: TracebackType | None, file: str) -> TracebackType | None:
    """Leave out the server's own frames, which come before those of the command."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != file:
        found = found.tb_next
    return found or trace
