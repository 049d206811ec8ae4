"""What handlers are told of a client for which a proxy speaks, and whose word counts."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ashd.htparser._errors import RequestError, UsageError
from ashd.htparser._forwarded import LOCAL, Trusted, canonical, word_of
from ashd.htparser._head import RequestHead, parse_head
from ashd.htparser._limits import MAX_FORWARDING, Limits
from ashd.htparser._peer import Arrival, Peer
from ashd.htparser._portspec import Port
from ashd.htparser._syntax import is_host
from ashdtest.cases import about

PROXIES = "127.0.0.1, 10.0.0.0/8, 2001:db8:1::/48"
OWN = {
    "X-Ash-Connection-ID": "1",
    "X-Ash-Address": "127.0.0.1",
    "X-Ash-Port": "5000",
    "X-Ash-Server-Address": "127.0.0.9",
    "X-Ash-Server-Port": "8080",
    "X-Ash-Protocol": "http",
}


def request(*lines: str) -> RequestHead:
    head = "\r\n".join(["GET / HTTP/1.1", "Host: inner", *lines, "", ""])
    return parse_head(head.encode("latin-1"), Limits())


def headers(head: RequestHead, proxies: str, address: str = "127.0.0.1") -> dict[str, str]:
    """Return the headers that a handler gets, from a connection that `address` has made."""
    port = Port(0, (None,), b"http", proxies=Trusted(proxies))
    with socket.socket() as sock:
        ends = {"peername": (address, 5000), "sockname": ("127.0.0.9", 8080), "socket": sock}
        peer = Peer(Arrival(port, None), asyncio.BaseTransport(ends), iter("1"))
    peer.tell([(b"X-Ash-TLS-Client-Subject", b"CN=proxy")])
    if head.forwarding is not None:
        peer.hear(head)
    strings = head.encode(head.client or peer.encoded).decode("latin-1").split("\0")[4:-2]
    return dict(zip(strings[::2], strings[1::2], strict=True))


def told(*lines: str, proxies: str = PROXIES, address: str = "127.0.0.1") -> dict[str, str]:
    """Return what a handler is told about the client that isn't in OWN."""
    found = headers(request(*lines), proxies, address)
    names = [*OWN, "Host"]
    before = {**OWN, "Host": "inner"}
    return {name: found.get(name, "-") for name in names if found.get(name) != before[name]}


