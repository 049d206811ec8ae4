"""Names of the original library, for code and configurations that were written for it."""

from __future__ import annotations

from ._slot import CachedModule

cachedmod = CachedModule
