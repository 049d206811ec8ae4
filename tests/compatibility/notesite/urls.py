"""Which view answers which URL."""

from django.contrib import admin
from django.urls import path
from django.views.static import serve

from . import settings, views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("media/<path:path>", serve, {"document_root": settings.MEDIA_ROOT}),
    path("", views.index),
    path("echo/", views.echo),
    path("upload/", views.upload),
    path("stream/", views.stream),
    path("file/", views.file),
    path("large/<int:size>/", views.large),
    path("count/", views.count),
    path("broken/", views.broken),
    path("broken-stream/", views.broken_stream),
    path("forbidden/", views.forbidden),
]
