"""`ashd-dirplex`: a persistent handler that maps URLs to files and passes requests on.

It takes the configuration language of ashd's own `dirplex`, for machines that don't have that one.
The command's only thread receives and never waits for a client or a child; `ashd.util` has threads
that exist only while one of these is slow. Descriptors belong to the request they came with; what
waits for a child owns copies of its own.
"""

from ._dirplex import Dirplex
from ._errors import ConfigError, Error, UsageError
from ._parse import parse
from ._setup import read_configs, start_logging

__all__ = [
    "ConfigError",
    "Dirplex",
    "Error",
    "UsageError",
    "parse",
    "read_configs",
    "start_logging",
]
