"""Models by name, as `-t NAME[:PAR[=VAL][,PAR[=VAL]]...]` gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._errors import ModelError
from ._interface import Model

Parameter = tuple[str, Callable[[str], object]]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


# Each model is imported when it is chosen.


def _free(**arguments: Any) -> Model:
    from ._free import Free

    return Free(**arguments)


def _rplex(**arguments: Any) -> Model:
    from ._rplex import Rplex

    return Rplex(**arguments)


def _single(**arguments: Any) -> Model:
    from ._single import Single

    return Single(**arguments)


def _pool(**arguments: Any) -> Model:
    from ._pool import Pool

    return Pool(**arguments)


_MAX: Parameter = ("maximum", _count)
_TIMEOUT: Parameter = ("timeout", _seconds)
_WAITING = {"max": _MAX, "timeout": _TIMEOUT, "abort": _TIMEOUT}

MODELS: dict[str, tuple[Callable[..., Model], dict[str, Parameter]]] = {
    "free": (_free, _WAITING),
    "rplex": (_rplex, {"max": _MAX}),
    "single": (_single, {}),
    "pool": (_pool, _WAITING),
}
"""For each name what makes the model, and its parameters: keyword argument and conversion. A model
that is added here can be chosen on the command line."""

DEFAULT_MODEL = "free"


def make_model(spec: str = DEFAULT_MODEL) -> Model:
    """Make a model from a specification like `pool:max=10,timeout=30`; raises `ModelError`."""
    name, _, text = spec.partition(":")
    if name not in MODELS:
        raise ModelError(f"there is no model {name!r}; choose one of {', '.join(MODELS)}")
    factory, parameters = MODELS[name]
    arguments: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in parameters:
            known = f"has {', '.join(parameters)}" if parameters else "has none"
            raise ModelError(f"the model {name} has no parameter {key!r} (it {known})")
        keyword, convert = parameters[key]
        try:
            arguments[keyword] = convert(value)
        except ValueError:
            what = "a whole number from 1" if convert is _count else "a number of seconds above 0"
            raise ModelError(f"{key} of the model {name} must be {what}, not {value!r}") from None
    return factory(**arguments)
