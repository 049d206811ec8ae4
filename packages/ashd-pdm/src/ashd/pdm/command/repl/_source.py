"""Python source, as it is typed, piped and sent. Pure functions."""

from __future__ import annotations

import ast
import codeop
import re
from itertools import accumulate

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FORMATTED = {"JoinedStr", "TemplateStr"}
_WRONG = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)
"""What Python raises for source that it can't compile."""


def is_complete(text: str) -> bool:
    """Whether a prompt may run `text`. A block is complete with an empty line at its end; what is
    wrong is complete, too: the daemon says what is wrong.
    """
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= _AWAIT
    try:
        return compiler(text, "<input>", "single") is not None
    except _WRONG:
        return True


def question(text: str) -> str | None:
    """Return `NAME?` or `NAME??` when that is what `text` is."""
    found = re.fullmatch(r"\s*([A-Za-z_][\w.]*\?{1,2})\s*", text)
    return found[1] if found else None


def statements(text: str) -> list[str]:
    """Split source into the statements at its top level, so that the value of each is shown as at a
    prompt. What this Python can't parse stays in one piece: the daemon's may.

    An empty line ends a command, so a string literal with one in it is written in one line. Those
    with expressions in them stay as they are.
    """
    try:
        tree: ast.Module = compile(text, "<input>", "exec", ast.PyCF_ONLY_AST | _AWAIT)
    except _WRONG:
        return [text] if text.strip() else []
    data = text.encode()
    starts = [0, *accumulate(map(len, data.splitlines(keepends=True)))]
    pieces = []
    for node in tree.body:
        first, done = _span(node, starts)
        if decorators := getattr(node, "decorator_list", []):
            first = starts[decorators[0].lineno - 1]
        piece = b""
        for text_node in sorted(_texts(node), key=lambda one: _span(one, starts)):
            begin, end = _span(text_node, starts)
            if b"\n\n" in data[begin:end].replace(b"\r", b""):
                piece, first = piece + data[first:begin] + ascii(text_node.value).encode(), end
        pieces.append((piece + data[first:done]).decode())
    return pieces


def _span(node: ast.stmt | ast.expr, starts: list[int]) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    begin, end = starts[node.lineno - 1], starts[node.end_lineno - 1]
    return begin + node.col_offset, end + node.end_col_offset


def _texts(node: ast.AST) -> list[ast.Constant]:
    """Return the literals in a statement, but for what is in formatted strings."""
    found, nodes = [], [node]
    while nodes:
        inner = nodes.pop()
        if isinstance(inner, ast.Constant):
            found.append(inner)
        elif type(inner).__name__ not in _FORMATTED:
            nodes.extend(ast.iter_child_nodes(inner))
    return found
