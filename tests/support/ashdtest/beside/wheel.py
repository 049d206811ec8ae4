"""A package to upload and download."""

from __future__ import annotations

import zipfile
from pathlib import Path

WHEEL = "small_thing-1.0-py3-none-any.whl"


def make_wheel(folder: Path) -> Path:
    """Write a wheel of some size."""
    path = folder / WHEEL
    about = "small_thing-1.0.dist-info"
    files = {
        "small_thing.py": b"name = 'small'\n",
        "noise.bin": bytes((n * n * 31) % 251 for n in range(500_000)),
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: small-thing\nVersion: 1.0\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{about}/RECORD"] = "".join(f"{n},,\n" for n in [*files, f"{about}/RECORD"]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path
