"""The relay that clients run on another machine through ssh: `python3 -m ashd.pdm.relay PATH`.

Clients send its source along (`ashd.pdm.cli`), so this distribution need not be installed there.
"""

from ashd.pdm.relay._relay import relay

__all__ = ["relay"]
