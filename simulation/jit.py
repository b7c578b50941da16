"""Numba with a disk cache that notices an edit anywhere in this package.

Numba only looks at the file of the function itself, so a change of a constant in ``jets`` would leave the
compiled event loop, which contains the jet finder, as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit


def source_stamp() -> tuple[str, int]:
    """Digest and total size of the sources of this package."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"\0".join(sources)).hexdigest(), sum(map(len, sources))


STAMP = source_stamp()


def compiled(function: Callable[..., Any]) -> Any:
    """Compile in nopython mode at the first call; later processes load the result from disk."""
    dispatcher = njit(cache=True)(function)
    dispatcher._cache._cache_file._source_stamp = STAMP
    return dispatcher
