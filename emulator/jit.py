"""Numba's compiler with one set of options, typed for mypy: compiled once, kept on disk, free of the GIL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core import entrypoints

Function = TypeVar("Function", bound=Callable[..., Any])

# Our functions take NumPy arrays. Numba would import every installed package that extends it (vector, awkward
# and with them sympy and pandas) on the first call: over a second of each start.
entrypoints._already_initialized = True


def compiled(function: Function) -> Function:
    """Compile ``function`` in nopython mode on its first call; later processes load it from disk."""
    return cast(Function, njit(cache=True, nogil=True)(function))


def kernel(function: Function) -> Function:
    """As ``compiled``, for code that allocates nothing and calls kernels of other modules.

    Arrays are passed on without counting references: that costs an atomic operation per array and call,
    more than many a small function's own work. What is kept on disk is valid for the sources of the whole
    package: Numba alone would only look at the file of the outermost function.
    """
    dispatcher = njit(cache=True, nogil=True, _nrt=False)(function)
    file = dispatcher._cache._cache_file
    file._source_stamp = _package_stamp(Path(function.__code__.co_filename).parent)
    return cast(Function, dispatcher)


@cache
def _package_stamp(folder: Path) -> str:
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
