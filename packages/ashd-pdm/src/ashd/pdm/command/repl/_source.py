"""Python source, as it is typed, piped and sent. Pure functions."""

from __future__ import annotations

import ast
import codeop
import io
import re
import tokenize
from contextlib import suppress
from itertools import accumulate

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


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
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    pieces, done = [], 0
    with suppress(SyntaxError, tokenize.TokenError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.STRING and "\n\n" in token.string:
                begin, end = (
                    starts[line - 1] + column for line, column in (token.start, token.end)
                )
                with suppress(ValueError):  # an f-string
                    literal = ascii(ast.literal_eval(token.string))
                    pieces += [text[done:begin], literal]
                    done = end
    return "".join([*pieces, text[done:]])


def _parse(text: str) -> ast.Module:
    tree: ast.Module = compile(text, "<input>", "exec", ast.PyCF_ONLY_AST | _AWAIT)
    return tree
