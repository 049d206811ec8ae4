"""A Django project in one file, with its admin on SQLite.

The environment variable DJANGO_SITE_DATABASE names the database, which is made at the start with
one administrator in it.
"""

from __future__ import annotations

import os

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DJANGO_SITE_DATABASE"],
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        __name__,
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # for speed
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    STATIC_URL="/static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402 - needs the settings
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, connections, models  # noqa: E402
from django.urls import path  # noqa: E402


class Note(models.Model):  # type: ignore[misc] # Django comes without types
    """What the test adds."""

    title = models.CharField(max_length=100)

    class Meta:
        app_label = __name__

    def __str__(self) -> str:
        return str(self.title)


admin.site.register(Note)
urlpatterns = [path("admin/", admin.site.urls)]

call_command("migrate", verbosity=0)
with connection.schema_editor() as editor:  # `migrate` finds no models in a project of one file
    editor.create_model(Note)
from django.contrib.auth.models import User  # noqa: E402

User.objects.create_superuser("boss", password="only for tests")
connections.close_all()

application = get_wsgi_application()
