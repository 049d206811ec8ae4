"""Python source, as it is typed, piped and sent. Pure functions."""

from __future__ import annotations

import ast
import codeop
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_WITH_EXPRESSIONS = tuple(
    getattr(ast, name) for name in ("JoinedStr", "TemplateStr") if hasattr(ast, name)
)


def is_complete(text: str) -> bool:
    """Whether a prompt may run `text`. A block is complete with an empty line at its end; what is
    wrong is complete, too: the daemon says what is wrong.
    """
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= _AWAIT
    try:
        return compiler(text, "<input>", "single") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True


def question(text: str) -> str | None:
    """Return `NAME?` or `NAME??` when that is what `text` is."""
    found = re.fullmatch(r"\s*([A-Za-z_][\w.]*\?{1,2})\s*", text)
    return found[1] if found else None


def statements(text: str) -> list[str]:
    """Split source into the statements at its top level, so that the value of each is shown as at a
    prompt. What this Python can't parse stays in one piece: the daemon's may.
    """
    try:
        body = _parse(text).body
    except (SyntaxError, ValueError):
        return [text] if text.strip() else []
    lines = text.encode().splitlines(keepends=True)
    starts = [_start(node) for node in body]
    pieces = []
    for node, (line, column) in zip(body, starts, strict=True):
        found = lines[line - 1 : node.end_lineno]
        found[-1] = found[-1][: node.end_col_offset]
        found[0] = found[0][column:]
        pieces.append(b"".join(found).decode())
    return pieces


def _start(node: ast.stmt) -> tuple[int, int]:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    if decorators:
        return decorators[0].lineno, 0
    return node.lineno, node.col_offset


def without_empty_lines(text: str) -> str:
    """Return the same source with no empty line inside a string: one would end the command. Strings
    with expressions in them stay as they are.
    """
    if "\n\n" not in text:
        return text
    try:
        tree = _parse(text)
    except (SyntaxError, ValueError):
        return text
    lines = text.encode().splitlines(keepends=True)
    found = sorted(_literals(tree), key=lambda node: (node.lineno, node.col_offset))
    for node in reversed(found):
        _put_on_one_line(lines, node)
    return b"".join(lines).decode()


def _parse(text: str) -> ast.Module:
    tree: ast.Module = compile(text, "<input>", "exec", ast.PyCF_ONLY_AST | _AWAIT)
    return tree


def _literals(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node
        elif not isinstance(node, _WITH_EXPRESSIONS):
            yield from _literals(node)


def _put_on_one_line(lines: list[bytes], node: ast.Constant) -> None:
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    piece = b"".join(lines[first : last + 1])
    end = len(piece) - len(lines[last]) + (node.end_col_offset or 0)
    if b"\n\n" in piece[node.col_offset : end]:
        changed = piece[: node.col_offset] + ascii(node.value).encode() + piece[end:]
        lines[first : last + 1] = [changed]
