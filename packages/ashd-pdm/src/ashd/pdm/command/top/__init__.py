"""`ashd-pdm top`: a live screen.

`_look.py` asks the daemon; `_figures.py` makes rates and quantiles of what it hears; `_view.py`
lays them out as lines for any size of screen, and knows nothing of terminals; `_live.py` fills a
terminal with them, by prompt_toolkit; `_run.py` starts that, or writes text.
"""
