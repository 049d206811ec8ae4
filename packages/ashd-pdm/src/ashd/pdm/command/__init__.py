"""The command `ashd-pdm`: look into a live daemon from a terminal or a script.

Each subcommand is a module (`_threads.py`) or a package (`top/`) with a function `run`, which is
imported only when it is asked for. What they are called with stands in one table, `_parser.py`,
from which the parser, the help and the shells' completions are made.

Everything here runs in one process of its own, in its main thread but where a module says
otherwise; each subcommand closes the connections that it opens.
"""

from ._main import main, pdm_repl

__all__ = ["main", "pdm_repl"]
