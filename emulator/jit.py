"""Numba's compiler with one set of options, typed for mypy: compiled once, kept on disk, free of the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile ``function`` in nopython mode on its first call; later processes load it from disk."""
    return cast(Function, njit(cache=True, nogil=True)(function))
