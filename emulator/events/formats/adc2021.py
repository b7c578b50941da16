"""The public anomaly-detection challenge files (ADC2021): HDF5, dataset ``Particles``, float (N, 19, 4).

Rows: 0 missing ET, 1-4 electrons, 5-8 muons, 9-18 jets; columns pT (GeV), eta, phi, class (1 to 4, 0 for
padding). The sample was filtered on a lepton: absolute rates from it are not physical.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, choose_columns
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.format import Asked, Format
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.quantise import TRUE_VALUES, codes

DATASET, PARTICLES = "Particles", 19
ROWS = {"etm": (0, 1, 1), "eg": (1, 5, 2), "mu": (5, 9, 3), "jet": (9, 19, 4)}
"""Collection -> (first row, last row + 1, class)."""
COLUMN_NAMES = (
    *("etm.et", "etm.phi"),
    *(f"{name}.{field}" for name in ("eg", "jet") for field in ("et", "eta", "phi")),
    *("mu.pt", "mu.eta", "mu.phi"),
)


@contextmanager
def open_dataset(path: str | Path) -> Iterator[h5py.Dataset]:
    """The ``Particles`` dataset; InputError if the file is not of this layout."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            "not a readable HDF5 file", file=path, value=str(error)[:80], remedy="it may be truncated"
        ) from error
    with file:
        try:
            dataset, names = file.get(DATASET), ", ".join(file)
        except (RuntimeError, KeyError, OSError, ValueError) as error:  # of HDF5's own directory
            raise InputError(
                "damaged HDF5 data", file=path, value=str(error)[:80], remedy="copy the file again"
            ) from error
        if not isinstance(dataset, h5py.Dataset):
            raise InputError("no such dataset", file=path, field=DATASET, remedy=f"it has {names}")
        if dataset.ndim != 3 or dataset.shape[1:] != (PARTICLES, 4):
            raise InputError(
                f"shape (N, {PARTICLES}, 4) expected",
                file=path,
                field=DATASET,
                value=dataset.shape,
                remedy="the layout is in docs/formats.md",
            )
        if dataset.dtype.kind != "f":
            raise InputError(
                "floating-point numbers expected", file=path, field=DATASET, value=str(dataset.dtype)
            )
        yield dataset


def read_adc2021(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
) -> Iterator[Events]:
    """Stream the file as hardware integers; ``notes`` counts saturated values and objects below one LSB.

    Raises
    ------
    InputError
        Wrong layout, NaN or infinity, negative pT, or a class that does not belong in its row.
    """
    notes = Counter() if notes is None else notes
    wanted = choose_columns(columns, COLUMN_NAMES, path)
    with open_dataset(path) as dataset:
        if dataset.shape[0] == 0:
            raise InputError("no events", file=path, field=DATASET)
        for start in range(0, dataset.shape[0], block):
            try:
                particles = dataset[start : start + block]
            except OSError as error:
                raise InputError("damaged HDF5 data", file=path, field=f"{DATASET}[{start}]") from error
            _check(particles, start, path)
            yield _to_events(particles, wanted, notes)


def _check(particles: NDArray[np.floating], start: int, path: str | Path) -> None:
    for problem, bad in (
        ("not a finite number", ~np.isfinite(particles)),
        ("negative pT", (particles[:, :, :1] < 0)),
        ("class does not belong in this row", _wrong_class(particles)),
    ):
        if np.any(bad):
            event, row, column = (int(i) for i in np.argwhere(bad)[0])
            column = 3 if problem.startswith("class") else column
            raise InputError(
                problem,
                file=path,
                field=f"{DATASET}[{start + event}, {row}, {column}]",
                value=float(particles[event, row, column]),
                remedy="the layout is in docs/formats.md",
            )


def _wrong_class(particles: NDArray[np.floating]) -> NDArray[np.bool_]:
    expected = np.concatenate([np.full(stop - start, kind) for start, stop, kind in ROWS.values()])
    kind = particles[:, :, 3]
    wrong: NDArray[np.bool_] = (particles[:, :, 0] > 0) & (kind != expected) & (kind != 0)
    return wrong[:, :, None]


def _to_events(particles: NDArray[np.floating], wanted: tuple[str, ...], notes: Counter[str]) -> Events:
    n = particles.shape[0]
    columns: dict[str, NDArray[np.generic]] = {}
    for collection, (first, last, _) in ROWS.items():
        momentum = "pt" if collection == "mu" else "et"
        pt = particles[:, first:last, 0].T
        energy = codes(f"{collection}.{momentum}", pt, TRUE_VALUES, notes)
        energy[pt == 0] = 0  # padding; the muon scale starts at 1
        small = np.count_nonzero((pt > 0) & (energy == 0))
        if small:
            notes[f"{collection} below one LSB, left out"] += int(small)
        for index, field in ((0, momentum), (1, "eta"), (2, "phi")):
            name = f"{collection}.{field}"
            if name not in wanted:
                continue
            values = energy
            if index:
                values = codes(name, particles[:, first:last, index].T, TRUE_VALUES, notes)
            full = np.zeros((COLUMNS[name][0], n), np.int16)
            full[: last - first] = np.where(energy > 0, values, 0)
            columns[name] = full
    return Events({name: columns[name] for name in wanted}, n)


def _open(path: Path, head: bytes, asked: Asked) -> EventSource:
    with open_dataset(path) as dataset:
        n = int(dataset.shape[0])
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "ADC2021 HDF5",
        "anomaly-detection challenge; lepton-filtered: absolute rates are not physical",
        COLUMN_NAMES,
        n,
        lambda columns, block: read_adc2021(path, columns, block, notes),
        notes=notes,
    )


_MAGIC = b"\x89HDF\r\n\x1a\n"
FORMATS = (
    Format(
        name="adc2021",
        described="ADC2021 HDF5",
        recognise=lambda head: head.startswith(_MAGIC),
        open=_open,
        order=20,
        magic={_MAGIC: "HDF5"},
        read_only="its floats of one challenge are an input; hardware integers would not come back from them",
    ),
)
