"""docs/reference/misbehaving.md: its table is that of the files."""

from __future__ import annotations

import pytest

from ashdtest.misbehaving import DOCUMENT, FOLDER, document, load, names


def test_the_table_is_made_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    assert document() == DOCUMENT.read_text(encoding="utf-8"), "see the document's first paragraph"


def test_each_application_says_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    first_lines = [load(name).__doc__ for name in names()]
    assert len(names()) > 80
    assert all(first_lines)
    assert len(set(first_lines)) == len(first_lines)
