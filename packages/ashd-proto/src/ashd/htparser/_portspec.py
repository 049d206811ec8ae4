"""What to listen on: `HANDLER[:PAR[=VAL][,PAR[=VAL]]...]`.

`PORT_HANDLERS` is the table of port handlers, each with the table of its parameters. A port handler
turns parameters into a `Port`; a new one is one function and one entry. What says where to listen
is the same for all: the parameters of `listening_at`, which `port_of` understands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ._errors import UsageError
from ._forwarded import LOCAL, LOCAL_TEXT, Trusted
from ._unix_socket import UnixAddress, parse_mode

if TYPE_CHECKING:
    from ._certificates import Certificates

Values = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Port:
    """One port to listen on, of every address in `addresses` (None: all of this machine's).

    With `unix` it is a Unix socket in their place; with `fd`, one that somebody else has bound;
    with `systemd`, those that the service manager has passed under this name (empty: all).
    """

    number: int
    addresses: tuple[str | None, ...]
    protocol: bytes
    """What `X-Ash-Protocol` says."""
    tls: Certificates | None = None
    unix: UnixAddress | None = None
    fd: int | None = None
    systemd: str | None = None
    proxies: Trusted = LOCAL
    """Who may say for whom it speaks, by the headers of its requests."""
    proxy_header: Trusted | None = None
    """Who may connect if each connection begins with a header of the PROXY protocol."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a port handler."""

    metavar: str
    help: str
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class PortHandler:
    """A kind of port."""

    help: str
    parameters: Mapping[str, Parameter]
    make: Callable[[Values], Port]


class HelpRequested(Exception):  # noqa: N818 - no error
    """The parameters of a port handler were asked for; the text is the answer."""


def parse_portspec(spec: str) -> Port:
    """Return the port that a PORTSPEC describes.

    Raises `UsageError`, or `HelpRequested` when it says so (`plain:help`).
    """
    name, _, text = spec.partition(":")
    handler = PORT_HANDLERS.get(name)
    if handler is None:
        raise _unknown_handler(spec, name)
    values: dict[str, list[str]] = {}
    for part in filter(None, text.split(",")):
        parameter, _, value = part.partition("=")
        if parameter == "help":
            raise HelpRequested(_describe(name, handler))
        _add_value(values, name, handler, parameter, value)
    return handler.make(values)


def check_portspec(spec: str) -> None:
    """See that a PORTSPEC is right, without listening there. Raises an `ashd.proto.Error`."""
    try:
        parse_portspec(spec)
    except HelpRequested as answer:
        raise UsageError(f"{spec} asks for help: {answer}") from None


def _unknown_handler(spec: str, name: str) -> UsageError:
    host, _, port = spec.rpartition(":")
    if port.isdigit():
        bind = f",bind={host}" if host else ""
        return UsageError(f"{spec!r} is not a PORTSPEC; write plain:port={port}{bind}")
    return UsageError(f"there is no port handler {name!r}; known: {', '.join(PORT_HANDLERS)}")


def _add_value(
    values: dict[str, list[str]], name: str, handler: PortHandler, parameter: str, value: str
) -> None:
    known = handler.parameters.get(parameter)
    if known is None and parameter.isdigit() and not value:
        raise UsageError(f"a port is given as {name}:port={parameter}, not as {name}:{parameter}")
    if known is None:
        raise UsageError(f"{name} has no parameter {parameter!r}; {name}:help lists them")
    if parameter in values and not known.repeatable:
        raise UsageError(f"{name}: {parameter} is given twice")
    values.setdefault(parameter, []).append(value)


def _describe(name: str, handler: PortHandler) -> str:
    lines = [f"{name}: {handler.help}"]
    for parameter, about in handler.parameters.items():
        lines.append(f"  {f'{parameter}={about.metavar}':<16} {about.help}")
    return "\n".join(lines)


def _port_number(name: str, values: Values, default: int) -> int:
    text = values.get("port", [str(default)])[0]
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 16):
        raise UsageError(f"{name}: port must be a number from 0 to 65535, not {text!r}")
    return int(text)


def _addresses(name: str, values: Values) -> tuple[str | None, ...]:
    addresses = values.get("bind", [])
    if "" in addresses:
        raise UsageError(f"{name}: bind needs an address")
    return tuple(address.strip("[]") for address in addresses) or (None,)


_UNIX = ("mode", "owner", "group")
_PLACES = (("unix",), ("fd",), ("systemd",), ("port", "bind"))
"""Parameters that exclude those of another place."""


