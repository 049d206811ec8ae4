"""What Django logs by itself while it is being developed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from ashdtest.commands import command, module
from ashdtest.handlers import running

pytest.importorskip("django")

SITE = """
import logging
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

settings.configure(DEBUG={debug}, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x")
urlpatterns = [path("page", lambda request: None)]
application = get_wsgi_application()
"""


@pytest.mark.parametrize("debug", [True, False])
def test_each_record_is_written_once(tmp_path: Path, debug: bool) -> None:
    folder = module(tmp_path, SITE.format(debug=debug))
    with running(command("-Ap", folder, "app")) as handler:
        assert handler.call(b"/nosuchpage", headers=[(b"Host", b"example.org")]).status == 404
    assert handler.log.count("Not Found: /nosuchpage") == 1
