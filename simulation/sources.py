"""The identity of the simulation's own code: finished work of other code must not be gone on with."""

from __future__ import annotations

import hashlib
from pathlib import Path


def source_stamp() -> str:
    """Digest of the sources of this package."""
    sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


STAMP = source_stamp()
