"""Bit-accurate emulation of the LHC level-1 trigger, and the firmware that computes the same integers.

    >>> import l1forge
    >>> result = l1forge.emulate("vae", l1forge.sample("ttbar"))
    >>> result.crossings
    10000

Importing this package is cheap and changes nothing in the process: every name below is loaded when it is
first used. docs/python.md shows what to do with them.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "FixedType": "emulator.graph.fixed",
    "Graph": "emulator.graph.graph",
    "InputError": "emulator.errors",
    "check_menu": "studies.menu",
    "convert": "studies.convert",
    "emulate": "studies.emulate",
    "import_bdt": "studies.import_trees",
    "import_hls": "studies.imports",
    "import_model": "studies.imports",
    "load_graph": "studies.sources",
    "load_menu": "studies.menu",
    "open_events": "emulator.events.source",
    "rates": "studies.rates",
    "run_path": "studies.path",
    "sample": "studies.sources",
    "synthesise": "studies.synthesis",
    "verify": "studies.cosim",
}
"""Public name -> the module that defines it; __init__.pyi tells type checkers the same."""

__all__ = sorted(["__version__", *_HOMES])


def __getattr__(name: str) -> Any:
    """Load a public name on first use and keep it."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("l1forge")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"l1forge.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names; subpackages are imported by name, as in ``import l1forge.emulator``."""
    return list(__all__)