CLIENT = "203.0.113.7"
# What a request from a proxy says, and what handlers are told of it: address, port, protocol, host
# and server port; "=" is what the connection itself tells, "-" is nothing.
GOOD = """
X-Forwarded-For: 203.0.113.7                                | 203.0.113.7 - = = =
X-Forwarded-For: 203.0.113.7:4711                           | 203.0.113.7 4711 = = =
x-forwarded-for: 203.0.113.7                                | 203.0.113.7 - = = =
X-Forwarded-For: 198.51.100.1, 203.0.113.7                  | 203.0.113.7 - = = =
X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.0.0.1        | 203.0.113.7 - = = =
X-Forwarded-For: 203.0.113.7 & X-Forwarded-For: 10.1.1.1    | 203.0.113.7 - = = =
X-Forwarded-For: 10.0.0.2,10.0.0.1                          | 10.0.0.2 - = = =
X-Forwarded-For: ,203.0.113.7,,                             | 203.0.113.7 - = = =
X-Forwarded-For: 2001:DB8:0::7                              | 2001:db8::7 - = = =
X-Forwarded-For: [2001:db8::7]:4711                         | 2001:db8::7 4711 = = =
X-Forwarded-For: [2001:db8::7], 2001:db8:1::1               | 2001:db8::7 - = = =
X-Forwarded-For: fe80::1%eth0                               | fe80::1 - = = =
X-Forwarded-For: ::ffff:203.0.113.7, ::ffff:10.0.0.1        | 203.0.113.7 - = = =
X-Forwarded-For: unknown                                    | - - = = =
X-Forwarded-For: 203.0.113.7, _hidden                       | - - = = =
X-Forwarded-For: 203.0.113.7, unknown, 10.0.0.1             | - - = = =
X-Forwarded-For: unknown, 203.0.113.7                       | 203.0.113.7 - = = =
X-Forwarded-For:                                            | = = = = =
X-Real-IP: 203.0.113.7                                      | 203.0.113.7 - = = =
X-Real-IP: 198.51.100.1 & X-Forwarded-For: 203.0.113.7      | 203.0.113.7 - = = =
X-Forwarded-Proto: https                                    | = = https = 443
X-Forwarded-Proto: HTTP                                     | = = = = 80
X-Forwarded-Proto: wss                                      | = = https = 443
X-Forwarded-Host: example.com                               | = = = example.com =
X-Forwarded-Host: [::1]:81 & X-Forwarded-Proto: http        | = = = [::1]:81 81
X-Forwarded-Host: example.com & X-Forwarded-Proto: https    | = = https example.com 443
X-Forwarded-Host: evil.example, example.com                 | = = = example.com =
X-Forwarded-Port: 8443                                      | = = = = 8443
X-Forwarded-Port: 8443 & X-Forwarded-Proto: https           | = = https = 8443
X-Forwarded-Proto: https, http                              | = = = = 80
X-Forwarded-For: 203.0.113.7, 10.0.0.1 & X-Forwarded-Proto: https, http | 203.0.113.7 - https = 443
X-Forwarded-For: 203.0.113.7, 10.0.0.1 & X-Forwarded-Proto: https       | 203.0.113.7 - https = 443
X-Forwarded-For: 1.1.1.1, 203.0.113.7 & X-Forwarded-Proto: https, http  | 203.0.113.7 - = = 80
X-Forwarded-Server: a, b                                    | = = = = =
Forwarded: for=203.0.113.7                                  | 203.0.113.7 - = = =
Forwarded: For="203.0.113.7:4711";Proto=https               | 203.0.113.7 4711 https = 443
Forwarded: for="[2001:db8::7]:4711"                         | 2001:db8::7 4711 = = =
Forwarded: for="[2001:db8::7]";by=_a                        | 2001:db8::7 - = = =
Forwarded: for=unknown                                      | - - = = =
Forwarded: for="_hidden:_port"                              | - - = = =
Forwarded: for="\\203.0.113.7"                              | 203.0.113.7 - = = =
Forwarded: proto=https;host="example.com:8443"              | = = https example.com:8443 8443
Forwarded: for=1.1.1.1;proto=http, for=203.0.113.7;proto=https      | 203.0.113.7 - https = 443
Forwarded: for=203.0.113.7;proto=https & Forwarded: for=10.0.0.1    | 203.0.113.7 - https = 443
Forwarded: for=203.0.113.7; proto=https , for=10.0.0.1 ;host=a      | 203.0.113.7 - https a 443
Forwarded: proto=https, for=10.0.0.1                        | 10.0.0.1 - https = 443
Forwarded: ext="a,b;for=1.1.1.1";for=203.0.113.7            | 203.0.113.7 - = = =
Forwarded: ;,;,for=203.0.113.7;,                            | 203.0.113.7 - = = =
Forwarded: for=1.1.1.1;proto=https & X-Forwarded-For: 203.0.113.7   | 203.0.113.7 - = = =
Forwarded: for=1.1.1.1;proto=https & X-Forwarded-Proto: http        | = = = = 80
Forwarded: for=203.0.113.7 & X-Forwarded-For:               | 203.0.113.7 - = = =
Forwarded: malformed & X-Real-IP: 203.0.113.7               | 203.0.113.7 - = = =
"""


def test_what_a_proxy_says() -> None:
    names = ["X-Ash-Address", "X-Ash-Port", "X-Ash-Protocol", "Host", "X-Ash-Server-Port"]
    for case in GOOD.strip().splitlines():
        lines, _, values = case.partition("|")
        pairs = zip(names, values.split(), strict=True)
        with about(case):
            found = told(*(line.strip() for line in lines.split(" & ")))
            assert found == {name: value for name, value in pairs if value != "="}


