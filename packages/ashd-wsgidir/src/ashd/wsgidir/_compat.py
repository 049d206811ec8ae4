"""Names of the original library, for code and configurations that were written for it."""

from __future__ import annotations

from ._app import Directory
from ._slot import CachedModule

__all__ = ["cachedmod", "handler"]

cachedmod = CachedModule
handler = Directory
