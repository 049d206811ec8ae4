"""The page on real applications says why they differ as the session that compares them does."""

from ashdtest.beside.document import DOCUMENT
from ashdtest.beside.reasons import reasons
from ashdtest.beside.servers import ours


def test_the_page_gives_every_reason() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    usual = [row for row in reasons() if row.servers.search(ours("pool").name)]
    assert [row.what for row in usual if f"| {row.what} | {row.why} |" not in text] == []
