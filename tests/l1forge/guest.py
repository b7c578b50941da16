"""What of a process l1forge could change, and what users do with it."""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import random
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

LIBRARIES = (
    *("torch", "brevitas", "scipy.stats", "awkward", "uproot", "mplhep", "matplotlib.pyplot"),
    *("cocotb", "rich.table", "alkaid.codegen.rtl"),
)
"""What these change when they are imported is theirs; they are imported first."""


def signals() -> dict[str, str]:
    return {number.name: str(signal.getsignal(number)) for number in signal.Signals}


def state() -> dict[str, Any]:
    """Everything that belongs to the process and not to one library: aspect -> value that compares."""
    import matplotlib

    return {
        "environment": dict(os.environ),
        "warnings filters": list(map(str, warnings.filters)),
        "warnings output": str(warnings.showwarning),
        "logging": (logging.root.level, list(map(str, logging.root.handlers)), logging.root.manager.disable),
        "NumPy error state": np.geterr(),
        "NumPy print options": np.get_printoptions(),
        "NumPy random state": str(np.random.get_state()),  # noqa: NPY002
        "random state": random.getstate(),
        "sys.path": list(sys.path),
        "import hooks": list(map(str, sys.meta_path)),
        "signal handlers": signals(),
        "matplotlib settings": {key: str(value) for key, value in dict.items(matplotlib.rcParams)},
        "current directory": os.getcwd(),
        "recursion limit": sys.getrecursionlimit(),
        "exception hooks": (str(sys.excepthook), str(sys.unraisablehook)),
        "standard streams": (id(sys.stdin), id(sys.stdout), id(sys.stderr)),
    }


def modules() -> list[str]:
    import l1forge

    names = [module.name for module in pkgutil.walk_packages(l1forge.__path__, "l1forge.")]
    return [name for name in names if name != "l1forge.__main__"]


def import_all() -> None:
    names = modules()
    assert len(names) > 300, names
    for name in names:
        importlib.import_module(name)


def use() -> None:
    """A graph scores events, a menu is compiled, a rate is measured and drawn, Verilog is generated."""
    from l1forge.emulator.graph.graph import Graph
    from l1forge.emulator.kernel import compile_graph
    from l1forge.emulator.menu.language.load import DEFAULT, load_menu
    from l1forge.emulator.rates.plot import plot
    from l1forge.emulator.rates.study import study
    from l1forge.firmware.rtl import generate
    from l1forge.models import graph_path

    graph = Graph.load(graph_path("vae"))
    rows = np.random.default_rng(1).integers(0, 100, (1000, graph.inputs[0].size))
    scores = compile_graph(graph).run_rows({graph.inputs[0].name: rows})[graph.outputs[0]].ravel()
    load_menu(DEFAULT)
    with tempfile.TemporaryDirectory() as folder:
        plot(study(scores, {}, [1.0], lsb=1.0), "rate", Path(folder) / "rate.png")
        generate(graph, Path(folder) / "rtl")


def extensions() -> None:
    """An awkward array in the user's own compiled function, after all of ours was imported and used."""
    import awkward
    from numba import njit

    import_all()
    use()

    @njit
    def total(array):  # type: ignore[no-untyped-def]
        result = 0
        for event in array:
            for pt in event:
                result += pt
        return result

    assert total(awkward.Array([[1, 2], [], [3]])) == 6


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Aspect -> what it was and is; of dictionaries only the entries that differ."""
    found: dict[str, Any] = {}
    for name, was in before.items():
        now = after[name]
        if isinstance(was, dict):
            entries = {key: (was.get(key), now.get(key)) for key in was | now}
            if different := {key: pair for key, pair in entries.items() if pair[0] != pair[1]}:
                found[name] = different
        elif was != now:
            found[name] = (was, now)
    return found


def unchanged(action: Any) -> None:
    for library in LIBRARIES:
        importlib.import_module(library)
    before = state()
    action()
    found = changes(before, state())
    assert not found, found


if __name__ == "__main__":
    match sys.argv[1]:
        case "import":
            unchanged(import_all)
        case "use":
            unchanged(use)
        case "extensions":
            extensions()
