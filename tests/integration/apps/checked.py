"""The zoo under the validator of the standard library."""

from __future__ import annotations

from importlib import import_module
from wsgiref.validate import validator

application = validator(import_module("zoo").application)
