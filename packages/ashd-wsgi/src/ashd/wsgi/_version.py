"""What this program calls itself."""

VERSION: str = "1.0.0"
SOFTWARE = f"ashd-wsgi/{VERSION}"


def build() -> str:
    """Return whether the modules on a request's way are `compiled` or `pure Python`."""
    from . import _response

    return "pure Python" if _response.__file__.endswith(".py") else "compiled"
