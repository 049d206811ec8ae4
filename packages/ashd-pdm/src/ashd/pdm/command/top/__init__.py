"""`ashd-pdm top`: a live screen.

`_look.py` asks the daemon, in a thread of its own; `_figures.py` makes rates and quantiles of what
it hears; `_view.py` lays them out as lines for any size of screen, and knows nothing of terminals;
`_screen.py` is the terminal; `_run.py` has the keys and the loop.
"""

from ashd.pdm.command.top._run import run

__all__ = ["run"]
