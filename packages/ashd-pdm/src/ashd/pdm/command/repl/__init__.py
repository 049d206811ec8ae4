"""`ashd-pdm repl`: a prompt inside the daemon.

`_session.py` talks to the daemon, `_source.py` knows what a complete input is, `_remote.py` runs in
the daemon and says how a name goes on. There are two prompts on top of that: `_plain.py`, which
needs nothing, and `_colourful.py`, which needs the extra `cli`.
"""
