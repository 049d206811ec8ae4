"""`ashd-pdm top`: a live screen.

`_look.py` asks the daemon, `_figures.py` makes rates and quantiles of it, `_view.py` lays them out
as lines, and `_live.py` fills a terminal with them.
"""
