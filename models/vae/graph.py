"""The trained network in integers: every weight is folded into the table of its pair.

A pair belongs to one latent dimension k, so that its table holds w·x/spread of all 256 cells at once and the
encoder is a sum of tables. Means are saturated, squared by a table and summed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow
from l1forge.emulator.graph.graph import Graph
from l1forge.models.anomaly.circuit import Circuit, bits_for
from l1forge.models.anomaly.pairs import Pair, PairTables, quantities_of
from l1forge.models.anomaly.tails import LEVELS, magnitudes
from l1forge.models.vae.decoder import add_error
from l1forge.models.vae.network import LARGEST_LOG_VARIANCE, Trained

NAME, SCORE, KL_SCORE = "vae", "mu2_score", "kl_score"


@dataclass(frozen=True)
class Numbers:
    """Bits of the circuit: of a table's entries and of a mean, which both count in steps of 2^``step``."""

    table_bits: int = 6
    mean_bits: int = 8
    step: int = 2

    @property
    def table(self) -> FixedType:
        """Of every pair's table."""
        return FixedType(self.table_bits, self.table_bits + self.step, True)

    @property
    def mean(self) -> FixedType:
        """Of a latent dimension's mean."""
        bits = self.mean_bits
        return FixedType(bits, bits + self.step, True, overflow=Overflow.SAT_SYM)

    @property
    def square(self) -> FixedType:
        """Of a squared mean, in steps of 4 squared steps of the mean."""
        bits = 2 * self.mean_bits - 4
        return FixedType(bits, bits + 2 * self.step + 2, False)


NUMBERS = Numbers()
"""Steps of 4 spreads: means of crossings that decide are 30 to 100. Squares in steps of 64."""
SQUARE = NUMBERS.square
LOG_VARIANCE = FixedType(8, 5, True, overflow=Overflow.SAT_SYM)
VARIANCE_TABLE = FixedType(8, 5, True)


def _table(weights: NDArray[np.float64], kind: FixedType) -> NDArray[np.int64]:
    """Real numbers in LSBs of ``kind``, nearest, cut symmetrically at its range."""
    largest = kind.maximum
    return np.clip(np.rint(weights / kind.lsb), -largest, largest).astype(np.int64)


def contributions(
    trained: Trained, tables: PairTables, *, variance: bool = False, numbers: Numbers = NUMBERS
) -> dict[int, dict[Pair, NDArray[np.int64]]]:
    """By latent dimension the integer tables (256,) of its pairs; those that are zero are left out.

    The constant of a dimension (bias and centres of the inputs) is in the table of its first pair.
    """
    weight = trained.log_variance if variance else trained.mean
    bias = trained.log_variance_bias if variance else trained.mean_bias
    kind = VARIANCE_TABLE if variance else numbers.table
    folded = weight.astype(np.float64) / trained.spread
    constant = bias - (folded * trained.centre).sum(1)
    found: dict[int, dict[Pair, NDArray[np.int64]]] = {}
    for k in range(len(weight)):
        used = [pair for i, pair in enumerate(tables.pairs) if weight[k, i] != 0]
        place = {pair: i for i, pair in enumerate(tables.pairs)}
        parts = {}
        for pair in used:
            values = folded[k, place[pair]] * magnitudes(tables.decades[pair]).ravel()
            parts[pair] = _table(values + (constant[k] if pair == used[0] else 0.0), kind)
        parts = {pair: table for pair, table in parts.items() if table.any()}
        if parts:
            found[k] = parts
    return found


def build(
    trained: Trained,
    tables: PairTables,
    kl: bool = False,
    meta: Mapping[str, Any] | None = None,
    numbers: Numbers = NUMBERS,
    error: float | None = None,
) -> Graph:
    """The graph with the output ``mu2_score``; if asked for ``kl_score``, twice the KL divergence.

    ``error``: the beta of the output ``error_score``, which comes with ``kl_score`` (``models.vae.decoder``).
    """
    kind, square = numbers.mean, numbers.square
    circuit = Circuit(quantities_of(tables.pairs))
    indices = circuit.indices(tables)
    parts = contributions(trained, tables, numbers=numbers)
    means = _latent(circuit, indices, parts, "mean", numbers.table, kind)
    steps = np.arange(-(kind.maximum + 1), kind.maximum + 1)
    squares = np.minimum(np.square(steps * kind.lsb) // square.lsb, square.maximum).astype(np.int64)
    squared = circuit.table(f"{SCORE}.square", means, squares, square, offset=kind.maximum + 1)
    total = bits_for(int(squares.max()) * circuit.size(squared))
    sums = FixedType(total, total + square.integer - square.width, False)
    circuit.sum(SCORE, squared, sums)
    if not kl and error is None:
        return Graph(NAME, circuit.nodes, [SCORE], dict(meta or {}))
    spreads = contributions(trained, tables, variance=True)
    logs = _latent(circuit, indices, spreads, "log_variance", VARIANCE_TABLE, LOG_VARIANCE)
    values = np.clip(
        np.arange(-(LOG_VARIANCE.maximum + 1), LOG_VARIANCE.maximum + 1) * LOG_VARIANCE.lsb,
        -LARGEST_LOG_VARIANCE,
        LARGEST_LOG_VARIANCE,
    )
    terms = np.minimum((np.exp(values) - 1 - values) // square.lsb, square.maximum).astype(np.int64)
    excess = circuit.table(f"{KL_SCORE}.excess", logs, terms, square, offset=LOG_VARIANCE.maximum + 1)
    both = circuit.join(f"{KL_SCORE}.terms", [squared, excess], square)
    most = bits_for(int(squares.max()) * circuit.size(squared) + int(terms.max()) * circuit.size(excess))
    twice = circuit.sum(KL_SCORE, both, FixedType(most, most + square.integer - square.width, False))
    outputs = [SCORE, KL_SCORE]
    if error is not None:
        outputs.append(add_error(circuit, indices, means, list(parts), trained, tables, twice, error))
    return Graph(NAME, circuit.nodes, outputs, dict(meta or {}))


def _latent(
    circuit: Circuit,
    indices: Mapping[Pair, str],
    parts: Mapping[int, Mapping[Pair, NDArray[np.int64]]],
    name: str,
    table: FixedType,
    kind: FixedType,
) -> str:
    """The vector of all latent dimensions: sums of tables, saturated to ``kind``."""
    sums = []
    for k, tables in parts.items():
        nodes = [
            circuit.table(f"{name}{k}.{a}_{b}", indices[a, b], data, table) for (a, b), data in tables.items()
        ]
        joined = circuit.join(f"{name}{k}.parts", nodes, table)
        largest = sum(int(np.abs(data).max()) for data in tables.values())
        wide = bits_for(largest) + 1
        accum = FixedType(wide, wide + table.integer - table.width, True)
        sums.append(circuit.sum(f"{name}{k}", joined, kind, accum))
    return circuit.join(name, sums, kind)


def evaluate(
    parts: Mapping[int, Mapping[Pair, NDArray[np.int64]]],
    codes: Mapping[str, NDArray[np.int64]],
    numbers: Numbers = NUMBERS,
) -> NDArray[np.int64]:
    """The integer score of crossings with these codes, (n,), computed directly and not by the graph."""
    score = np.zeros(len(next(iter(codes.values()))), np.int64)
    for tables in parts.values():
        mean = sum(data[LEVELS * codes[a] + codes[b]] for (a, b), data in tables.items())
        mean = np.clip(mean, -numbers.mean.maximum, numbers.mean.maximum)
        score += np.square(mean) // 4
    return score
