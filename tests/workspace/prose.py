"""Look at the English of the documents with proselint, by some of its rules: `python prose.py`.

Code, and targets of links, are left out. Words of our own choice are in `test_documents.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from ashdtest.documents import ROOT, pages, prose

LEFT_OUT = {
    "cliches": "they are its own taste",
    "lexical_illusions": "a heading and the sentence after it may begin alike",
    "social_awareness": "waitress is a server",
    "typography": "the documents are plain ASCII",
    "weasel_words": "they are its own taste",
}
"""Rules that aren't looked at, and why."""


def main() -> int:
    """Print what proselint finds; return an exit status."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder, "rules.json")
        rules.write_text(json.dumps({"checks": dict.fromkeys(LEFT_OUT, False)}), encoding="utf-8")
        texts = Path(folder, "texts")
        for page in pages():
            copy = texts / page.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(prose(page), encoding="utf-8")
        command = ["proselint", "check", "--config", str(rules), "."]
        return subprocess.run(command, cwd=texts, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
