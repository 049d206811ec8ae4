"""Which files there are."""

from __future__ import annotations

from pathlib import Path

from . import _bash, _fish, _zsh
from ._commands import COMMANDS
from ._markdown import options_page
from ._page import page

ROOT = Path(__file__).parents[4]

_COMPLETIONS = (
    ("bash-completion/completions/{}", _bash.completion),
    ("zsh/site-functions/_{}", _zsh.completion),
    ("fish/vendor_completions.d/{}.fish", _fish.completion),
)
"""Where each shell looks below `share/`, by the name of a command."""


def generated_files() -> dict[Path, str]:
    """Return the text of each page and each completion, by its path."""
    found = {ROOT / "docs/reference/commands.md": options_page()}
    for command in COMMANDS:
        share = ROOT / "packages" / command.package / "share"
        found[share / f"man/man1/{command.name}.1"] = page(command)
        for other in command.also:
            found[share / f"man/man1/{other}.1"] = f".so man1/{command.name}.1\n"
        for name in (command.name, *command.also):
            for place, completion in _COMPLETIONS:
                found[share / place.format(name)] = completion(command._replace(name=name))
    return found
