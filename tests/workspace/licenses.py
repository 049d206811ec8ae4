"""Check the licenses of what our packages bring along, extras included. For `nox -s wheels`.

What is allowed goes with MIT: users have no more to do than to keep the notices.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

OURS = [path.parent.name for path in Path(__file__).parents[2].glob("packages/*/pyproject.toml")]
ALLOWED = {"MIT", "BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "PSF-2.0", "0BSD"}

OTHER_NAMES = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Python Software Foundation License": "PSF-2.0",
}
"""What classifiers and older metadata say in place of SPDX's identifiers."""


def needed() -> dict[str, Distribution]:
    """Return what is installed of all that ours need, directly or not."""
    found: dict[str, Distribution] = {}
    waiting = [(name, {""}) for name in OURS]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another Python or system
        if name in OURS:
            extras = {"", *(found[name].metadata.get_all("Provides-Extra") or [])}
        for line in found[name].requires or []:
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append((requirement.name, {"", *requirement.extras}))
    return {name: each for name, each in found.items() if name not in OURS}


def licenses(found: Distribution) -> set[str]:
    """Return what a distribution says of its license, as SPDX's identifiers if possible."""
    metadata = found.metadata
    classifiers = metadata.get_all("Classifier") or []
    if said := metadata.get_all("License-Expression"):
        names = re.split(r" (?:AND|OR) ", said[0])
    else:
        names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
        names = names or metadata.get_all("License") or ["nothing"]
    return {OTHER_NAMES.get(name, name) for name in names}


def main() -> int:
    """Print what isn't allowed; return an exit status."""
    known = {name: licenses(found) for name, found in needed().items()}
    faults = [
        f"{name}: its license is {', '.join(said)}; argue about it, and add it to licenses.py"
        for name, said in sorted(known.items())
        if not said <= ALLOWED
    ]
    print(*faults or [f"the licenses of {len(known)} dependencies are allowed"], sep="\n")
    return 1 if faults or not known else 0


if __name__ == "__main__":
    sys.exit(main())
