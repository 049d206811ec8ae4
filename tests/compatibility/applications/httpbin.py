"""httpbin, which shows what it was asked, and answers in every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ashdtest.beside.visitor import Visitor

NAME = "httpbin"
DISTRIBUTION = "httpbin"
VARIES = [
    rb'(,?\s*"(X-Ash-[A-Za-z-]+|Host)": "[^"]+",?)+',
    *(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f-]{17}", rb"(?<=last_nonce=)\w+"),
    *(rb'(?<=nonce=")\w+', rb'(?<=opaque=")\w+', rb"(?<=ETag: )\w+", rb"^[0-9a-f]{32}$"),
]

WORDS = """
get?a=1&a=2&b=%C3%A9 anything/a%2Fb/c?x=y headers ip user-agent uuid encoding/utf8 html json xml
robots.txt deny gzip deflate brotli base64/SGVsbG8= bytes/5000?seed=1 stream/10
stream-bytes/5000?seed=1&chunk_size=100 range/5000 range/5000?chunk_size=10
drip?duration=0&numbytes=10&code=200 links/5/0 links/5/2 cache cache/60 cookies
cookies/set?a=b&c=d cookies cookies/delete?a redirect/2 relative-redirect/2 absolute-redirect/2
redirect-to?url=/get basic-auth/u/p hidden-basic-auth/u/p bearer digest-auth/auth/u/p
response-headers?X-A=1&X-A=2&Server=mine image/png image/svg etag/tag status/200 status/201
status/204 status/301 status/304 status/400 status/401 status/402 status/404 status/406 status/418
status/500 status/503 status/599 nowhere forms/post spec.json delay/0
"""
TARGETS = [f"/{word}" for word in WORDS.split()]


def make() -> Any:
    from httpbin import app

    return app


def visit(visitor: Visitor) -> None:
    for target in TARGETS:
        visitor.get(target)
    for target in TARGETS:
        visitor.head(target)
    for target in TARGETS[:3] + TARGETS[17:24]:
        visitor.ask("GET", target, version="HTTP/1.0")
        visitor.ask("GET", target, "Connection: keep-alive", version="HTTP/1.0")
    visitor.get("/headers", "X-Twice: a", "X-Twice: b", "Accept-Language: de", "DNT: 1")
    visitor.get("/get", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https")
    visitor.get("/basic-auth/u/p", "Authorization: Basic dTpw")
    visitor.get("/bearer", "Authorization: Bearer token")
    visitor.get("/cache", "If-None-Match: x")
    visitor.get("/etag/tag", 'If-None-Match: "tag"')
    visitor.get("/etag/tag", 'If-Match: "other"')
    for span in ("0-9", "10-", "-10", "9999-"):
        visitor.get("/range/5000", f"Range: bytes={span}")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        target = f"/{method.lower()}"
        form = "Content-Type: application/x-www-form-urlencoded"
        visitor.ask(method, target, form, body=b"a=1&b=%C3%A9")
        visitor.ask(method, target, "Content-Type: application/json", body=b'{"a": [1]}')
        visitor.ask(method, target, form, body=[b"a=1", b"&b=2"])
        visitor.expect(method, target, body=b"expected")
        visitor.ask(method, target)
    visitor.upload("/post", {"a": "b"}, {"file": ("name", b"content")})
    visitor.ask("POST", "/anything", body=bytes(3_000_000))
    visitor.ask("OPTIONS", "/get")
    visitor.ask("TRACE", "/anything")
    visitor.ask("POST", "/get", body=b"not allowed")
