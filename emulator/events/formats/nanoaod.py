"""Level-1 objects of CMS NanoAOD files (TTree or RNTuple ``Events``) as hardware integers, through uproot.

Which branch fills which column: ``nano_branches``. Integers are taken as they are. Floats are hardware
integers times their LSB in reduced precision; the nearest integer is taken back. Central NanoAOD keeps only
objects above a threshold (e/gamma 10, tau 24, jet 30 GeV, muon 3 GeV with quality >= 8), so low thresholds
can not be studied with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.blocks import BLOCK_SIZE, check_ranges, choose_columns
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.formats.format import Asked, Format
from l1forge.emulator.events.formats.nano_branches import (
    COLLECTIONS,
    EMULATED,
    SUM_TYPES,
    Choice,
    choose_branches,
    is_physical,
)
from l1forge.emulator.events.formats.nano_tree import NanoTree, open_tree
from l1forge.emulator.events.objects import CALO_PHI_BINS, COLUMNS, MUON_PHI_BINS, Events, layout_of
from l1forge.emulator.events.quantise import HARDWARE_VALUES, codes
from l1forge.emulator.jit import compiled

if TYPE_CHECKING:
    import awkward

Jagged = tuple[NDArray[Any], NDArray[np.int64]]
"""All values of a branch one after the other, and where each event's begin."""

LEAST_PT = -0.5
"""GeV: what the muon code 0 stands for."""
NO_ENTRIES = "files without entries"
REDUCED_PRECISION = 2.0**-9
"""Floats of NanoAOD may keep as few as ten bits: they may differ from integers by this share and a count."""


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


LUMI_BRANCHES = {"run": "run", "lumi": "luminosityBlock"}
"""Branches of the columns that tell when an event was recorded."""


def describe(
    path: str | Path, bx: int, emulated: bool | None
) -> tuple[str, tuple[str, ...], int, tuple[str, ...]]:
    """What a file holds, the columns it can fill, its number of events, and columns read only if asked for.

    Only headers are read.
    """
    with open_tree(path) as tree:
        choice = choose_branches(tree.keys, path, emulated)
        kind = "re-emulated level-1 objects" if choice.prefix == EMULATED else "level-1 objects"
        text = f"{kind} of bunch crossing {bx:+d}; central files hold objects above thresholds only"
        if choice.at_station:
            text += "; muon directions at the muon station, as the file has none at the vertex"
        if choice.also_emulated:
            text += "; re-emulated objects are there, too: convert --emulated"
        optional = tuple(column for column, branch in LUMI_BRANCHES.items() if branch in tree.keys)
        return text, choice.columns, tree.n, optional


def read_nanoaod(
    path: str | Path,
    columns: Iterable[str] | None = None,
    block: int = BLOCK_SIZE,
    notes: Counter[str] | None = None,
    bx: int = 0,
    emulated: bool | None = None,
    first: int = 0,
    last: int | None = None,
) -> Iterator[Events]:
    """Stream the events' objects of one bunch crossing (0: the triggered one) as hardware integers.

    ``first``, ``last``: events of the file to read, the last excluded. ``notes`` counts objects beyond the
    hardware slots, saturated and rounded values, integers that disagree with the floats beside them, and
    events without a record of an energy sum. A file without entries gives
    one block of no crossings. ``emulated``: see :func:`choose_branches`.

    Raises
    ------
    InputError
        Unreadable file, missing tree or branch, NaN, or an integer that does not fit its field.
    """
    notes = Counter() if notes is None else notes
    with open_tree(path) as tree:
        choice = choose_branches(tree.keys, path, emulated)
        asked_for = None if columns is None else tuple(columns)
        times = [name for name in LUMI_BRANCHES if name in (asked_for or ())]
        objects = None if asked_for is None else [name for name in asked_for if name not in times]
        wanted = choose_columns(objects, choice.columns, path)
        collections = dict.fromkeys(name.partition(".")[0] for name in wanted)
        needed = {choice.fields[name] for name in wanted}
        needed |= {choice.checks[name] for name in wanted if name in choice.checks}
        needed |= {choice.bx(name) for name in collections if name in COLLECTIONS}
        if choice.charge_valid and "mu.charge" in wanted:
            needed.add(choice.charge_valid)
        if set(collections) & set(SUM_TYPES):
            needed |= set(choice.sum_keys)
        if tree.n == 0:
            notes[NO_ENTRIES] += 1
            nothing = {
                name: np.zeros((layout_of(name)[0], 0), layout_of(name)[1]) for name in (*wanted, *times)
            }
            yield Events(nothing, 0)
        end = tree.n if last is None else min(last, tree.n)
        for start in range(first, end, block):
            stop = min(start + block, end)
            arrays = tree.read(needed, start, stop)
            flat = {name: _flat(array, name, path) for name, array in arrays.items()}
            reader = _Block(flat, stop - start, choice, bx, notes, path)
            found = {name: reader.column(name) for name in wanted}
            found |= {name: _numbers(tree, name, start, stop) for name in times}
            events = Events(found, stop - start)
            check_ranges(events, path)
            yield events


