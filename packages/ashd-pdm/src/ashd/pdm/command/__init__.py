"""The command `ashd-pdm`: look into a live daemon from a terminal or a script.

Each subcommand is a module or a package, which is imported only when it is asked for; the table in
`_parser.py` says which. Everything runs in the main thread, but where a module says otherwise.
"""

from ._main import main, pdm_repl

__all__ = ["main", "pdm_repl"]
