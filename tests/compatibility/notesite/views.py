"""Views that do what Django's users do."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import last_modified, require_http_methods


def index(request: Any) -> HttpResponse:
    return HttpResponse(f"Hello from {request.build_absolute_uri()}!", content_type="text/plain")


@csrf_exempt  # type: ignore[untyped-decorator]
def echo(request: Any) -> JsonResponse:
    """Say what Django has made of a request."""
    return JsonResponse(
        {
            "method": request.method,
            "path": request.path,
            "full": request.get_full_path(),
            "host": request.get_host(),
            "secure": request.is_secure(),
            "query": request.GET.dict(),
            "form": request.POST.dict(),
            "address": request.META["REMOTE_ADDR"],
            "type": request.content_type,
            "cookies": request.COOKIES,
            "body": request.body.decode("latin-1"),
        }
    )


@csrf_exempt  # type: ignore[untyped-decorator]
@require_http_methods(["POST", "PUT"])  # type: ignore[untyped-decorator]
def upload(request: Any) -> JsonResponse:
    return JsonResponse(
        {
            "form": request.POST.dict(),
            "files": {
                name: [file.name, file.size, hashlib.sha256(file.read()).hexdigest()]
                for name, file in request.FILES.items()
            },
        }
    )


def stream(request: Any) -> StreamingHttpResponse:
    def lines() -> Iterator[str]:
        for number in range(50):
            yield f"line {number}\n" * 20

    return StreamingHttpResponse(lines(), content_type="text/plain")


@last_modified(lambda request: None)  # type: ignore[untyped-decorator]
def file(request: Any) -> FileResponse:
    if "memory" in request.GET:
        return FileResponse(
            io.BytesIO(bytes(range(256)) * 100), as_attachment=True, filename="é.bin"
        )
    return FileResponse(Path(__file__).open("rb"))


def large(request: Any, size: int) -> HttpResponse:
    return HttpResponse(b"0123456789abcdef" * (size // 16), content_type="text/plain")


def count(request: Any) -> HttpResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return HttpResponse(str(request.session["count"]))


def broken(request: Any) -> HttpResponse:
    raise RuntimeError("secret details")


def broken_stream(request: Any) -> StreamingHttpResponse:
    def pieces() -> Iterator[str]:
        yield "begun\n"
        raise RuntimeError("secret details")

    return StreamingHttpResponse(pieces())


def forbidden(request: Any) -> HttpResponse:
    raise PermissionDenied
