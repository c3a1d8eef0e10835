"""What is done to each request within Envoy itself, in C: a library that Envoy loads (its dynamic modules).

It is compiled when this package is installed (hatch_build.py, docs/decisions/0011-native.md). Each file has one
concern; `envoy.h` is what of Envoy's interface is used.
"""

from importlib.resources import files
from pathlib import Path

NAME = "skyserve"
"""What Envoy calls it: the file is libNAME.so."""


def library() -> Path:
    """The compiled library. Raises RuntimeError if this package was not installed but copied."""
    path = Path(str(files(__name__).joinpath(f"lib{NAME}.so")))
    if not path.exists():
        raise RuntimeError(f"{path} is missing: install this package by pip, which compiles it ('make setup').")
    return path
