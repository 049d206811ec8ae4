"""The environ that an application is called with, variable by variable."""

from __future__ import annotations

import os
import sys
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.proto import Request
from ashd.wsgi import VERSION, BadRequestError
from ashd.wsgi._environ import EnvironBuilder, base_environ, working_directory
from ashd.wsgi._version import SOFTWARE

Pairs = Iterable[tuple[bytes, bytes]]


def environ(
    url: bytes = b"/",
    rest: bytes | None = None,
    headers: Pairs = (),
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
) -> dict[str, Any]:
    if rest is None:
        rest = url.partition(b"?")[0].removeprefix(b"/")
    builder = EnvironBuilder(base_environ(SOFTWARE, True, False))
    with Request(method, url, version, rest, list(headers), os.open(os.devnull, 0)) as request:
        return builder.build(request)[0]


# The request line


def test_request_line() -> None:
    made = environ(b"/a/b?c=d?e", method=b"PROPFIND", version=b"HTTP/1.0")
    assert made["REQUEST_METHOD"] == "PROPFIND"
    assert made["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert made["REQUEST_URI"] == "/a/b?c=d?e"
    assert made["QUERY_STRING"] == "c=d?e"


def test_query_string_is_always_there_and_never_unescaped() -> None:
    assert environ(b"/a")["QUERY_STRING"] == ""
    assert environ(b"/a?")["QUERY_STRING"] == ""
    assert environ(b"/a?b=%20%zz")["QUERY_STRING"] == "b=%20%zz"


@pytest.mark.parametrize(
    ("url", "rest", "script", "info"),
    [
        (b"/", b"", "", "/"),
        (b"/app/x", b"x", "/app", "/x"),
        (b"/app/x", b"/x", "/app", "/x"),
        (b"/app", b"", "/app", ""),
        (b"/app/", b"", "/app", "/"),
        (b"/a/b/c?d=e", b"a/b/c", "", "/a/b/c"),
        (b"/a/b/c?d=e", b"b/c", "/a", "/b/c"),
        (b"/a/b/?d=e", b"", "/a/b", "/"),
        (b"/a//b", b"a//b", "", "/a//b"),
        (b"/a//b", b"b", "/a", "//b"),
        (b"//", b"/", "", "//"),
        (b"//x", b"/x", "", "//x"),
        (b"/a%20b/c%20d", b"c%20d", "/a b", "/c d"),
        (b"/a%20b", b"a%20b", "", "/a b"),
        (b"/a%2Fb", b"a%2Fb", "", "/a/b"),
        (b"/a%2Fb/c", b"c", "/a/b", "/c"),
        (b"/a%2F", b"", "/a", "/"),
        (b"/app%2F/x", b"x", "/app", "//x"),
        (b"/%2F", b"", "", "//"),
        (b"/app%2Fx", b"%2Fx", "/app", "/x"),
        (b"/a%zzb%2", b"a%zzb%2", "", "/a%zzb%2"),
        (b"/a%", b"a%", "", "/a%"),
        (b"/%e2%82%ac", b"%e2%82%ac", "", "/\xe2\x82\xac"),
        (b"/\xe2\x82\xac", b"\xe2\x82\xac", "", "/\xe2\x82\xac"),
        (b"/%00", b"%00", "", "/\x00"),
        (b"/a+b", b"a+b", "", "/a+b"),
        (b"/a;b=c", b"a;b=c", "", "/a;b=c"),
        # a handler on the way may have rewritten the rest
        (b"/app/x", b"y", "/app/x", "/y"),
        (b"/app/", b"y", "/app", "/y"),
    ],
)
def test_script_name_and_path_info(url: bytes, rest: bytes, script: str, info: str) -> None:
    made = environ(url, rest)
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == (script, info)


def test_options_of_the_whole_server() -> None:
    made = environ(b"*", b"*", method=b"OPTIONS")
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == ("", "")
    assert made["REQUEST_URI"] == "*"


@pytest.mark.parametrize(
    ("url", "rest", "script", "info"),
    [
        (b"http://example.org/a/b?c", b"http://example.org/a/b", "", "/a/b"),
        (b"http://example.org/a/b", b"a/b", "", "/a/b"),
        (b"http://example.org/a/b", b"b", "/a", "/b"),
        (b"http://example.org/", b"", "", "/"),
        (b"http://example.org", b"http://example.org", "", "/"),
        (b"HTTPS://[::1]:8080/x", b"HTTPS://[::1]:8080/x", "", "/x"),
        (b"app/x", b"x", "/app", "/x"),
        (b"/app/http://example.org/x", b"http://example.org/x", "/app", "/http://example.org/x"),
    ],
)
def test_targets_that_are_no_path(url: bytes, rest: bytes, script: str, info: str) -> None:
    made = environ(url, rest)
    assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == (script, info)
    assert made["REQUEST_URI"] == url.decode("ascii")


_PATHS = st.text("/a%2Fb:.\xe9?", max_size=12).map(lambda text: text.encode("latin-1"))


@given(url=_PATHS, rest=_PATHS)
def test_script_name_and_path_info_always_have_the_form_of_pep_3333(
    url: bytes, rest: bytes
) -> None:
    made = environ(url, rest.replace(b"?", b""))
    script, info = made["SCRIPT_NAME"], made["PATH_INFO"]
    assert script == "" or (script.startswith("/") and not script.endswith("/"))
    assert info == "" or info.startswith("/")


@given(parts=st.lists(st.text("aF:.\xe9", max_size=3), min_size=1, max_size=5), data=st.data())
def test_script_name_and_path_info_make_up_the_whole_path(
    parts: list[str], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(parts)))
    path = "".join(f"/{part}" for part in parts)
    rest = "/".join(parts[cut:])
    made = environ(path.encode("latin-1"), rest.encode("latin-1"))
    assert made["SCRIPT_NAME"] + made["PATH_INFO"] == path


