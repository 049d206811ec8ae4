"""The exceptions of this distribution, all of them below `Error`."""

from __future__ import annotations


class Error(Exception):
    """The root of everything that ashd-wsgi raises on its own account."""


class ModelError(Error, ValueError):
    """A model's name or one of its parameters is not known, or makes no sense."""
