"""What `--help` prints."""

from __future__ import annotations

from textwrap import wrap

from ._option_table import Option, options_of
from ._sources import VARIABLE

_INDENT = " " * 10

_HTTP_EXAMPLES = """\
  {0} --bind :8080 myproject:app
  ashd-htparser plain:port=8080 -- {0} myproject:app

do the same: a front end speaks HTTP, and this program is its handler."""

_SCGI_EXAMPLES = """\
  {0} --bind unix:/run/app.sock,mode=660,group=www-data myproject:app

takes SCGI requests of a web server. Without --bind, standard input is the listening socket."""


def help_text(program: str, *, scgi: bool = False) -> str:
    """Return what `--help` prints."""
    lines = [
        f"usage: {program} [OPTIONS] MODULE:OBJECT",
        f"       {program} [OPTIONS] HANDLER-MODULE [ARGS...]",
        "",
        "Serves a WSGI application with ashd. OBJECT may be a call: 'myproject:create_app(\"x\")'.",
        "HANDLER-MODULE has a function wmain(ARGS...) that returns the application.",
        "",
        (_SCGI_EXAMPLES if scgi else _HTTP_EXAMPLES).format(program),
        f"Options may also stand in the environment, in {VARIABLE}.",
        "",
    ]
    for option in options_of(scgi=scgi):
        lines.append(f"  {_spelling(option)}")
        lines += wrap(option.help, 90, initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join(lines) + "\n"


def _spelling(option: Option) -> str:
    letter = f"-{option.letter}" if option.letter else "   "
    name = f"--{option.name}" if option.name else ""
    spelling = (", " if option.letter and name else " ").join(filter(None, (letter, name)))
    return f"{spelling} {option.metavar}".rstrip()
