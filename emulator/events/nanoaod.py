"""Level-1 objects of CMS NanoAOD files: tree ``Events``, branches ``L1Mu_*``, ``L1EG_*``, ... through uproot.

The branches hold hardware integers times their LSB as reduced-precision floats; the nearest integer is
taken back. Central NanoAOD keeps only objects above a threshold (e/gamma 10, tau 24, jet 30 GeV, muon 3 GeV
with quality >= 8), so low thresholds can not be studied with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.errors import InputError
from emulator.events.blocks import BLOCK_SIZE, check_ranges, choose_columns
from emulator.events.objects import COLUMNS, Events
from emulator.events.quantise import HARDWARE_VALUES, codes
from emulator.jit import compiled

Jagged = tuple[NDArray[Any], NDArray[np.int64]]
"""All values of a branch one after the other, and where each event's begin."""

TREE = "Events"
PHYSICAL: dict[str, tuple[str, ...]] = {
    "mu.pt": ("L1Mu_pt",),
    "mu.eta": ("L1Mu_etaAtVtx", "L1Mu_eta"),
    "mu.phi": ("L1Mu_phiAtVtx", "L1Mu_phi"),
    "mu.upt": ("L1Mu_ptUnconstrained",),
    "eg.et": ("L1EG_pt",),
    "eg.eta": ("L1EG_eta",),
    "eg.phi": ("L1EG_phi",),
    "tau.et": ("L1Tau_pt",),
    "tau.eta": ("L1Tau_eta",),
    "tau.phi": ("L1Tau_phi",),
    "jet.et": ("L1Jet_pt",),
    "jet.eta": ("L1Jet_eta",),
    "jet.phi": ("L1Jet_phi",),
}
"""Column -> branches in physical units, the first that is there is used."""
INTEGERS = {
    "mu.qual": "L1Mu_hwQual",
    "mu.iso": "L1Mu_hwIso",
    "mu.charge": "L1Mu_hwCharge",
    "mu.ip": "L1Mu_hwDXY",
    "eg.iso": "L1EG_hwIso",
    "tau.iso": "L1Tau_hwIso",
}
OPTIONAL = ("mu.upt", "mu.iso", "mu.charge", "mu.ip", "eg.iso", "tau.iso")
SUM_TYPES = {"ett": 0, "htt": 1, "etm": 2, "htm": 3, "etmhf": 8, "htmhf": 20}
"""EtSum::EtSumType of the CMS software."""
VECTOR_SUMS = ("etm", "htm", "etmhf", "htmhf")
FLOATS = ("_pt", "_eta", "_phi", "AtVtx", "_ptUnconstrained")
"""Endings of branches in physical units; the others hold whole numbers."""
LEAST_PT = -0.5
"""GeV: what the muon code 0 stands for."""
BRANCH_OF = {"mu": "L1Mu", "eg": "L1EG", "tau": "L1Tau", "jet": "L1Jet"}


@compiled
def _scatter(
    values: NDArray[Any], bx: NDArray[Any], offsets: NDArray[Any], wanted: int, field: NDArray[Any]
) -> int:
    """Objects of bunch crossing ``wanted`` into ``field`` (slots, n); returns how many found no slot."""
    lost = 0
    for event in range(field.shape[1]):
        slot = 0
        for i in range(offsets[event], offsets[event + 1]):
            if bx[i] == wanted:
                if slot < field.shape[0]:
                    field[slot, event] = values[i]
                else:
                    lost += 1
                slot += 1
    return lost


@contextmanager
def open_tree(path: str | Path) -> Iterator[Any]:
    """The tree; InputError if the file or the tree can not be read."""
    import uproot  # half a second, needed for this format only

    try:
        file = uproot.open(path)
        names = file.keys(cycle=False)
    except Exception as error:
        raise InputError(
            f"not a readable ROOT file: {type(error).__name__}", file=path, remedy="it may be truncated"
        ) from error
    with file:
        if TREE not in names:
            raise InputError(
                "no such tree", file=path, field=TREE, remedy=f"it has {', '.join(names) or 'nothing'}"
            )
        try:
            tree = file[TREE]
            if not hasattr(tree, "arrays"):
                raise InputError("is not a tree", file=path, field=TREE, value=type(tree).__name__)
            tree.keys(), tree.num_entries  # read now, not later
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"damaged ROOT data: {type(error).__name__}", file=path, field=TREE, remedy="copy it again"
            ) from error
        yield tree


def available_columns(tree: Any, path: str | Path) -> tuple[str, ...]:
    """Columns the tree can fill.

    Raises
    ------
    InputError
        If a branch that every level-1 NanoAOD has is missing.
    """
    branches = set(tree.keys())
    needed = {names[-1] for name, names in PHYSICAL.items() if name not in OPTIONAL}
    needed |= {f"{branch}_bx" for branch in BRANCH_OF.values()} | {"L1Mu_hwQual"}
    needed |= {f"L1EtSum_{field}" for field in ("pt", "phi", "etSumType", "bx")}
    missing = sorted(needed - branches)
    if missing:
        raise InputError(
            f"branch missing, and {len(missing) - 1} more" if len(missing) > 1 else "branch missing",
            file=path,
            field=missing[0],
            remedy="level-1 objects are in NanoAOD since version 10; see docs/formats.md",
        )
    present = [
        name
        for name in (*PHYSICAL, *INTEGERS)
        if name not in OPTIONAL or branches & {*PHYSICAL.get(name, ()), INTEGERS.get(name, "")}
    ]
    sums = [f"{name}.et" for name in SUM_TYPES] + [f"{name}.phi" for name in VECTOR_SUMS]
    return tuple(name for name in COLUMNS if name in present or name in sums)


