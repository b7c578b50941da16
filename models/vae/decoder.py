"""The third score in integers: squared error of the decoder + beta * KL, as the training's loss.

    means ─► dense, ReLU ─► dense ─┐
    pairs ─► tables of the inputs ─┴► difference ─► squares ─► sum ─┬─► error_score
                                              twice the KL ── / 4 ──┘

It needs the inputs themselves, a table of each pair a second time, and a square of each: about ten times the
logic of the squared means, and more than 25 ns. `l1forge evaluate anomaly` says what it is worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.node import Constant
from l1forge.models.anomaly.circuit import Circuit, bits_for
from l1forge.models.anomaly.pairs import Pair, PairTables
from l1forge.models.anomaly.tails import magnitudes
from l1forge.models.vae.network import Trained

ERROR_SCORE = "error_score"
WEIGHT_BITS = 8
VALUE = FixedType(12, 11, True, Rounding.RND, Overflow.SAT_SYM)
"""Inputs and what the decoder makes of them: steps of half a spread."""
HIDDEN_BITS = 12
STEP = FixedType(1, 5, False)
"""The score counts in steps of 16."""


def add_error(
    circuit: Circuit,
    indices: Mapping[Pair, str],
    means: str,
    dimensions: Sequence[int],
    trained: Trained,
    tables: PairTables,
    twice_kl: str,
    beta: float,
) -> str:
    """Append the score and return its name.

    ``dimensions``: the latent dimensions that ``means`` holds, in order; all others have mean 0.
    ``twice_kl``: the sum that is twice the divergence.
    """
    first, first_bias, second, second_bias = (np.asarray(w, np.float64) for w in trained.decoder)
    weights = first[:, list(dimensions)].T
    kind = circuit.type_of(means)
    largest = float((np.abs(weights).sum(0) * kind.maximum * kind.lsb + np.abs(first_bias)).max())
    hidden_type = FixedType(HIDDEN_BITS, bits_for(int(largest)), False, Rounding.RND, Overflow.SAT)
    hidden = _dense(circuit, f"{ERROR_SCORE}.hidden", means, weights, first_bias, None)
    hidden = circuit.relu(f"{ERROR_SCORE}.relu", hidden, hidden_type)
    guessed = _dense(circuit, f"{ERROR_SCORE}.decoded", hidden, second.T, second_bias, VALUE)
    nodes = [
        circuit.table(f"{ERROR_SCORE}.{a}_{b}", indices[a, b], _input(trained, tables, i), VALUE)
        for i, (a, b) in enumerate(tables.pairs)
    ]
    inputs = circuit.join(f"{ERROR_SCORE}.inputs", nodes, VALUE)
    wide = FixedType(VALUE.width + 1, VALUE.integer + 1, True)
    off = circuit.subtract(f"{ERROR_SCORE}.off", guessed, inputs, wide)
    square = FixedType(2 * wide.width, 2 * wide.integer, False)
    squared = circuit.square(f"{ERROR_SCORE}.square", off, square)
    grow = bits_for(circuit.size(squared))
    error = circuit.sum(
        f"{ERROR_SCORE}.error", squared, FixedType(square.width + grow, square.integer + grow, False)
    )
    kl_type = circuit.type_of(twice_kl)
    share = circuit.scaled(f"{ERROR_SCORE}.kl", twice_kl, beta / 2)
    integer = max(square.integer + grow, kl_type.integer) + 1
    total = FixedType(integer - STEP.integer + STEP.width, integer, False, overflow=Overflow.SAT)
    return circuit.add(ERROR_SCORE, error, share, total)


def _input(trained: Trained, tables: PairTables, i: int) -> NDArray[np.int64]:
    """Input ``i`` of the network, standardised, of all 256 indices of its pair."""
    magnitude = magnitudes(tables.decades[tables.pairs[i]]).ravel()
    x = (magnitude - trained.centre[i]) / trained.spread[i]
    return np.clip(np.rint(x / VALUE.lsb), -VALUE.maximum, VALUE.maximum).astype(np.int64)


def _dense(
    circuit: Circuit,
    name: str,
    source: str,
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    kind: FixedType | None,
) -> str:
    """Weights (inputs, outputs) in WEIGHT_BITS bits, an accumulator that holds everything."""
    small = _holding(weights, WEIGHT_BITS)
    data = np.rint(weights / small.lsb).astype(np.int64)
    x = circuit.type_of(source)
    fraction = x.fraction + small.fraction
    bound = int(np.abs(data).sum(0).max()) * max(x.maximum, -x.minimum)
    offsets = np.rint(bias * 2.0**fraction).astype(np.int64)
    width = bits_for(bound + int(np.abs(offsets).max())) + 1
    accum = FixedType(width, width - fraction, True)
    wide_bias = FixedType(bits_for(int(np.abs(offsets).max())) + 1, 0, True)
    wide_bias = FixedType(wide_bias.width, wide_bias.width - fraction, True)
    return circuit.dense(
        name, source, Constant(small, data), Constant(wide_bias, offsets), kind or accum, accum
    )


def _holding(values: NDArray[np.float64], bits: int) -> FixedType:
    """The finest signed type of so many bits that holds ``values``."""
    integer = 1
    while True:
        kind = FixedType(bits, integer, True)
        if np.abs(np.rint(values / kind.lsb)).max() <= kind.maximum and integer < bits:
            finer = FixedType(bits, integer - 1, True)
            if np.abs(np.rint(values / finer.lsb)).max() > finer.maximum:
                return kind
            integer -= 1
        else:
            integer += 1
