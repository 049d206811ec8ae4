"""Releases: what has to agree, what is built, and with which siblings it is tried.

`python -m ashdtest.release prepare DIST VERSION` writes version, changelog and table (the session
`prepare`); `check DIST VERSION` (the session `release`) checks the commit that came of it, builds,
tests, and stops before the upload.
"""

from ._checks import early_faults, faults, to_release_first
from ._prepare import prepare, set_version
from ._siblings import Trial, trials
from ._table import NEXT, PAGE, is_written, row, table_with, written_rows
from ._tree import Distribution, Repository

__all__ = [
    "NEXT",
    "PAGE",
    "Distribution",
    "Repository",
    "Trial",
    "early_faults",
    "faults",
    "is_written",
    "prepare",
    "row",
    "set_version",
    "table_with",
    "to_release_first",
    "trials",
    "written_rows",
]
