"""A Django site with a debug socket: the two lines at the end, in what is wsgi.py elsewhere.

Every process that loads the site opens a socket of its own, however many there are:

    waitress-serve django_site:application
    gunicorn -w 2 django_site:application

RUNTIME_DIRECTORY is set by systemd (RuntimeDirectory=site); only the service's own user gets in.
"""

import os
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

import ashd.pdm.srv

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only for this example")


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"Django {django.__version__} in process {os.getpid()}\n")


urlpatterns: list[Any] = [path("", index)]

application = get_wsgi_application()
ashd.pdm.srv.listen(f"{os.environ['RUNTIME_DIRECTORY']}/debug-{os.getpid()}.sock")
