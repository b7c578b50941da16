"""One process builds, the others wait: locks of build folders."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DONE = ".complete"
"""File in a build folder that is there if the build ended well."""


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a build folder, so that parallel tests share one build."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.parent / f".{target.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
