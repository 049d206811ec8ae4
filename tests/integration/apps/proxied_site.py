"""A Django site that answers over https only, and tells what it knows of a request.

It believes X-Forwarded-* headers, as many sites are set to do.
"""

from __future__ import annotations

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    SECURE_REDIRECT_EXEMPT=["^plain$"],
    SECURE_SSL_REDIRECT=True,
    USE_X_FORWARDED_HOST=True,
    USE_X_FORWARDED_PORT=True,
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - needs the settings
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

TOLD = ("REMOTE_ADDR", "HTTPS", "wsgi.url_scheme", "HTTP_HOST", "SERVER_PORT")


def request_view(request: HttpRequest) -> JsonResponse:
    """Tell what is known."""
    told = {name: request.META.get(name) for name in TOLD}
    headers = {name: value for name, value in request.META.items() if name.startswith("HTTP_")}
    return JsonResponse({**told, "here": request.build_absolute_uri(), "headers": headers})


def old_view(request: HttpRequest) -> HttpResponseRedirect:
    """Send the client on."""
    return HttpResponseRedirect(request.build_absolute_uri("/request"))


urlpatterns = [path("request", request_view), path("plain", request_view), path("old", old_view)]
application = get_wsgi_application()
