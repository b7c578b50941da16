"""LUT, FF, latency, longest path and routed period from the graph alone, learnt from designs through Yosys.

Every quantity is a sum of the counts of ``features.py``, each with a cost that is not negative. The costs
are fitted (least squares of logarithms, outliers counting less) to the designs of ``small_designs.json``;
how wrong the estimate is say designs that are left out of the fit in turn. ``make synth-calibration`` writes
designs, costs and errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.synth import routing
from l1forge.firmware.synth.features import COUNTED, NAMES, Features, features, node_features

TABLE = Path(__file__).with_name("small_designs.json")
CONSTANT = "constant"
FOLDS = 4
"""Parts of the designs; each is estimated with costs that were fitted to the other parts."""
TERMS: dict[str, tuple[str, ...]] = {
    "lut": ("adders", "casts", "products", "tables", "comparisons", "choices", "leaves"),
    "ff": ("adders", "casts", "products", "tables", "comparisons", "choices", "leaves", "inputs", "outputs"),
    "latency_clocks": (CONSTANT, "levels", "casting", "branching"),
    "delay_ns": (CONSTANT, "levels", "casting", "branching"),
}
"""Quantity -> the counts that it is a sum of."""
LEAST_CLOCKS = 2
START = 1e-3
"""Added to the first costs, so that none starts at its bound."""
BEYOND = 2.0
"""A design is taken as one of the calibration's up to this multiple of its largest: costs are linear."""
OUTLIER = 0.15
"""Logarithm of the error from which a design counts less."""


@dataclass(frozen=True)
class Error:
    """Relative errors on held-back designs: the median and what 95 % of the designs stay below."""

    designs: int
    median: float
    most: float

    def __str__(self) -> str:
        return f"±{100 * self.median:.0f} % (95 %: ±{100 * self.most:.0f} %)"


@dataclass(frozen=True)
class Estimate:
    """What synthesis is expected to find, with default stages at the default clock.

    ``delay_ns`` is the longest path as Yosys gives it: cells only, no routing; ``routed_ns`` the period after
    place and route that ``routing`` makes of it. ``outside`` names the counts that are more than ``BEYOND``
    times those of every design of the calibration, ``uncounted`` operations whose logic is not counted.
    """

    name: str
    lut: int
    ff: int
    latency_clocks: int
    delay_ns: float
    routed_ns: float
    errors: dict[str, Error]
    outside: tuple[str, ...]
    uncounted: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "outside": list(self.outside), "uncounted": list(self.uncounted)}


