"""The level-1 objects: every field's place in the hardware word, its scale, and the in-memory form.

This table is the only place where widths, offsets and scales of object words are written down; word
packing, file columns and feature sources are derived from it. Layout: CMS Global Trigger interface
(docs/formats.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CALO_PHI_BINS = 144
MUON_PHI_BINS = 576
CALO_ETA_LSB = 0.0435
MUON_ETA_LSB = 0.010875
ET_LSB = 0.5  # GeV


@dataclass(frozen=True)
class Field:
    """Bits ``low .. low + width - 1`` of an object word; ``lsb`` converts to ``unit`` (1 = a code)."""

    name: str
    low: int
    width: int
    signed: bool = False
    lsb: float = 1.0
    unit: str = ""

    @property
    def minimum(self) -> int:
        """Smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest code."""
        return (1 << (self.width - 1)) - 1 if self.signed else (1 << self.width) - 1


@dataclass(frozen=True)
class Collection:
    """One object type: ``slots`` words of ``word_bits`` bits per bunch crossing."""

    name: str
    slots: int
    word_bits: int
    fields: tuple[Field, ...]

    def __getitem__(self, name: str) -> Field:
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no field {name!r}: it has {', '.join(f.name for f in self.fields)}")

    @property
    def unassigned(self) -> int:
        """Mask of the word's bits that no field holds."""
        used = 0
        for field in self.fields:
            used |= ((1 << field.width) - 1) << field.low
        return ((1 << self.word_bits) - 1) & ~used


_CALO_PHI = 2 * math.pi / CALO_PHI_BINS
_MUON_PHI = 2 * math.pi / MUON_PHI_BINS


def _calo(et_bits: int, last: Field) -> tuple[Field, ...]:
    return (
        Field("et", 0, et_bits, lsb=ET_LSB, unit="GeV"),
        Field("eta", et_bits, 8, signed=True, lsb=CALO_ETA_LSB),
        Field("phi", et_bits + 8, 8, lsb=_CALO_PHI, unit="rad"),
        last,
    )


def _sum(name: str, *extra: Field, phi: bool = False) -> Collection:
    fields: tuple[Field, ...] = (Field("et", 0, 12, lsb=ET_LSB, unit="GeV"),)
    if phi:
        fields += (Field("phi", 12, 8, lsb=_CALO_PHI, unit="rad"),)
    return Collection(name, 1, 32, fields + extra)


COLLECTIONS: Mapping[str, Collection] = {
    c.name: c
    for c in (
        Collection(
            "mu",
            8,
            64,
            (
                Field("phi", 0, 10, lsb=_MUON_PHI, unit="rad"),  # extrapolated to the vertex
                Field("pt", 10, 9, lsb=0.5, unit="GeV"),  # code p > 0: [0.5 (p - 1), 0.5 p); 0: no muon
                Field("qual", 19, 4),
                Field("eta", 23, 9, signed=True, lsb=MUON_ETA_LSB),
                Field("iso", 32, 2),
                Field("charge", 34, 2),  # 2: valid, positive; 3: valid, negative; 0, 1: not valid
                Field("index", 36, 7),
                Field("phi_station", 43, 10, lsb=_MUON_PHI, unit="rad"),
                Field("upt", 53, 8, lsb=1.0, unit="GeV"),
                Field("shower", 61, 1),
                Field("ip", 62, 2),
            ),
        ),
        Collection("eg", 12, 32, _calo(9, Field("iso", 25, 2))),
        Collection("tau", 12, 32, _calo(9, Field("iso", 25, 2))),
        Collection("jet", 12, 32, _calo(11, Field("displaced", 27, 1))),
        _sum("ett", Field("em", 12, 12, lsb=ET_LSB, unit="GeV"), Field("mbt0hfp", 28, 4)),
        _sum("htt", Field("towercount", 12, 13), Field("mbt0hfm", 28, 4)),
        _sum("etm", Field("asymet", 20, 8), Field("mbt1hfp", 28, 4), phi=True),
        _sum("htm", Field("asymht", 20, 8), Field("mbt1hfm", 28, 4), phi=True),
        _sum("etmhf", Field("asymethf", 20, 8), Field("cent03", 28, 4), phi=True),
        _sum("htmhf", Field("asymhthf", 20, 8), Field("cent47", 28, 4), phi=True),
    )
}
"""Object types in the order of the test-vector columns."""

