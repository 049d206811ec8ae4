"""A plain application, with a background thread that goes when the file changes.

Edit the greeting, save, and reload the page; then break the file, and look at the log.
"""

import html
import threading
import time

from ashd.wsgidir import importlocal

GREETING = "Hello"
loaded = time.strftime("%H:%M:%S")
ticks = 0


def tick():
    global ticks  # noqa: PLW0603
    while not __current__.wait(1):  # noqa: F821 - ashd.wsgidir puts it here
        ticks += 1


def wmain():
    threading.Thread(target=tick, daemon=True).start()
    return show


def show(environ, start_response):
    name = html.escape(environ["PATH_INFO"].strip("/") or "world")
    body = f"<p>{GREETING}, {name}!</p><p>Loaded at {loaded}, {ticks} s ago.</p>"
    return importlocal("layout").respond(start_response, "The clock", body)
