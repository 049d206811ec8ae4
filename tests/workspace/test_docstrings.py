"""What is public has a docstring. The linter's rule sees only modules without an underscore."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from ashdtest.builds import needs_docstrings

PACKAGES = Path(__file__).parents[2] / "packages"


def public_modules() -> Iterator[str]:
    """Yield the packages in ashd that say what is public."""
    for path in sorted(PACKAGES.glob("*/src/ashd/**/__init__.py")):
        if "__all__" in path.read_text(encoding="utf-8"):
            yield ".".join(path.parent.relative_to(PACKAGES).parts[2:])


def undocumented(module: str) -> Iterator[str]:
    """Yield the functions, classes and their methods that a module exports without docstring."""
    exporting = importlib.import_module(module)
    for name in exporting.__all__:
        exported = getattr(exporting, name)
        is_code = inspect.isroutine(exported) or inspect.isclass(exported)
        if is_code and not exported.__doc__:
            yield f"{module}.{name}"
        if inspect.isclass(exported):
            for attribute, value in vars(exported).items():
                is_method = inspect.isroutine(value) or isinstance(value, property)
                if is_method and not attribute.startswith("_") and not inspect.getdoc(value):
                    yield f"{module}.{name}.{attribute}"


@needs_docstrings
def test_what_is_public_has_a_docstring() -> None:
    modules = list(public_modules())
    assert "ashd.proto" in modules
    assert [name for module in modules for name in undocumented(module)] == []
