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
    data = text.encode()
    starts = [0, *accumulate(map(len, data.splitlines(keepends=True)))]
    pieces = []
    for node in body:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        line, column = (decorators[0].lineno, 0) if decorators else (node.lineno, node.col_offset)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        end = starts[node.end_lineno - 1] + node.end_col_offset
        pieces.append(data[starts[line - 1] + column : end].decode())
    return pieces


def without_empty_lines(text: str) -> str:
    """Return the same source with no empty line inside a string: one would end the command. Strings
    with expressions in them stay as they are.
    """
    if "\n\n" not in text:
        return text
    starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]
    pieces, done, depth = [], 0, 0
    with suppress(SyntaxError, tokenize.TokenError):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = tokenize.tok_name[token.type]
            depth += kind.endswith("STRING_START") - kind.endswith("STRING_END")
            if kind == "STRING" and not depth and "\n\n" in token.string:
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
