"""ashd.dirplex stands on ashd-proto alone."""

from __future__ import annotations

import subprocess
import sys

IMPORT = """
import sys
import ashd.dirplex.__main__
print(*sorted({".".join(name.split(".")[:2]) for name in sys.modules if name[:5] == "ashd."}))
"""


def test_it_needs_no_wsgi() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, check=True, text=True
    )
    assert done.stdout.split() == ["ashd.dirplex", "ashd.log", "ashd.proto", "ashd.util"]
