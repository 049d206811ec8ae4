"""Where the history of the prompts is kept: readable by its owner only."""

from __future__ import annotations

import os
from pathlib import Path

LENGTH = 5000
"""Lines that are kept."""


def history_file(chosen: str | None, suffix: str = "") -> Path | None:
    """Return the file, made if there was none; None when it can't be made."""
    if chosen is None:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        path = Path(state, "ashd-pdm", f"history{suffix}")
    else:
        path = Path(chosen)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return None
    return path
