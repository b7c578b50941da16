"""The menu package with one rule changed: sources edited in memory, kernels run as plain Python.

``mutated(edits)`` imports a fresh copy of ``l1forge.emulator.menu`` with texts replaced, each of
which must occur exactly once, and puts the real package back afterwards.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import l1forge.emulator.jit
import l1forge.emulator.menu

FOLDER = Path(l1forge.emulator.menu.__file__).parent
PREFIX = "l1forge.emulator.menu"
FILES = {path.stem: path for path in sorted(FOLDER.rglob("*.py")) if path.stem != "__init__"}


class _Source(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the modules of the package from texts."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name in self.texts:
            return importlib.util.spec_from_file_location(name, FILES[name.rpartition(".")[2]], loader=self)
        return None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.texts[module.__name__], module.__file__ or "", "exec"), module.__dict__)  # noqa: S102


def _load(address: int, index: int, like: Any) -> Any:
    size = like.dtype.itemsize
    return np.frombuffer(ctypes.string_at(int(address) + int(index) * size, size), like.dtype)[0]


def _at_least(values: Any, least: int) -> np.uint64:
    return np.uint64(sum(1 << lane for lane in range(len(values)) if values[lane] >= least))


def _flag_lanes(address: int, at: int, target: Any) -> None:
    target[:] = np.frombuffer(ctypes.string_at(int(address) + at, len(target)), np.uint8)


def _lowest_bit(mask: Any) -> int:
    return (int(mask) & -int(mask)).bit_length() - 1


def _slots_within(rows: Any, at: int, low: int, span: int, mask: Any) -> None:
    for slot, row in enumerate(rows):
        inside = (row[at:].astype(int) - int(low)) % (1 << 16) <= int(span) % (1 << 16)
        mask[at:][inside] |= np.uint16(1 << slot)


def name_of(module: str) -> str:
    """The full name of the menu package's module that is called so, in whichever room it lies."""
    return ".".join([PREFIX, *FILES[module].relative_to(FOLDER).with_suffix("").parts])


def _texts() -> dict[str, str]:
    return {name_of(stem): file.read_text() for stem, file in FILES.items()}


@contextmanager
def mutated(edits: Sequence[Sequence[str]]) -> Iterator[None]:
    """A world in which, for each (module, old, new), the menu package's module reads new in place of old."""
    texts = _texts()
    for module, old, new in edits:
        name = name_of(module)
        assert texts[name].count(old) == 1, f"{module}: {old!r} occurs {texts[name].count(old)} times"
        texts[name] = texts[name].replace(old, new)
    finder = _Source(texts)
    real = {key: value for key, value in sys.modules.items() if key.startswith(f"{PREFIX}.")}
    real_kernel, package = l1forge.emulator.jit.kernel, dict(vars(l1forge.emulator.menu))
    try:
        for key in real:
            del sys.modules[key]
            vars(l1forge.emulator.menu).pop(
                key.rpartition(".")[2], None
            )  # else "from package import" finds it
        sys.meta_path.insert(0, finder)
        l1forge.emulator.jit.kernel = lambda function: function  # type: ignore[assignment]
        rows: Any = importlib.import_module(name_of("rows"))
        rows.load, rows.prefetch = _load, lambda address, index, like: None
        lanes: Any = importlib.import_module(name_of("vector_lanes"))
        lanes.at_least, lanes.flag_lanes, lanes.lowest_bit = _at_least, _flag_lanes, _lowest_bit
        lanes.slots_within = _slots_within
        with np.errstate(over="ignore"):
            yield
    finally:
        sys.meta_path.remove(finder)
        l1forge.emulator.jit.kernel = real_kernel
        for key in [key for key in sys.modules if key.startswith(f"{PREFIX}.")]:
            del sys.modules[key]
        sys.modules.update(real)
        for key in set(vars(l1forge.emulator.menu)) - set(package):
            delattr(l1forge.emulator.menu, key)
        vars(l1forge.emulator.menu).update(package)
