"""Others read some requests in another way. A table says which and why, and this keeps it true."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ashdtest.corpus import Case, all_cases
from ashdtest.differences import Difference, Way, differences, way_of_h11, way_of_nginx
from ashdtest.nginxreader import NginxReader
from ashdtest.outside import find, needs

CASES = all_cases()
TABLE = differences()
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "http-differences.md"


def test_h11() -> None:
    compare(way_of_h11, lambda row: row.h11)


@needs("nginx")
def test_nginx(tmp_path_factory: pytest.TempPathFactory) -> None:
    program = find("nginx")
    assert program is not None
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    if "nginx/1.22." not in said:
        pytest.skip(f"the table tells of nginx 1.22, and this is {said.strip()}")
    with NginxReader(tmp_path_factory.mktemp("n")) as nginx:
        compare(lambda case: way_of_nginx(case, nginx), lambda row: row.nginx)


def compare(way: Callable[[Case], Way], said: Callable[[Difference], Way]) -> None:
    expected = {name: said(row) for row in TABLE for name in row.cases}
    found = {name: way(case) for name, case in CASES.items()}
    wrong = {
        name: f"{one.value}, and the table says: {expected.get(name, Way.SAME).value}"
        for name, one in found.items()
        if one is not expected.get(name, Way.SAME)
    }
    assert wrong == {}


def test_the_table_tells_what_the_front_end_does() -> None:
    names = [name for row in TABLE for name in row.cases]
    assert len(set(names)) == len(names)
    for row in TABLE:
        for name in row.cases:
            refused = CASES[name].status is not None
            assert row.ours == ("refuses it" if refused else "passes it on"), name
        assert (row.h11, row.nginx) != (Way.SAME, Way.SAME)


def test_the_document_has_the_table() -> None:
    rows = re.findall(r"(?m)^\| .*", DOCUMENT.read_text(encoding="utf-8"))[2:]
    assert rows == [row.row() for row in TABLE]
