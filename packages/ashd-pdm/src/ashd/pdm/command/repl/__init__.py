"""`ashd-pdm repl`: a prompt inside the daemon.

`_session.py` talks to the daemon, `_source.py` knows what a complete input is, `_remote.py` runs in
the daemon and says how a name goes on. `_run.py` has a prompt that needs nothing, `_colourful.py`
one that needs the extra `cli`.
"""
