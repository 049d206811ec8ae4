"""`ashd-pdm metrics`: the daemon's figures in the text format of Prometheus, once or over HTTP."""

from ashd.pdm.command.metrics._run import run

__all__ = ["run"]
