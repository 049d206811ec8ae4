"""Which build the tests run against: pure Python, or compiled wheels (the session `compiled`).

@needs_subclasses
def test_with_a_class_that_watches_its_base(): ...
"""

from __future__ import annotations

import pytest

from ashd.proto import _codec

BUILD = "pure Python" if _codec.__file__.endswith(".py") else "compiled"

needs_docstrings = pytest.mark.skipif(
    BUILD == "compiled", reason="compiled functions and classes have no docstrings"
)
needs_frames = pytest.mark.skipif(
    BUILD == "compiled", reason="compiled functions have no frames, so stacks don't show them"
)
needs_subclasses = pytest.mark.skipif(
    BUILD == "compiled", reason="the test looks inside by a subclass, which compiled classes forbid"
)