# Server and client


@pytest.mark.parametrize(
    ("headers", "name", "port"),
    [
        ([(b"Host", b"example.org")], "example.org", "80"),
        ([(b"Host", b"example.org:8080")], "example.org", "80"),
        ([(b"Host", b"example.org:8080"), (b"X-Ash-Server-Port", b"81")], "example.org", "81"),
        ([(b"Host", b"[::1]:80")], "[::1]", "80"),
        ([(b"Host", b"[::1]")], "[::1]", "80"),
        ([(b"Host", b"[::1")], "[::1", "80"),
        ([(b"X-Ash-Server-Address", b"192.0.2.1")], "192.0.2.1", "80"),
        ([(b"Host", b""), (b"X-Ash-Server-Address", b"192.0.2.1")], "192.0.2.1", "80"),
        ([(b"Host", b":80"), (b"X-Ash-Server-Address", b"192.0.2.1")], "192.0.2.1", "80"),
        ([(b"X-Ash-Server-Address", b"")], "localhost", "80"),
        ([], "localhost", "80"),
        ([(b"X-Ash-Protocol", b"https")], "localhost", "443"),
        ([(b"X-Ash-Protocol", b"https"), (b"X-Ash-Server-Port", b"8443")], "localhost", "8443"),
        ([(b"X-Ash-Server-Port", b"")], "localhost", "80"),
    ],
)
def test_server_name_and_port(headers: Pairs, name: str, port: str) -> None:
    made = environ(headers=headers)
    assert (made["SERVER_NAME"], made["SERVER_PORT"]) == (name, port)


def test_addresses_are_there_when_the_front_end_tells_them() -> None:
    bare = environ()
    assert not {"SERVER_ADDR", "REMOTE_ADDR", "REMOTE_PORT"} & bare.keys()
    told = environ(
        headers=[
            (b"X-Ash-Address", b"2001:db8::1"),
            (b"X-Ash-Port", b"54321"),
            (b"X-Ash-Server-Address", b"192.0.2.1"),
        ]
    )
    assert told["REMOTE_ADDR"] == "2001:db8::1"
    assert told["REMOTE_PORT"] == "54321"
    assert told["SERVER_ADDR"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("protocol", "scheme", "https"), [(b"http", "http", None), (b"https", "https", "on")]
)
def test_scheme(protocol: bytes, scheme: str, https: str | None) -> None:
    made = environ(headers=[(b"X-Ash-Protocol", protocol)])
    assert made["wsgi.url_scheme"] == scheme
    assert made.get("HTTPS") == https