OBJECTS = ("mu", "eg", "tau", "jet")
SUMS = ("ett", "htt", "etm", "htm", "etmhf", "htmhf")

COLUMNS: Mapping[str, tuple[int, Field]] = {
    f"{c.name}.{f.name}": (c.slots, f) for c in COLLECTIONS.values() for f in c.fields
}
"""``"mu.pt" -> (8, Field)`` for every column of the in-memory form."""

SPARE_WORDS: tuple[str, ...] = tuple(name for name, c in COLLECTIONS.items() if c.unassigned)
"""Collections whose words have bits that no field holds, in the order of the column ``spare``."""

EXTRA_COLUMNS: Mapping[str, tuple[int, np.dtype[np.generic]]] = {
    "bx": (1, np.dtype(np.int16)),  # bunch crossing within the orbit, 0 .. 3563
    "link": (6, np.dtype(np.uint32)),  # link-11 words of the test vectors
    "ext": (4, np.dtype(np.uint64)),  # 256 external conditions, word 0 = bits 0 .. 63
    "algo": (8, np.dtype(np.uint64)),  # 512 algorithm bits, word 0 = bits 0 .. 63
    "finor": (1, np.dtype(np.uint8)),
}
"""Columns that are not object fields; present only where the source has them."""

SPARE = "spare"
"""Column of the bits that no field holds, in their places of the words of ``SPARE_WORDS``, uint32.

Read only if asked for by name, so that words can be written as they came.
"""

WEIGHT = "weight"
_FLOAT: np.dtype[np.generic] = np.dtype(np.float32)
PILEUP = "pileup"
GENERATED_COLUMNS: Mapping[str, tuple[int, np.dtype[np.generic]]] = {
    PILEUP: (1, np.dtype(np.uint16)),  # inelastic collisions of the crossing
    "gen.mu.pt": (1, _FLOAT),  # leading prompt muon, at the vertex
    "gen.mu.eta": (1, _FLOAT),
    "gen.e.pt": (1, _FLOAT),  # leading electron of the hard process
    "gen.e.eta": (1, _FLOAT),  # at the calorimeter
    "gen.tau.pt": (1, _FLOAT),  # leading hadronic tau of the hard process, its visible part
    "gen.tau.eta": (1, _FLOAT),
    "gen.met.pt": (1, _FLOAT),  # of all invisible particles of the signal collision
}
"""What was generated: collisions; of the signal collision, in GeV, NaN: no such particle."""
SAMPLE_COLUMNS: Mapping[str, tuple[int, np.dtype[np.generic]]] = {
    WEIGHT: (1, np.dtype(np.float64)),  # plain crossings that the event stands for
    "stratum": (1, np.dtype(np.uint8)),  # class of the event, place in "strata" of the file's metadata
    "collision": (2, np.dtype(np.uint32)),  # generated: the hardest, and that of the hardest muon; 0: none
    **GENERATED_COLUMNS,
}
"""How an event came into a sample. Read only if asked for by name."""

LUMI_COLUMNS: Mapping[str, tuple[int, np.dtype[np.generic]]] = {
    "run": (1, np.dtype(np.uint32)),
    "lumi": (1, np.dtype(np.uint32)),  # luminosity section
}
"""When an event was recorded, where the file says so. Read only if asked for by name."""

_OTHER_COLUMNS: Mapping[str, tuple[int, np.dtype[np.generic]]] = {
    **EXTRA_COLUMNS,
    **SAMPLE_COLUMNS,
    **LUMI_COLUMNS,
    SPARE: (sum(COLLECTIONS[name].slots for name in SPARE_WORDS), np.dtype(np.uint32)),
}


_OBJECT_DTYPE: np.dtype[np.generic] = np.dtype(np.int16)


