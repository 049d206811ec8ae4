"""The names that code for the original `ashd.serve` uses."""

from __future__ import annotations

import pytest

from ashd import serve


def test_specifications() -> None:
    assert serve.parsehspec("pool:max=3,abort=5,x") == ("pool", {"max": "3", "abort": "5", "x": ""})
    assert serve.parsehspec("free") == ("free", {})


def test_models_by_name() -> None:
    assert list(serve.names) == ["free", "rplex", "single", "pool"]
    for name, old_class, new_class in (
        ("free", serve.freethread, serve.Free),
        ("pool", serve.threadpool, serve.Pool),
        ("rplex", serve.resplex, serve.Rplex),
        ("single", serve.single, serve.Single),
    ):
        assert old_class is new_class
        assert type(serve.names[name]()) is new_class


def test_other_names() -> None:
    with pytest.raises(AttributeError, match="nosuchname"):
        serve.nosuchname  # noqa: B018