def test_scheme_is_http_when_nobody_said_otherwise() -> None:
    made = environ()
    assert made["wsgi.url_scheme"] == "http"
    assert "HTTPS" not in made


def test_encryption() -> None:
    """By the names of Apache's mod_ssl; a client's own headers become no such variables."""
    https = [(b"X-Ash-Protocol", b"https")]
    ours = [(b"X-Ash-TLS-Protocol", b"TLSv1.3"), (b"X-Ash-TLS-Cipher", b"some")]
    client = [(b"X-Ash-TLS-Client-Verify", b"SUCCESS"), (b"X-Ash-TLS-Client-Subject", b"CN=Bob")]

    def seen(*headers: tuple[bytes, bytes]) -> dict[str, str]:
        return {key: value for key, value in environ(headers=headers).items() if "SSL" in key}

    assert seen(*https, (b"SSL-Client-S-DN", b"x"), (b"X_Ash_TLS_Client_Subject", b"x")) == {
        "HTTP_SSL_CLIENT_S_DN": "x"
    }
    plain = {"SSL_PROTOCOL": "TLSv1.3", "SSL_CIPHER": "some", "SSL_CLIENT_VERIFY": "NONE"}
    assert seen(*https, *ours) == plain
    verified = {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=Bob"}
    assert seen(*https, *ours, *client) == plain | verified


# Headers


def test_headers_become_variables() -> None:
    made = environ(headers=[(b"Accept", b"*/*"), (b"x-ASH-connection-id", b"A"), (b"X-1-2", b"3")])
    assert made["HTTP_ACCEPT"] == "*/*"
    assert made["HTTP_X_ASH_CONNECTION_ID"] == "A"
    assert made["HTTP_X_1_2"] == "3"


def test_content_type_and_length_have_no_http_form() -> None:
    made = environ(headers=[(b"content-type", b"text/plain"), (b"CONTENT-LENGTH", b"3")])
    assert made["CONTENT_TYPE"] == "text/plain"
    assert made["CONTENT_LENGTH"] == "3"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & made.keys()


@pytest.mark.parametrize(
    "name",
    [
        b"X_Ash_File",
        b"X-Ash_File",
        b"Content_Length",
        b"Proxy",
        b"PROXY",
        b"Transfer-Encoding",
        b"A B",
        b"A.B",
        b"\xc3\x89",
        b"A\xe9",
        b"A=B",
        b"A:",
    ],
)
def test_headers_that_applications_do_not_get(name: bytes) -> None:
    assert environ(headers=[(name, b"forged")]).keys() == environ().keys()


def test_forged_names_do_not_touch_true_ones() -> None:
    made = environ(
        headers=[(b"X_Ash_File", b"forged"), (b"X-Ash-File", b"/true"), (b"X_ASH-FILE", b"forged")]
    )
    assert made["HTTP_X_ASH_FILE"] == "/true"
    assert made["SCRIPT_FILENAME"] == "/true"


def test_repeated_headers_are_joined() -> None:
    made = environ(headers=[(b"Accept", b"a"), (b"Cookie", b"b=c"), (b"ACCEPT", b"d")])
    assert made["HTTP_ACCEPT"] == "a, d"
    assert environ(headers=[(b"Cookie", b"b=c"), (b"cookie", b"d=e")])["HTTP_COOKIE"] == "b=c; d=e"


def test_the_last_one_counts_of_what_our_side_adds() -> None:
    made = environ(headers=[(b"X-Ash-Address", b"192.0.2.66"), (b"x-ash-address", b"192.0.2.1")])
    assert made["HTTP_X_ASH_ADDRESS"] == "192.0.2.1"
    assert made["REMOTE_ADDR"] == "192.0.2.1"


@pytest.mark.parametrize("name", [b"Content-Length", b"Content-Type"])
def test_a_header_of_one_value_may_repeat_but_not_differ(name: bytes) -> None:
    same = environ(headers=[(name, b"3"), (name.lower(), b"3")])
    assert same[name.decode().upper().replace("-", "_")] == "3"
    with pytest.raises(BadRequestError, match=f"two different {name.decode()} headers"):
        environ(headers=[(name, b"3"), (name.lower(), b"4")])


def test_what_the_front_end_promises_is_not_for_applications() -> None:
    assert environ(headers=[(b"X-Ash-Framing", b"certain, chunked")]).keys() == environ().keys()


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"+1", b"1_0", b"0x1", b"1.0", b"3, 3", b"\xb2", b"9" * 5000]
)
def test_a_content_length_that_is_no_number_is_refused(value: bytes) -> None:
    with pytest.raises(BadRequestError, match="Content-Length"):
        environ(headers=[(b"Content-Length", value)])


