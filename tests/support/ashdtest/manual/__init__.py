"""Manual pages and completions of the commands, made of the tables that make `--help`.

`python -m ashdtest.manual` (the session `man`) writes them to `packages/NAME/share/`, and a page of
the site, `docs/reference/commands.md`. What isn't an option stands in `docs/man/COMMAND.1.in`.
"""

from ._commands import COMMANDS
from ._files import generated_files

__all__ = ["COMMANDS", "generated_files"]