def _flat(jagged: awkward.Array, name: str, path: str | Path) -> Jagged:
    """Values and offsets of a branch; InputError unless it is one list of finite numbers an event."""
    import awkward  # comes with uproot

    kind = str(jagged.type.content)
    if jagged.ndim != 2 or "string" in kind:
        raise InputError("a list of numbers for each event expected", file=path, field=name, value=kind)
    values = awkward.to_numpy(awkward.flatten(jagged))
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind not in "iuf":
        raise InputError("numbers expected", file=path, field=name, value=str(values.dtype))
    if not np.all(np.isfinite(values)):
        raise InputError("not a finite number", file=path, field=name)
    if name.endswith("_pt") and np.any(values < LEAST_PT):
        raise InputError("negative pT", file=path, field=name, value=float(values.min()))
    if not is_physical(name) and np.any(values != np.rint(values)):
        raise InputError("whole numbers expected", file=path, field=name)
    return values, np.concatenate([[0], np.cumsum(awkward.to_numpy(awkward.num(jagged)))])


def _numbers(tree: NanoTree, name: str, start: int, stop: int) -> NDArray[np.uint32]:
    """Run or section of each event, (1, n)."""
    import awkward

    branch = LUMI_BRANCHES[name]
    array = tree.read([branch], start, stop)[branch]
    values = awkward.to_numpy(array) if array.ndim == 1 else np.zeros(0, "f4")
    if values.dtype.kind not in "iu" or values.min(initial=0) < 0 or values.max(initial=0) >= 1 << 32:
        raise InputError("whole numbers of 32 bits expected", file=tree.path, field=branch)
    numbers: NDArray[np.uint32] = values.astype(np.uint32)[None]
    return numbers