@dataclass(frozen=True)
class Calibration:
    """Designs that were synthesised, and the costs that follow from them.

    ``counts`` has shape (designs, len(NAMES)); ``found`` and ``held_out``, by quantity, (designs,): what
    synthesis found, and what costs say that were fitted without the design's fold.
    """

    circuits: tuple[str, ...]
    kinds: tuple[str, ...]
    counts: NDArray[np.float64]
    found: dict[str, NDArray[np.float64]]
    held_out: dict[str, NDArray[np.float64]]
    costs: dict[str, NDArray[np.float64]]
    errors: dict[str, Error]

    def predict(self, quantity: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The quantity for counts of shape (designs, len(NAMES))."""
        return _predicted(quantity, counts, self.costs[quantity])


def calibrated(designs: Sequence[dict[str, Any]], costs: dict[str, list[float]] | None = None) -> Calibration:
    """Rows with ``number``, ``features`` by name and what synthesis found.

    ``costs`` are fitted to all designs if they are not given. With given costs ``held_out`` is that of the
    rows, else that of costs fitted without the design's fold, which is its number modulo ``FOLDS``.
    """
    numbers = np.array([row["number"] for row in designs])
    kinds = tuple(row["kind"] for row in designs)
    counts = np.array([[row["features"][name] for name in NAMES] for row in designs], dtype=np.float64)
    found = {what: np.array([row[what] for row in designs], dtype=np.float64) for what in TERMS}
    if costs is not None:
        known = {what: np.array([row["held_out"][what] for row in designs]) for what in TERMS}
        fitted = {what: np.array(costs[what]) for what in TERMS}
    else:
        known = {what: _held_out(what, counts, found[what], numbers % FOLDS) for what in TERMS}
        fitted = {what: _fit(_terms(what, counts), values) for what, values in found.items()}
    errors = {what: error_of(known[what] / found[what] - 1) for what in TERMS}
    circuits = tuple(row["circuit"] for row in designs)
    return Calibration(circuits, kinds, counts, found, known, fitted, errors)


def error_of(relative: NDArray[np.float64]) -> Error:
    """The error of relative differences, shape (designs,)."""
    size = np.abs(relative)
    return Error(len(size), float(np.median(size)), float(np.percentile(size, 95)))


def _held_out(
    quantity: str, counts: NDArray[np.float64], values: NDArray[np.float64], folds: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The quantity of every design, by costs that its fold was not part of."""
    predicted = np.empty(len(values))
    for fold in set(folds.tolist()):
        held = folds == fold
        costs = _fit(_terms(quantity, counts[~held]), values[~held])
        predicted[held] = _predicted(quantity, counts[held], costs)
    return predicted


def routed_difference(known: Calibration, routed: routing.Routing) -> NDArray[np.float64]:
    """Relative difference of the routed period, estimated from the graph alone, to the measured one.

    For the circuits that are in both; neither the path nor the factor was learnt from the design.
    """
    places = {circuit: place for place, circuit in enumerate(known.circuits)}
    both = np.array([circuit in places for circuit in routed.circuits])
    rows = [places[circuit] for circuit in routed.circuits if circuit in places]
    path = known.held_out["delay_ns"][rows] / routed.cells_only[both]
    return np.asarray((1 + routed.errors()[both]) * path - 1)


def _predicted(quantity: str, counts: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.float64]:
    value = _terms(quantity, counts) @ costs
    return np.maximum(np.round(value), LEAST_CLOCKS) if quantity == "latency_clocks" else value


def _fit(terms: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Costs that are not negative: relative least squares, then logarithms, in which outliers count less."""
    from scipy.optimize import least_squares, nnls

    start = nnls(terms / values[:, None], np.ones(len(values)))[0] + START

    def residuals(costs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(terms @ costs / values)

    found = least_squares(residuals, start, bounds=(0, np.inf), loss="soft_l1", f_scale=OUTLIER)
    return np.asarray(found.x, dtype=np.float64)


def _terms(quantity: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    one = np.ones(len(counts))
    columns = [one if name == CONSTANT else counts[:, NAMES.index(name)] for name in TERMS[quantity]]
    return np.stack(columns, axis=1)


@cache
def calibration() -> Calibration:
    """From the designs that come with l1forge."""
    document = parse_json(TABLE.read_text(encoding="utf-8"))
    return calibrated(document["designs"], document["costs"])


@cache
def _errors() -> dict[str, Error]:
    """Of all quantities of an estimate, on designs that they were not learnt from."""
    known = calibration()
    return {**known.errors, "routed_ns": error_of(routed_difference(known, routing.calibration()))}


def luts(graph: Graph) -> float:
    """The LUTs of ``graph`` alone, for searches; 0.0 if nothing is counted."""
    return float(calibration().predict("lut", np.array([features(graph).values()]))[0])


def estimate(graph: Graph) -> Estimate:
    """Estimate ``graph`` as `l1forge synth` would find it with its default options.

    Raises
    ------
    InputError
        If no operation of the graph has logic that is counted.
    """
    counted = features(graph)
    uncounted = sorted({node.op for node in graph.nodes} - COUNTED)
    known = calibration()
    row = np.array([counted.values()])
    found = {what: float(known.predict(what, row)[0]) for what in TERMS}
    if not found["lut"] and uncounted:
        raise InputError(
            "has only operations whose logic is not counted",
            file=graph.file,
            value=", ".join(uncounted),
            remedy="synthesise it: l1forge synth",
        )
    return Estimate(
        name=graph.name,
        lut=round(found["lut"]),
        ff=round(found["ff"]),
        latency_clocks=round(found["latency_clocks"]),
        delay_ns=round(found["delay_ns"], 2),
        routed_ns=round(routing.calibration().estimate(found["delay_ns"]), 1),
        errors=_errors(),
        outside=_outside(counted, known),
        uncounted=tuple(uncounted),
    )


def estimate_nodes(graph: Graph) -> dict[str, tuple[int, int]]:
    """LUT of each node by itself, and the clock at which its result is expected, with default stages.

    Nodes that no output needs are left out. The errors of ``estimate`` are those of whole designs: a part of
    one may be further off.
    """
    known = calibration()
    found = {}
    for name, counted in node_features(graph).items():
        row = np.array([counted.values()])
        lut, clock = (float(known.predict(what, row)[0]) for what in ("lut", "latency_clocks"))
        found[name] = round(lut), round(clock)
    return found


def _outside(counted: Features, known: Calibration) -> tuple[str, ...]:
    most = BEYOND * known.counts.max(axis=0)
    return tuple(
        f"{name} {value:.0f} > {limit:.0f}"
        for name, value, limit in zip(NAMES, counted.values(), most, strict=True)
        if value > limit
    )