def test_values_are_latin_1() -> None:
    every = bytes(range(1, 256))
    made = environ(b"/?\xff", headers=[(b"X", every)], method=b"\xe9", version=b"HTTP/1.\xe9")
    assert made["HTTP_X"].encode("latin-1") == every
    assert made["QUERY_STRING"] == "\xff"
    assert made["REQUEST_METHOD"] == "\xe9"
    assert made["wsgi.uri_encoding"] == "latin-1"


def test_every_value_but_those_of_wsgi_is_a_plain_str() -> None:
    made = environ(
        b"/a/%20b?c", b"%20b", headers=[(b"X-Ash-File", b"a"), (b"X-Ash-Protocol", b"https")]
    )
    assert type(made) is dict
    values = {key: value for key, value in made.items() if not key.startswith("wsgi.")}
    assert {type(value) for value in values.values()} == {str}


def test_invented_header_names_do_not_use_up_memory() -> None:
    environ()
    tracemalloc.start()
    try:
        for number in range(2000):
            name = b"X-%d-" % number + b"a" * 30_000
            assert environ(headers=[(name, b"1")])[
                "HTTP_" + name.decode().upper().replace("-", "_")
            ]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 4 << 20


def test_known_headers_are_still_known_after_any_number_of_invented_ones() -> None:
    for number in range(3000):
        environ(headers=[(b"Y-%d" % number, b"1"), (b"Y_%d" % number, b"1")])
    test_headers_become_variables()
    test_forged_names_do_not_touch_true_ones()
    test_content_type_and_length_have_no_http_form()


# Files


def test_script_filename_is_absolute() -> None:
    assert "SCRIPT_FILENAME" not in environ()
    here = str(Path.cwd())
    assert environ(headers=[(b"X-Ash-File", b"a/b")])["SCRIPT_FILENAME"] == f"{here}/a/b"
    assert environ(headers=[(b"X-Ash-File", b"./a")])["SCRIPT_FILENAME"] == f"{here}/./a"
    assert environ(headers=[(b"X-Ash-File", b"/a/b")])["SCRIPT_FILENAME"] == "/a/b"


@pytest.mark.parametrize("name", ["€.wsgi".encode(), b"\xff\xfe.wsgi", b"caf\xe9"])
def test_script_filename_opens_the_file_whatever_its_name(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    with open(path, "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"found")
    made = environ(headers=[(b"X-Ash-File", path)])
    assert Path(made["SCRIPT_FILENAME"]).read_bytes() == b"found"
    assert made["HTTP_X_ASH_FILE"].encode("latin-1") == path


# What is the same for all requests


def test_constants() -> None:
    made = environ()
    assert made["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert made["SERVER_SOFTWARE"] == f"ashd-wsgi/{VERSION}"
    assert made["wsgi.version"] == (1, 0)
    assert made["wsgi.errors"] is sys.stderr
    assert made["wsgi.run_once"] is False
    assert made["wsgi.input_terminated"] is True
    assert isinstance(made["wsgi.file_wrapper"], type)


@pytest.mark.parametrize(("multithread", "multiprocess"), [(False, True), (True, False)])
def test_flags(multithread: bool, multiprocess: bool) -> None:
    base = base_environ(SOFTWARE, multithread, multiprocess)
    assert base["wsgi.multithread"] is multithread
    assert base["wsgi.multiprocess"] is multiprocess


def test_environs_are_independent() -> None:
    builder = EnvironBuilder(base_environ(SOFTWARE, True, False))
    with Request(b"GET", b"/", b"HTTP/1.1", b"", [], os.open(os.devnull, 0)) as request:
        first, *_ = builder.build(request)
        first["wsgi.url_scheme"] = first["mine"] = "changed"
        second, *_ = builder.build(request)
    assert second["wsgi.url_scheme"] == "http"
    assert "mine" not in second


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert working_directory() == "/"
