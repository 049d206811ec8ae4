"""`ashd-pdm top`: a live screen.

`_look.py` asks the daemon; `_figures.py` makes rates and quantiles of what it hears; `_view.py`
lays them out as lines; `_live.py` fills a terminal with them; `_run.py` starts that, or writes
text.
"""
