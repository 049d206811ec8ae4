"""How Sphinx makes a site of these pages; `python3 dev.py test -s docs` runs it.

The pages are plain Markdown that can be read in the repository as well: links between them are
relative paths, those to other files of the repository lead to where it is published.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx
from sphinx.util import logging

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(source) for source in ROOT.glob("packages/*/src")]

project = "ashd for Python"
author = "The ashd for Python project"
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["man"]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

default_role = "literal"  # docstrings write `name`, as these pages do
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REPOSITORY = SETTINGS["tool"]["workspace"]["url"] + "/blob/main/"
"""Where files are that aren't pages of this site."""

linkcheck_ignore = [r"https://example\.org/", r"http://localhost"]
linkcheck_anchors = False
linkcheck_timeout = 10

logger = logging.getLogger(__name__)
DOCS = Path(__file__).parent
LINK = re.compile(r"(?<=\]\()(\.\./[^)#\s]+)")
BLOCK = re.compile(r"(?m)^(\S.*)\n\n(?=    \S)")


def lead_out(app: Sphinx, page: str, source: list[str]) -> None:
    """Make links to files of the repository outside of `docs/` links to where it is published."""

    def replace(link: re.Match[str]) -> str:
        target = (DOCS / page).parent.joinpath(link[1]).resolve()
        if target.is_relative_to(DOCS):
            return link[1]
        if not target.exists():
            logger.warning("there is no %s", link[1], location=page)
        return REPOSITORY + str(target.relative_to(ROOT))

    source[0] = LINK.sub(replace, source[0])


def mark_blocks(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Mark indented lines of a docstring as code, as Markdown reads them."""
    lines[:] = BLOCK.sub(r"\1\n\n::\n\n", "\n".join(lines)).split("\n")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    for language in ("dirplex", "patplex"):
        app.add_lexer(language, TextLexer)
    app.connect("source-read", lead_out)
    app.connect("autodoc-process-docstring", mark_blocks)
