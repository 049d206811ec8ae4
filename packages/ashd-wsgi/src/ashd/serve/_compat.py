"""The names of the original library, for code that was written for it.

`docs/moving/original.md` says what has no counterpart here, and why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._later import later
from ._spec import MODELS, parse_spec

if TYPE_CHECKING:
    from ._free import Free as freethread  # noqa: N813
    from ._pool import Pool as threadpool  # noqa: N813
    from ._rplex import Rplex as resplex  # noqa: N813
    from ._single import Single as single  # noqa: N813

__all__ = ["freethread", "names", "parsehspec", "resplex", "single", "threadpool"]

LATER = {"freethread": "Free", "resplex": "Rplex", "single": "Single", "threadpool": "Pool"}
"""Today's names of the models, which are imported when they are asked for."""

names: dict[str, Any] = {name: factory for name, (factory, _) in MODELS.items()}
"""What makes the model of each name."""

parsehspec = parse_spec


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return later(LATER[name])
