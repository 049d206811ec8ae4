"""Models by name, as `-t NAME[:PAR[=VAL][,PAR[=VAL]]...]` gives them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from ._errors import ModelError
from ._interface import Model
from ._later import later

logger = logging.getLogger("ashd.serve")

Parameter = tuple[str, Callable[[str], object]]


def _no_effect(_: str) -> None:
    """Take a parameter of the original library that means nothing here."""


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _count_or_none(text: str) -> int | None:
    return _count(text) if text else None


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


def _make(name: str, **arguments: object) -> Model:
    model: Model = later(name)(**arguments)
    return model


_MAX: Parameter = ("maximum", _count)
_TIMEOUT: Parameter = ("timeout", _seconds)
_WAITING = {"max": _MAX, "timeout": _TIMEOUT, "abort": _TIMEOUT}
_LOOSE: dict[str, Parameter] = {"max": ("maximum", _count_or_none)}
_QUEUE: dict[str, Parameter] = {"queue": ("", _no_effect)}

MODELS: dict[str, tuple[Callable[..., Model], dict[str, Parameter]]] = {
    "free": (partial(_make, "Free"), _WAITING | _LOOSE),
    "rplex": (partial(_make, "Rplex"), {"max": _MAX}),
    "single": (partial(_make, "Single"), {}),
    "pool": (partial(_make, "Pool"), _WAITING | _QUEUE),
}
"""For each name what makes the model, and its parameters: keyword argument and conversion. A model
that is added here can be chosen on the command line."""

DEFAULT_MODEL = "free"


def make_model(spec: str = DEFAULT_MODEL, *, warn: bool = True) -> Model:
    """Make a model from a specification like `pool:max=10,timeout=30`; raises `ModelError`.

    With `warn`, what has no effect is logged.
    """
    name, parameters = parse_spec(spec)
    if name not in MODELS:
        raise ModelError(f"there is no model {name!r}; choose one of {', '.join(MODELS)}")
    factory, known = MODELS[name]
    arguments = {}
    for key, value in parameters.items():
        if key not in known:
            which = f"has {', '.join(known)}" if known else "has none"
            raise ModelError(f"the model {name} has no parameter {key!r} (it {which})")
        keyword, convert = known[key]
        try:
            arguments[keyword] = convert(value)
        except ValueError:
            what = "a number of seconds above 0" if convert is _seconds else "a whole number from 1"
            raise ModelError(f"{key} of the model {name} must be {what}, not {value!r}") from None
    for key in _without_effect(name, arguments, parameters) if warn else ():
        logger.warning("-t %s: %s has no effect", spec, key)
    if name == "free" and arguments.get("maximum") is None:
        arguments.pop("timeout", None)
    return factory(**{key: value for key, value in arguments.items() if key})


def _without_effect(
    name: str, arguments: dict[str, object], parameters: dict[str, str]
) -> Iterator[str]:
    if "" in arguments:
        yield "queue (requests wait in the socket)"
    if name == "free" and arguments.get("maximum") is None:
        if "maximum" in arguments:
            yield "max without a number"
        yield from (f"{key} without max=N" for key in parameters if key in {"timeout", "abort"})


def parse_spec(spec: str) -> tuple[str, dict[str, str]]:
    """Return the name and the parameters, unchecked, of a specification as for `make_model`."""
    name, _, text = spec.partition(":")
    items = (item.partition("=") for item in text.split(",") if item)
    return name, {key: value for key, _, value in items}