def layout_of(name: str) -> tuple[int, np.dtype[np.generic]]:
    """Slots and dtype of an in-memory column; KeyError if there is no such column."""
    return (COLUMNS[name][0], np.dtype(np.int16)) if name in COLUMNS else _OTHER_COLUMNS[name]


def spaced(n: int, dtype: np.dtype[np.generic]) -> int:
    """Length to give to rows of ``n`` numbers: long rows lie two cache lines more than whole pages apart.

    Rows a multiple of a page apart share the same few lines of every cache, and reading some 60 of them at
    once from memory takes half as long again (docs/performance.md).
    """
    size = n * dtype.itemsize
    return (size + (128 - size) % 4096) // dtype.itemsize if size >= 1 << 16 else n


def spaced_rows(slots: int, n: int, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """An empty array (slots, n), events contiguous, rows ``spaced``."""
    return np.empty((slots, spaced(n, dtype)), dtype)[:, :n]


class Events(Mapping[str, NDArray[np.generic]]):
    """A block of bunch crossings as a structure of arrays of hardware integers.

    ``events["mu.pt"]`` has shape ``(slots, n)`` and dtype int16, events along the last, contiguous axis.
    An object that is not there is all zeros, as in hardware. Columns that a source does not have are
    absent from the mapping; ``column(name)`` gives zeros for them.

    Raises
    ------
    ValueError
        If a column is unknown or has the wrong shape.
    """

    def __init__(self, columns: Mapping[str, NDArray[np.generic]], n: int) -> None:
        self.n = n
        self._columns: dict[str, NDArray[np.generic]] = {}
        for name, array in columns.items():
            if name in COLUMNS:
                slots, dtype = COLUMNS[name][0], _OBJECT_DTYPE
            elif name in _OTHER_COLUMNS:
                slots, dtype = _OTHER_COLUMNS[name]
            else:
                raise ValueError(f"unknown column {name!r}")
            if array.shape != (slots, n):
                raise ValueError(f"column {name!r} has shape {array.shape}, expected {(slots, n)}")
            self._columns[name] = np.ascontiguousarray(array, dtype)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def column(self, name: str) -> NDArray[np.generic]:
        """The column, or zeros of its shape where the source had none."""
        if name in self._columns:
            return self._columns[name]
        if name in COLUMNS:
            return np.zeros((COLUMNS[name][0], self.n), np.int16)
        slots, dtype = _OTHER_COLUMNS[name]
        return np.zeros((slots, self.n), dtype)

    def select(self, index: slice | NDArray[np.bool_] | NDArray[np.integer]) -> Events:
        """The chosen crossings, in the order of ``index``."""
        columns = {name: array[:, index] for name, array in self._columns.items()}
        n = next(iter(columns.values())).shape[1] if columns else len(np.arange(self.n)[index])
        return Events(columns, n)

    def rows(self, start: int, stop: int) -> Events:
        """Crossings ``start .. stop - 1`` without copying: each slot's row is contiguous, columns are not."""
        return Events.of_rows(
            {name: array[:, start:stop] for name, array in self._columns.items()}, stop - start
        )

    @staticmethod
    def of_rows(columns: Mapping[str, NDArray[np.generic]], n: int) -> Events:
        """Columns as they are: shape and dtype right, crossings contiguous, rows where they happen to lie."""
        events = Events({}, n)
        events._columns = dict(columns)
        return events

    @staticmethod
    def concatenate(blocks: list[Events]) -> Events:
        """All crossings of ``blocks`` in order; columns that any block lacks are dropped."""
        if not blocks:
            return Events({}, 0)
        names = [name for name in blocks[0] if all(name in block for block in blocks)]
        n = sum(block.n for block in blocks)
        together = sum(len(blocks[0][name]) for name in names if name in COLUMNS)
        rows, first = spaced_rows(together, n, _OBJECT_DTYPE), 0
        columns = {}
        for name in names:
            slots, dtype = blocks[0][name].shape[0], blocks[0][name].dtype
            if name in COLUMNS:
                columns[name], first = rows[first : first + slots], first + slots
            else:
                columns[name] = spaced_rows(slots, n, dtype)
            np.concatenate([block[name] for block in blocks], axis=1, out=columns[name])
        return Events.of_rows(columns, n)
