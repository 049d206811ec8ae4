"""The front page: what there is in this directory."""

from pathlib import Path

from ashd.wsgidir import importlocal


def application(environ, start_response):
    if environ["PATH_INFO"] not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is nothing below the front page.\n"]
    layout = importlocal("layout")
    names = sorted(path.name for path in Path(__file__).parent.iterdir() if layout.is_public(path))
    items = "".join(f'<li><a href="{name}">{name}</a></li>' for name in names)
    return layout.respond(start_response, "ashd-wsgidir", f"<ul>{items}</ul>")