BAD = """
X-Forwarded-For: garbage
X-Forwarded-For: garbage, 203.0.113.7
X-Forwarded-For: 203.0.113
X-Forwarded-For: 203.0.113.256
X-Forwarded-For: 203.0.113.07
X-Forwarded-For: 203.0.113.7:
X-Forwarded-For: 203.0.113.7:65536
X-Forwarded-For: 203.0.113.7:-1
X-Forwarded-For: 203.0.113.7 10.0.0.1
X-Forwarded-For: 203.0.113.7; 10.0.0.1
X-Forwarded-For: [2001:db8::7
X-Forwarded-For: [203.0.113.7]
X-Forwarded-For: 2001:db8:::7
X-Forwarded-For: ::ffff:203.0.113.7:80
X-Forwarded-For: "203.0.113.7"
X-Forwarded-For: b\xfccher
X-Forwarded-For: _
X-Real-IP: 203.0.113.7, 198.51.100.1
X-Real-IP: 203.0.113.7 & X-Real-IP: 203.0.113.7
X-Real-IP: garbage & X-Forwarded-For: 203.0.113.7
X-Forwarded-Proto: ftp
X-Forwarded-Proto: https://
X-Forwarded-Host: a/b
X-Forwarded-Host: a b
X-Forwarded-Host: user@example.com
X-Forwarded-Host: [::1
X-Forwarded-Host: example.com:99999
X-Forwarded-Port: https
X-Forwarded-Port: 65536
X-Forwarded-Port: +1
Forwarded: malformed
Forwarded: for
Forwarded: for=
Forwarded: =a
Forwarded: for = 203.0.113.7
Forwarded: for=203.0.113.7 proto=https
Forwarded: for="203.0.113.7
Forwarded: for="203.0.113.7\\
Forwarded: for=203.0.113.7:80
Forwarded: for=[2001:db8::7]
Forwarded: for="2001:db8::7"
Forwarded: for=203.0.113.7;for=203.0.113.8
Forwarded: for=203.0.113.7;FOR=203.0.113.7
Forwarded: proto=ftp
Forwarded: host="a b"
"""


def test_malformed_headers_of_a_proxy() -> None:
    for case in BAD.strip().splitlines():
        lines = case.split(" & ")
        with about(case), pytest.raises(RequestError, match="sent a malformed ") as error:
            told(*lines)
        assert error.value.status == 400
        assert told(*lines, address=CLIENT) == {"X-Ash-Address": CLIENT}


def test_a_header_that_is_too_large() -> None:
    for value in ("X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.1"):
        fits = value + "," * (MAX_FORWARDING - len(value.partition(": ")[2]))
        assert told(fits) == {"X-Ash-Address": "1.1.1.1", "X-Ash-Port": "-"}
        with pytest.raises(RequestError):
            told(fits + ",")


