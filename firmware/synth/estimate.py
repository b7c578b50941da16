"""LUT, FF, latency and longest path from the graph alone, learnt from small designs through Yosys.

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

    ``delay_ns`` is the longest path as Yosys gives it: cells only, no routing. ``outside`` names the counts
    that no design of the calibration reaches, ``uncounted`` operations whose logic is not counted.
    """

    name: str
    lut: int
    ff: int
    latency_clocks: int
    delay_ns: float
    errors: dict[str, Error]
    outside: tuple[str, ...]
    uncounted: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "outside": list(self.outside), "uncounted": list(self.uncounted)}


@dataclass(frozen=True)
class Calibration:
    """Designs that were synthesised, and the costs that follow from them."""

    counts: NDArray[np.float64]
    found: dict[str, NDArray[np.float64]]
    costs: dict[str, NDArray[np.float64]]
    errors: dict[str, Error]

    def predict(self, quantity: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The quantity for counts of shape (designs, len(NAMES))."""
        return _predicted(quantity, counts, self.costs[quantity])


def calibrated(
    designs: Sequence[dict[str, Any]],
    costs: dict[str, list[float]] | None = None,
    errors: dict[str, list[float]] | None = None,
) -> Calibration:
    """Rows with ``number``, ``features`` by name and what synthesis found; the rest is fitted if not given.

    Costs are fitted to all designs; the error of a design is that of costs fitted without its fold, which is
    its number modulo ``FOLDS``.
    """
    counts = np.array([[row["features"][name] for name in NAMES] for row in designs], dtype=np.float64)
    numbers = np.array([row["number"] for row in designs])
    found = {what: np.array([row[what] for row in designs], dtype=np.float64) for what in TERMS}
    if costs is not None and errors is not None:
        known = {what: Error(int(errors[what][0]), errors[what][1], errors[what][2]) for what in TERMS}
        return Calibration(counts, found, {what: np.array(costs[what]) for what in TERMS}, known)
    fitted = {what: _fit(_terms(what, counts), values) for what, values in found.items()}
    missed = {what: _missed(what, counts, found[what], numbers % FOLDS) for what in TERMS}
    return Calibration(counts, found, fitted, missed)


def _missed(
    quantity: str, counts: NDArray[np.float64], values: NDArray[np.float64], folds: NDArray[np.int64]
) -> Error:
    """The errors of designs whose fold the costs were not fitted to."""
    relative = np.empty(len(values))
    for fold in set(folds.tolist()):
        held = folds == fold
        costs = _fit(_terms(quantity, counts[~held]), values[~held])
        relative[held] = np.abs(_predicted(quantity, counts[held], costs) / values[held] - 1)
    return Error(len(values), float(np.median(relative)), float(np.percentile(relative, 95)))


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
    return calibrated(document["designs"], document["costs"], document["errors"])


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
        errors={what: known.errors[what] for what in TERMS},
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
    most = known.counts.max(axis=0)
    return tuple(
        f"{name} {value:.0f} > {limit:.0f}"
        for name, value, limit in zip(NAMES, counted.values(), most, strict=True)
        if value > limit
    )