class _Block:
    """The columns of one block of ``n`` events from its branches ``flat``."""

    def __init__(
        self,
        flat: dict[str, Jagged],
        n: int,
        choice: Choice,
        bx: int,
        notes: Counter[str],
        path: str | Path,
    ) -> None:
        self.flat, self.n, self.choice, self.bx, self.notes, self.path = flat, n, choice, bx, notes, path

    def column(self, name: str) -> NDArray[np.generic]:
        """One column, (slots, n) int16."""
        collection = name.partition(".")[0]
        return self._sum(name) if collection in SUM_TYPES else self._object(name, collection)

    def _object(self, name: str, collection: str) -> NDArray[np.generic]:
        slots = COLUMNS[name][0]
        branch = self.choice.fields[name]
        values, offsets = self.flat[branch]
        crossing = self.flat[self.choice.bx(collection)][0]
        others = [self.choice.checks[name]] if name in self.choice.checks else []
        if name == "mu.charge" and self.choice.charge_valid:
            others.append(self.choice.charge_valid)
        for other in [branch, *others]:
            if len(crossing) != len(self.flat[other][0]):
                raise InputError("not as long as its _bx branch", file=self.path, field=other)
        numbers = self._integers(name, branch, values, crossing == self.bx)
        field = np.zeros((slots, self.n), np.int16)
        lost = _scatter(numbers, crossing, offsets, self.bx, field)
        if lost and name.endswith(("pt", "et")):
            self.notes[f"{collection} beyond the {slots} hardware slots, left out"] += lost
        return field

    def _sum(self, name: str) -> NDArray[np.generic]:
        collection = name.partition(".")[0]
        type_branch, bx_branch = self.choice.sum_keys
        branch = self.choice.fields[name]
        kinds, offsets = self.flat[type_branch]
        crossing = self.flat[bx_branch][0]
        for other in (branch, type_branch):
            if len(self.flat[other][0]) != len(crossing):
                raise InputError("not as long as its _bx branch", file=self.path, field=other)
        mine = (kinds == SUM_TYPES[collection]) & (crossing == self.bx)
        numbers = self._integers(name, branch, np.where(mine, self.flat[branch][0], 0), mine)
        field = np.zeros((1, self.n), np.int16)
        if _scatter(numbers, mine, offsets, True, field):
            raise InputError("two sums of one type in one crossing", file=self.path, field=collection)
        if name.endswith(".et"):
            ends = np.concatenate([[0], np.cumsum(mine)])[offsets]
            if absent := int(np.count_nonzero(np.diff(ends) == 0)):
                self.notes[f"events without a record of {collection}, taken as 0"] += absent
        return field

    def _integers(
        self, name: str, branch: str, values: NDArray[Any], mine: NDArray[np.bool_]
    ) -> NDArray[Any]:
        """Hardware integers of ``values``; ``mine``: which of them belong to the column."""
        if is_physical(branch):
            result = codes(name, values, HARDWARE_VALUES, self.notes)
            if name == "mu.upt":
                result[values <= 0] = 0
            return result
        if name == "mu.charge":
            if np.any((values != 0) & (values != 1)):
                raise InputError("0 (positive) or 1 (negative) expected", file=self.path, field=branch)
            valid = self.choice.charge_valid
            is_valid = self.flat[valid][0] != 0 if valid else np.ones(len(values), bool)
            return values.astype(np.int16) + (2 * is_valid).astype(np.int16)
        field = COLUMNS[name][1]
        wrong = values[(values < field.minimum) | (values > field.maximum)]
        if wrong.size:
            raise InputError(
                f"value outside {field.minimum} .. {field.maximum} ({field.width} bits)",
                file=self.path,
                field=branch,
                value=wrong[0].item(),
            )
        if name in self.choice.checks:
            self._compare(name, branch, values, mine)
        return values

    def _compare(self, name: str, branch: str, values: NDArray[Any], mine: NDArray[np.bool_]) -> None:
        """Count integers that the floats beside them contradict: then one of the two has another scale."""
        other = self.choice.checks[name]
        expected = codes(name, self.flat[other][0][mine], HARDWARE_VALUES, Counter()).astype(np.int64)
        given = values[mine].astype(np.int64)
        away = np.abs(expected - given)
        if name.endswith("phi"):
            turn = MUON_PHI_BINS if name.startswith("mu.") else CALO_PHI_BINS
            away = np.minimum(away, np.abs(turn - away))
        different = away > 1 + REDUCED_PRECISION * np.abs(given)
        if count := int(np.count_nonzero(different)):
            self.notes[f"{branch} disagrees with {other}; the integer was taken"] += count


def _open(path: Path, head: bytes, asked: Asked) -> EventSource:
    description, columns, n, optional = describe(path, asked.bx, asked.emulated)
    notes: Counter[str] = Counter()
    return EventSource(
        path,
        "NanoAOD",
        description,
        columns,
        n,
        lambda columns, block: read_nanoaod(path, columns, block, notes, asked.bx, asked.emulated),
        notes=notes,
        optional=optional,
        read_rows=lambda columns, block, first, last: read_nanoaod(
            path, columns, block, notes, asked.bx, asked.emulated, first, last
        ),
    )


_MAGIC = b"root"
FORMATS = (
    Format(
        name="nanoaod",
        described="NanoAOD ROOT",
        recognise=lambda head: head.startswith(_MAGIC),
        open=_open,
        order=30,
        magic={_MAGIC: "ROOT"},
        read_only="the experiment's own software writes it, with much besides level-1 objects",
    ),
)