FORGED = (
    *("X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"),
    *("X-Forwarded-Port: 443", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;proto=https"),
    *("X-Forwarded-Ssl: on", "X-Forwarded-User: root", "X_Forwarded.Proto: https"),
)


def test_a_certificate_is_not_that_of_the_client_for_whom_the_proxy_speaks() -> None:
    for line in ("X-Forwarded-For: 203.0.113.7", "Forwarded: for=unknown"):
        assert "X-Ash-TLS-Client-Subject" not in headers(request(line), PROXIES)
    assert headers(request("X-Forwarded-Proto: https"), PROXIES)["X-Ash-TLS-Client-Subject"]


def test_others_reach_handlers_with_none_of_it() -> None:
    """Applications believe these headers, too: Django, ProxyFix and the like."""
    kept = headers(request("Accept: */*", *FORGED, "Via: 1.1 a"), PROXIES, CLIENT)
    ours = {**OWN, "X-Ash-Address": CLIENT, "X-Ash-TLS-Client-Subject": "CN=proxy"}
    assert kept == {"Host": "inner", "Accept": "*/*", "Via": "1.1 a", **ours}


def test_what_a_proxy_says_goes_on_to_the_handler() -> None:
    lines = ["X-Forwarded-For: 1.1.1.1, 203.0.113.7", "X-Forwarded-Ssl: on"]
    passed = headers(request(*lines), PROXIES)
    assert [f"{name}: {passed[name]}" for name in passed if name.startswith("X-F")] == lines


def test_no_proxy_passes_a_disguised_name_on() -> None:
    for name in ("X_Forwarded_Proto", "X-Forwarded_User", "X_Real-IP", "X.Forwarded.For"):
        assert name not in headers(request(f"{name}: 1"), PROXIES)


def test_what_does_not_count_is_not_passed_on() -> None:
    passed = headers(request("Forwarded: for=1.1.1.1", "X-Forwarded-For: 2.2.2.2"), PROXIES)
    assert "Forwarded" not in passed
    assert passed["X-Forwarded-For"] == "2.2.2.2"


def test_a_client_that_is_gone_already() -> None:
    port = Port(0, (None,), b"http", proxies=Trusted("*"))
    with socket.socket() as sock:
        peer = Peer(Arrival(port, None), asyncio.BaseTransport({"socket": sock}), iter(""))
    assert (peer.address, peer.trusted) == (b"", False)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("", [], ["127.0.0.1", "::1", "unix"]),
        ("*", ["127.0.0.1", "2001:db8::7", "unix"], [""]),
        ("unix", ["unix"], ["127.0.0.1"]),
        ("10.0.0.0/8,", ["10.1.2.3"], ["11.0.0.0", "::1", "unix", ""]),
        ("10.0.0.1 , ::1", ["10.0.0.1", "::1"], ["10.0.0.2", "::2"]),
        ("::/0", ["::1", "2001:db8::7"], ["10.0.0.1"]),
        ("::ffff:10.0.0.0/104", ["10.1.2.3"], ["11.0.0.0", "::1"]),
        ("::ffff:192.0.2.1", ["192.0.2.1"], ["192.0.2.2"]),
        ("::ffff:0:0/96", ["10.1.2.3", "127.0.0.1"], ["::1"]),
        ("fe80::1%eth0", ["fe80::1"], ["fe80::2"]),
        ("192.0.2.128/25", ["192.0.2.128", "192.0.2.255"], ["192.0.2.127"]),
    ],
)
def test_who_is_trusted(text: str, inside: list[str], outside: list[str]) -> None:
    trusted = Trusted(text)
    for address in inside:
        assert trusted.covers(address.encode()), address
    for address in outside:
        assert not trusted.covers(address.encode()), address


def test_the_default_is_this_machine() -> None:
    for address in (b"127.0.0.1", b"127.9.9.9", b"::1", b"unix"):
        assert LOCAL.covers(address)
    assert not LOCAL.covers(b"192.168.0.1")


@pytest.mark.parametrize("text", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0", "* *", "1:2"])
def test_what_cannot_be_trusted(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(repr(text))):
        Trusted(text)


WORDS = st.lists(
    st.sampled_from(
        [
            *(b"for=", b"proto=", b"https", b"http", b"host=", b"a", b"1.1.1.1", b"10.0.0.1"),
            *(b"[::1]", b"::1", b":80", b":", b",", b";", b" ", b"\t", b'"', b"\\", b"\xff"),
            *(b"unknown", b"_x"),
        ]
    ),
    max_size=12,
).map(b"".join)
KNOWN = st.dictionaries(
    st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"]),
    WORDS | st.binary(max_size=20).map(lambda value: value.replace(b"\0", b"0")),
    min_size=1,
)
TRUSTED = Trusted(PROXIES)


@given(KNOWN)
@example({b"forwarded": b" " * 4000 + b"x"})
@example({b"forwarded": b'for="' + b"\\" * 3000})
def test_whatever_is_said_is_a_good_word_or_an_error(known: dict[bytes, bytes]) -> None:
    try:
        word = word_of(known, TRUSTED)
    except RequestError:
        return
    address = (word.client or b"").split(b"\0")[1:2]
    assert [canonical(each) for each in address] == address
    assert word.protocol.removeprefix(b"X-Ash-Protocol\0") in (b"", b"http\0", b"https\0")
    assert is_host(word.host or b"a")


ADDRESSES = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))


@given(st.lists(ADDRESSES | st.sampled_from(["unknown", "10.0.0.1"]), max_size=5))
def test_no_client_chooses_its_address(forged: list[str]) -> None:
    """What it sends itself stands before what the proxies add."""
    value = ", ".join([*forged, CLIENT, "10.0.0.1"]).encode()
    word = word_of({b"x-forwarded-for": value}, Trusted("10.0.0.1"))
    assert word.client == b"X-Ash-Address\0" + CLIENT.encode() + b"\0"