def read_nanoaod(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
    bx: int = 0,
) -> Iterator[Events]:
    """Stream the events' objects of one bunch crossing (0: the triggered one) as hardware integers.

    ``notes`` counts objects beyond the hardware slots and saturated values.

    Raises
    ------
    InputError
        Unreadable file, missing tree or branch, NaN, or an integer that does not fit its field.
    """
    notes = Counter() if notes is None else notes
    with open_tree(path) as tree:
        wanted = choose_columns(columns, available_columns(tree, path), path)
        branches = set(tree.keys())
        source = {
            name: next(b for b in PHYSICAL[name] if b in branches) for name in wanted if name in PHYSICAL
        } | {name: INTEGERS[name] for name in wanted if name in INTEGERS}
        needed = {*source.values(), *(f"{b}_bx" for b in BRANCH_OF.values())}
        needed |= {f"L1EtSum_{field}" for field in ("pt", "phi", "etSumType", "bx")}
        if tree.num_entries == 0:
            raise InputError("no events", file=path, field=TREE)
        for start in range(0, tree.num_entries, block):
            try:
                arrays = tree.arrays(sorted(needed), entry_start=start, entry_stop=start + block)
            except Exception as error:
                raise InputError(
                    f"damaged ROOT data: {type(error).__name__}", file=path, field=f"{TREE}[{start}]"
                ) from error
            n = min(block, tree.num_entries - start)
            if len(arrays) != n:
                raise InputError("damaged ROOT data: number of events", file=path, field=TREE, value=n)
            jagged = {name: _flat(arrays[name], name, path) for name in arrays.fields}
            events = Events(_columns(jagged, n, wanted, source, bx, notes, path), n)
            check_ranges(events, path)
            yield events


def _flat(jagged: Any, name: str, path: str | Path) -> Jagged:
    """Values and offsets of a branch; InputError unless it is one list of finite numbers an event."""
    import awkward  # comes with uproot

    kind = str(jagged.type.content)
    if jagged.ndim != 2 or "string" in kind:
        raise InputError("a list of numbers for each event expected", file=path, field=name, value=kind)
    values = awkward.to_numpy(awkward.flatten(jagged))
    if values.dtype.kind not in "iuf":
        raise InputError("numbers expected", file=path, field=name, value=str(values.dtype))
    if not np.all(np.isfinite(values)):
        raise InputError("not a finite number", file=path, field=name)
    if name.endswith("_pt") and np.any(values < LEAST_PT):
        raise InputError("negative pT", file=path, field=name, value=float(values.min()))
    if not name.endswith(FLOATS) and np.any(values != np.rint(values)):
        raise InputError("whole numbers expected", file=path, field=name)
    counts = awkward.to_numpy(awkward.num(jagged))
    if np.any(counts < 0) or counts.sum() != len(values):  # kernels follow these without looking
        raise InputError("damaged ROOT data: lengths of lists", file=path, field=name)
    return values, np.concatenate([[0], np.cumsum(counts)])


def _columns(
    flat: dict[str, Jagged],
    n: int,
    wanted: tuple[str, ...],
    source: dict[str, str],
    bx: int,
    notes: Counter[str],
    path: str | Path,
) -> dict[str, NDArray[np.generic]]:
    columns: dict[str, NDArray[np.generic]] = {}
    for name in wanted:
        slots = COLUMNS[name][0]
        collection = name.partition(".")[0]
        field = np.zeros((slots, n), np.int16)
        if collection in BRANCH_OF:
            branch = source[name]
            values, offsets = flat[branch]
            crossing = flat[f"{BRANCH_OF[collection]}_bx"][0]
            if len(crossing) != len(values):
                raise InputError("not as long as its _bx branch", file=path, field=branch)
            lost = _scatter(_integers(name, branch, values, notes, path), crossing, offsets, bx, field)
            if lost and name.endswith(("pt", "et")):
                notes[f"{collection} beyond the {slots} hardware slots, left out"] += lost
        else:
            kinds, offsets = flat["L1EtSum_etSumType"]
            chosen = np.where(kinds == SUM_TYPES[collection], flat["L1EtSum_bx"][0], bx + 1000)
            branch = "L1EtSum_pt" if name.endswith(".et") else "L1EtSum_phi"
            selected = np.where(chosen == bx, flat[branch][0], 0)
            values16 = codes(name, selected, HARDWARE_VALUES, notes)
            if _scatter(values16, chosen, offsets, bx, field):
                raise InputError("two sums of one type in one crossing", file=path, field=collection)
        columns[name] = field
    return columns


def _integers(
    name: str, branch: str, values: NDArray[Any], notes: Counter[str], path: str | Path
) -> NDArray[Any]:
    if name in PHYSICAL:
        result = codes(name, values, HARDWARE_VALUES, notes)
        if name == "mu.upt":
            result[values <= 0] = 0
        return result
    if name == "mu.charge":
        if np.any((values != 0) & (values != 1)):
            raise InputError("0 (positive) or 1 (negative) expected", file=path, field=branch)
        return values.astype(np.int16) + np.int16(2)
    field = COLUMNS[name][1]
    wrong = values[(values < field.minimum) | (values > field.maximum)]
    if wrong.size:
        raise InputError(
            f"value outside {field.minimum} .. {field.maximum} ({field.width} bits)",
            file=path,
            field=branch,
            value=wrong[0].item(),
        )
    return values
