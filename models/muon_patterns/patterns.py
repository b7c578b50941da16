"""The pattern tables: what they hold, their file, and the binning of the 80 patterns."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.simulation.muons.layers import N_LAYERS, REFERENCE_LAYERS

PT_BINS = 40
PT_EDGES = np.geomspace(2.0, 160.0, PT_BINS + 1)
"""GeV; the first and last bins are open. Pattern 2b is charge -1 of bin b, pattern 2b + 1 charge +1."""
N_PATTERNS = 2 * PT_BINS
N_REFERENCES = len(REFERENCE_LAYERS)
ADDRESS_BITS, VALUE_BITS, SLOPE_BITS = 7, 6, 7
ADDRESSES = 1 << ADDRESS_BITS
HALF = 1 << (ADDRESS_BITS - 1)
REACH = HALF - 1
"""Distances beyond +-63 are clipped there; the tables hold 0 at both ends (addresses 1 and 127) and at 0."""
MAX_VALUE = (1 << VALUE_BITS) - 1
FORMAT = 1
TRAINED = Path(__file__).parent / "patterns.npz"


@dataclass(frozen=True)
class Patterns:
    """Tables indexed (reference, layer, pattern): ``offset`` m0 and ``slope`` m1 int32 of the expected
    azimuth difference, ``shift`` int32 right shift of the distance, ``value`` (..., 128) uint8 pdf values.
    """

    offset: np.ndarray
    slope: np.ndarray
    shift: np.ndarray
    value: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write the tables as one compressed npz, atomically."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(
                stream,
                header=np.frombuffer(
                    json.dumps({"format": FORMAT, "kind": "muon_patterns"}).encode(), np.uint8
                ),
                offset=self.offset.astype(np.int16),
                slope=self.slope.astype(np.int16),
                shift=self.shift.astype(np.uint8),
                value=self.value,
            )


def load_patterns(path: str | Path = TRAINED) -> Patterns:
    """Read tables that :meth:`Patterns.save` wrote.

    Raises
    ------
    InputError
        If the file is missing, not a pattern file, or its tables have other shapes or values out of range.
    """
    shape = (N_REFERENCES, N_LAYERS, N_PATTERNS)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("offset", "slope", "shift", "value")}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            "not a pattern file", file=path, remedy="train one: l1forge train muon_patterns"
        ) from error
    for name, array in arrays.items():
        expected = (*shape, ADDRESSES) if name == "value" else shape
        if array.shape != expected:
            raise InputError(
                "wrong shape", file=path, field=name, value=array.shape, remedy=f"expected {expected}"
            )
    value = arrays["value"]
    if value.max() > MAX_VALUE or value[..., [0, 1, ADDRESSES - 1]].any():
        raise InputError("pdf value outside 0..63 or beyond the reach", file=path, field="value")
    offset, slope, shift = (
        np.ascontiguousarray(arrays[name], np.int32) for name in ("offset", "slope", "shift")
    )
    return Patterns(offset, slope, shift, np.ascontiguousarray(value, np.uint8))