def listening_at(default_port: int) -> dict[str, Parameter]:
    """Return the parameters that say where to listen."""
    return {
        "port": Parameter(
            "NUMBER", f"TCP port to listen on (default {default_port}; 0: any free one)"
        ),
        "bind": Parameter(
            "ADDRESS",
            "address or host name to listen on (default: all, IPv4 and IPv6); repeatable",
            repeatable=True,
        ),
        "unix": Parameter("PATH", "listen on a Unix socket instead"),
        "mode": Parameter("OCTAL", "permissions of the Unix socket (default: as the umask says)"),
        "owner": Parameter("USER", "owner of the Unix socket, by name or number"),
        "group": Parameter("GROUP", "group of the Unix socket, by name or number"),
        "fd": Parameter("NUMBER", "listen on a socket that was inherited with this descriptor"),
        "systemd": Parameter(
            "NAME", "listen on the sockets that systemd passes under this name (without =: all)"
        ),
        "proxy": Parameter(
            "ADDRESS",
            "expect a header of the PROXY protocol (1 or 2) at the beginning of each connection,"
            " from this address, network, unix or * (default: this machine); repeatable",
            repeatable=True,
        ),
    }


def port_of(name: str, values: Values, default_port: int, protocol: bytes) -> Port:
    """Return the port that the parameters of `listening_at` describe; raises `UsageError`."""
    given = [one for place in _PLACES for one in place if one in values]
    if len(given) > 1 and given != ["port", "bind"]:
        raise UsageError(f"{name}: {given[0]} and {given[1]} exclude each other")
    for parameter in _UNIX:
        if parameter in values and "unix" not in values:
            raise UsageError(f"{name}: {parameter} is for a Unix socket (unix=PATH)")
    number, addresses = _port_number(name, values, default_port), _addresses(name, values)
    systemd = values.get("systemd", [None])[0]
    places = _unix(name, values), _fd(name, values), systemd
    return Port(
        number, addresses, protocol, None, *places, proxy_header=_proxy_header(name, values)
    )


def check_ports(ports: Sequence[Port]) -> None:
    """Raise `UsageError` if two ports are to have the same inherited socket."""
    descriptors = [f"fd={port.fd}" for port in ports if port.fd is not None]
    names = [f"systemd={port.systemd}" for port in ports if port.systemd is not None]
    used = descriptors + names
    if len(used) > len(set(used)):
        raise UsageError("two ports want the same inherited socket")
    if (descriptors and names) or ("systemd=" in names and len(names) > 1):
        raise UsageError("give systemd a name for each port, or take each socket by its fd")


def _unix(name: str, values: Values) -> UnixAddress | None:
    if "unix" not in values:
        return None
    path, mode, owner, group = (values.get(each, [""])[0] for each in ("unix", *_UNIX))
    if not path:
        raise UsageError(f"{name}: unix needs the path of a socket")
    try:
        return UnixAddress(path, parse_mode(mode), owner, group)
    except ValueError:
        raise UsageError(f"{name}: mode must be octal, such as 660, not {mode!r}") from None


def _fd(name: str, values: Values) -> int | None:
    text = values.get("fd", [None])[0]
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise UsageError(f"{name}: fd must be the number of a descriptor, not {text!r}")
    return int(text)


def _proxy_header(name: str, values: Values) -> Trusted | None:
    if "proxy" not in values:
        return None
    try:
        return Trusted(",".join(value or LOCAL_TEXT for value in values["proxy"]))
    except UsageError as error:
        raise UsageError(f"{name}: proxy: {error}") from None


def _plain(values: Values) -> Port:
    return port_of("plain", values, 80, b"http")


_CERTIFICATES = {
    "cert": Parameter("FILE", "certificate, with its chain, in PEM form"),
    "key": Parameter("FILE", "its private key (default: in the same file, or beside it)"),
    "ncert": Parameter(
        "FILE", "another certificate, for clients that name its host; repeatable", True
    ),
    "ncertdir": Parameter("FOLDER", "as ncert, for each certificate in it; repeatable", True),
    "trust": Parameter(
        "FILE", "CA that client certificates, then required, are from; repeatable", True
    ),
}


def _ssl(values: Values) -> Port:
    from ._certificates import CertificateFiles, Certificates  # there may be no ssl module

    port = port_of("ssl", values, 443, b"https")
    for parameter in _CERTIFICATES:
        if "" in values.get(parameter, []):
            raise UsageError(f"ssl: {parameter} needs a name")
    if "cert" not in values:
        raise UsageError("ssl needs a certificate: ssl:cert=FILE (ssl:help lists the parameters)")
    # A daemon has another working directory when it reads them again.
    names = {key: tuple(map(os.path.abspath, values.get(key, ()))) for key in _CERTIFICATES}
    files = CertificateFiles(
        main=names["cert"][0],
        key=next(iter(names["key"]), None),
        named=names["ncert"],
        folders=names["ncertdir"],
        trusted=names["trust"],
    )
    return replace(port, tls=Certificates(files))


PORT_HANDLERS: Mapping[str, PortHandler] = {
    "plain": PortHandler("HTTP without encryption", listening_at(80), _plain),
    "ssl": PortHandler("HTTP in TLS (https)", {**_CERTIFICATES, **listening_at(443)}, _ssl),
}
