"""`ashd-pdm requests` and `ashd-pdm replay`: the last requests of a server."""
