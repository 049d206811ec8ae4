"""`ashd-pdm metrics`: the daemon's figures in the text format of Prometheus, once or over HTTP."""
