"""Packages whose public names are loaded on first use: importing one module of a room loads no other."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``package`` (its ``__name__``).

    ``homes``: public name to the module of the package that defines it. Nothing is kept, so that a module
    that is replaced (as tests do) is seen at once.
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:  # Python also asks here for modules that are not imported yet
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home}"), name)

    return load
