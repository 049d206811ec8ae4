"""New certificates for ports that are being served: what SIGHUP does to the front end itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ._errors import StartError
from ._portspec import Port

_log = logging.getLogger("ashd.htparser")


def renew_certificates(ports: Iterable[Port], *, quiet: bool = False) -> set[Port]:
    """Read the certificates of ports again; return the ports that have new ones.

    Those of a port stay if one of them isn't good, which is logged; with `quiet`, only that is.
    """
    faults: dict[str, None] = {}  # ports may share files
    renewed: dict[Port, str] = {}
    for port in ports:
        try:
            if port.tls is not None:
                port.tls.renew()
                renewed[port] = str(port.tls)
        except StartError as error:
            faults[str(error)] = None
    for fault in faults:
        _log.error("%s; the certificates from before stay in use", fault)
    if not quiet:
        for name in dict.fromkeys(renewed.values()):
            _log.info("%s: the certificates were read again", name)
        warn_of_certificates(renewed)
    return set(renewed)


def warn_of_certificates(ports: Iterable[Port]) -> None:
    """Log what is wrong with certificates that are used all the same."""
    warnings = [line for port in ports if port.tls is not None for line in port.tls.warnings]
    for warning in dict.fromkeys(warnings):
        _log.warning("%s", warning)
