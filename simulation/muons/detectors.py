"""Detectors that differ from the nominal one: a second simulation, dead layers, and random detectors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.language.yaml_tree import Item, read_yaml
from l1forge.simulation.muons.layers import BENDING, LAYERS, N_LAYERS, NAMES

FILE = Path(__file__).parent / "detectors.yaml"
"""The detectors of docs/muon.md and the ranges of the randomised simulation."""
ONES, ZEROS = (1.0,) * N_LAYERS, (0.0,) * N_LAYERS
FACTOR = (0.0, 10.0)
LIMITS = {
    "tails": (0.0, 1.0),
    "missing": (0.0, 1.0),
    "alignment": (-100.0, 100.0),
    "tail_width": (0.0, 1000.0),
}
"""Smallest and largest value; of what is not named here, FACTOR."""
PER_LAYER = ("efficiency", "alignment")
RANDOMISED = "randomised"


@dataclass(frozen=True)
class Detector:
    """Factors on the nominal detector, and what it does not have; the keys of ``detectors.yaml``.

    ``efficiency`` and ``alignment`` (mrad) have one value for each of the 18 logic layers. ``tail_width`` is
    in mrad. A default detector is the nominal one, to the last bit.
    """

    field: float = 1.0
    scattering: float = 1.0
    resolution: float = 1.0
    eta: float = 1.0
    angle_gain: float = 1.0
    efficiency: tuple[float, ...] = ONES
    alignment: tuple[float, ...] = ZEROS
    noise: float = 1.0
    secondaries: float = 1.0
    punch_through: float = 1.0
    tails: float = 0.0
    tail_width: float = 0.0

    def without(self, layers: Iterable[str]) -> Detector:
        """The same detector with dead ``layers``; one that measures azimuths takes its bending layer along.

        Raises
        ------
        InputError
            If there is no such layer.
        """
        efficiency = list(self.efficiency)
        for name in layers:
            if name not in NAMES:
                raise InputError("is not a muon layer", value=name, remedy=f"layers: {', '.join(NAMES)}")
            efficiency[NAMES.index(name)] = 0.0
        return replace(self, efficiency=tuple(efficiency))

    @property
    def numbers(self) -> Numbers:
        """What the compiled simulation reads."""
        nominal = np.array([layer.efficiency for layer in LAYERS])
        resolution = np.array([layer.resolution for layer in LAYERS])
        return Numbers(
            nominal * np.array(self.efficiency),
            resolution * self.resolution,
            np.array(self.alignment) * 1e-3,
            self.field,
            self.scattering,
            self.eta,
            self.angle_gain,
            self.secondaries,
            self.tails,
            self.tail_width * 1e-3,
        )


class Numbers(NamedTuple):
    """Of each layer (18,): ``efficiency``, ``resolution`` and ``shift`` in radians; then factors, and the
    chance and width (radians) of displaced stubs."""

    efficiency: np.ndarray
    resolution: np.ndarray
    shift: np.ndarray
    field: float
    scattering: float
    eta: float
    angle_gain: float
    secondaries: float
    tails: float
    tail_width: float


NOMINAL = Detector()
SCALARS = tuple(f.name for f in fields(Detector) if f.name not in PER_LAYER)
KEYS = (*(f.name for f in fields(Detector)), "missing")


@dataclass(frozen=True)
class Randomised:
    """Ranges (low, high) of every number of a detector, and the chance that a layer is dead."""

    ranges: dict[str, tuple[float, float]]
    missing: float

    def draw(self, rng: np.random.Generator) -> Detector:
        """A detector of these ranges."""
        values: dict[str, object] = {name: rng.uniform(*self.ranges[name]) for name in SCALARS}
        for name in PER_LAYER:
            values[name] = tuple(rng.uniform(*self.ranges[name], N_LAYERS).tolist())
        dead = np.flatnonzero(~BENDING & (rng.random(N_LAYERS) < self.missing))
        return Detector(**values).without(NAMES[layer] for layer in dead)  # type: ignore[arg-type]


def names(path: str | Path = FILE) -> tuple[str, ...]:
    """The detectors of a file."""
    return tuple(_detectors(Path(path)))


def load_detector(name: str, path: str | Path = FILE) -> Detector:
    """The detector ``name`` of a file.

    Raises
    ------
    InputError
        If the file cannot be read, has no such detector, or a number is out of range; with the line.
    """
    known = _detectors(Path(path))
    if name not in known:
        raise InputError("no such detector", file=path, value=name, remedy=f"known: {', '.join(known)}")
    return _detector(known[name])


def load_randomised(path: str | Path = FILE) -> Randomised:
    """The ranges of a file.

    Raises
    ------
    InputError
        If the file has none, or a range is not two numbers in order.
    """
    document = read_yaml(path).mapping(("detectors", RANDOMISED))
    if RANDOMISED not in document:
        raise InputError("has no ranges", file=path, field=RANDOMISED)
    item = document[RANDOMISED]
    given = item.mapping(KEYS)
    ranges: dict[str, tuple[float, float]] = {}
    for name in KEYS:
        if name == "missing":
            continue
        if name not in given:
            raise item.error(f"has no range of {name}", remedy="give [low, high]")
        pair = given[name].items()
        if len(pair) != 2:
            raise given[name].error("two numbers are expected here", value=given[name].plain())
        low, high = (_number(end, name) for end in pair)
        if low > high:
            raise given[name].error("not in order", value=[low, high])
        ranges[name] = (low, high)
    missing = _number(given["missing"], "missing") if "missing" in given else 0.0
    return Randomised(ranges, missing)


def parse(text: str, dead: Iterable[str] = ()) -> Detector | Randomised:
    """What a command line names: a detector of ours, FILE:NAME, or ``randomised``; with ``dead`` layers.

    Raises
    ------
    InputError
        As ``load_detector`` and ``load_randomised``; if dead layers are asked of a randomised detector.
    """
    path, _, name = text.rpartition(":")
    if name != RANDOMISED:
        return load_detector(name, path or FILE).without(dead)
    if tuple(dead):
        remedy = f"name a detector, or set the chance 'missing' of {path or FILE}"
        raise InputError(
            "a randomised detector draws its dead layers", field="--dead", value=tuple(dead), remedy=remedy
        )
    return load_randomised(path or FILE)


def _detectors(path: Path) -> dict[str, Item]:
    document = read_yaml(path)
    table = document.mapping(("detectors", RANDOMISED))
    if "detectors" not in table:
        raise document.error("has no detectors", remedy="detectors: {NAME: {field: 0.94, ...}}")
    return table["detectors"].mapping()


def _number(item: Item, name: str) -> float:
    value = float(item.number())
    low, high = LIMITS.get(name, FACTOR)
    if not (math.isfinite(value) and low <= value <= high):
        raise item.error("out of range", value=value, remedy=f"give {low:g} to {high:g}")
    return value


def _detector(item: Item) -> Detector:
    given = item.mapping(KEYS)
    values: dict[str, object] = {name: _number(given[name], name) for name in SCALARS if name in given}
    for name, usual in (("efficiency", ONES), ("alignment", ZEROS)):
        if name in given:
            layers = list(usual)
            for layer, value in given[name].mapping(NAMES).items():
                layers[NAMES.index(layer)] = _number(value, name)
            values[name] = tuple(layers)
    missing = [entry.text() for entry in given["missing"].items()] if "missing" in given else []
    for entry, name in zip(given["missing"].items() if missing else [], missing, strict=True):
        if name not in NAMES:
            raise entry.error("is not a muon layer", value=name, remedy=f"layers: {', '.join(NAMES)}")
    return Detector(**values).without(missing)  # type: ignore[arg-type]
