"""The exceptions of this distribution. All derive from `PdmError`."""


class PdmError(Exception):
    """The root of all exceptions that this distribution raises deliberately."""


class SpecError(PdmError, ValueError):
    """A text that should say where to listen or to connect doesn't."""


class ListenError(PdmError):
    """The debug socket can't be opened; the text says why and what to do."""


class ConnectError(PdmError):
    """The server can't be reached."""


class ProtocolError(PdmError):
    """The other side broke the rules of the wire. The connection can't be used any more."""


class ConnectionLost(PdmError):  # noqa: N818
    """The other side is gone, or took longer than the time limit."""


class RefusedPickle(PdmError):  # noqa: N818
    """A pickle holds more than is allowed, or is malformed. Nothing of it has run."""
