"""Types chosen from data, and the loss they are chosen by: the same arithmetic as the graph's."""

from __future__ import annotations

import numpy as np
import pytest
from ensembles import random_ensemble

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.scoring.floats import from_float
from l1forge.firmware.bdt.choose import choose, data_types, decisions, narrowed, quantised_margin
from l1forge.firmware.bdt.encode import encode
from l1forge.firmware.bdt.ensemble import Ensemble, TreeBuilder
from l1forge.firmware.bdt.to_graph import Precision, to_graph

KINDS = [FixedType(10, 10, False), FixedType(9, 7), FixedType(6, 2)]
ENSEMBLE = random_ensemble(11, KINDS, trees=12, depth=4, reach=0.8, on_grid=0.5)
RNG = np.random.default_rng(2)
X = np.stack([RNG.integers(k.minimum, k.maximum + 1, 2000) * k.lsb for k in KINDS], axis=1)
CUT = float(np.quantile(ENSEMBLE.margin(X), 0.6))


def test_data_types_hold_the_data() -> None:
    assert [str(t) for t in data_types(ENSEMBLE, X)] == [
        "ufixed<10,10,RND,SAT>",
        "fixed<9,7,RND,SAT>",
        "fixed<6,2,RND,SAT>",
    ]
    with pytest.raises(InputError, match="finite"):
        data_types(ENSEMBLE, np.full((1, 3), np.nan))


@pytest.mark.parametrize("widths", [(10, 9, 6), (5, 4, 3), (7, 9, 2)])
@pytest.mark.parametrize("threshold", [None, FixedType(11, 11)])
def test_loss_is_computed_with_the_arithmetic_of_the_graph(
    widths: tuple[int, ...], threshold: FixedType | None
) -> None:
    exact = data_types(ENSEMBLE, X)
    types = tuple(narrowed(t, w) for t, w in zip(exact, widths, strict=True))
    precision = Precision(types, FixedType(9, 4), threshold)
    graph = to_graph(ENSEMBLE, precision, "narrow", raw=FixedType(15, 11))
    got = evaluate(graph, encode(graph, X))["score"] * 2.0**-5
    np.testing.assert_array_equal(got, quantised_margin(ENSEMBLE, precision, X))


def test_chosen_types_keep_the_loss() -> None:
    strict, loose = choose(ENSEMBLE, X, CUT, 0.0), choose(ENSEMBLE, X, CUT, 0.05)
    assert strict.loss == 0
    assert 0 < loose.loss <= 0.05

    def bits(p: Precision) -> int:
        return sum(t.width for t in p.features) + p.score.width

    assert bits(loose.precision) < bits(strict.precision)
    wrong = decisions(quantised_margin(ENSEMBLE, loose.precision, X), CUT)
    assert (wrong != decisions(ENSEMBLE.margin(X), CUT)).mean() == loose.loss


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("columns", [slice(None), slice(0, 1)], ids=["several types", "one type"])
def test_physical_values_are_cast_as_the_loss_was_measured(loss: float, columns: slice) -> None:
    """Values off the grid of the chosen types, and beyond their range, go through the graph's own input."""
    kinds = KINDS[columns]
    ensemble = random_ensemble(8, kinds, trees=9, reach=0.8)
    best = choose(ensemble, X[:, columns], CUT, loss)
    graph = to_graph(ensemble, best.precision, "chosen")
    wide = np.random.default_rng(2).normal(0, 1.5 * np.abs(X).max(), (4000, len(kinds)))
    integers, _ = from_float(wide, graph.inputs[0].type)
    got = evaluate(graph, integers)["score"] * best.precision.score.lsb
    np.testing.assert_array_equal(got, quantised_margin(ensemble, best.precision, wide))


def test_several_scores_keep_their_largest() -> None:
    classes = random_ensemble(5, KINDS, trees=9, scores=3, reach=0.8)
    best = choose(classes, X, 0.0, 0.02)
    got = quantised_margin(classes, best.precision, X).argmax(axis=1)
    assert best.loss == (got != classes.margin(X).argmax(axis=1)).mean() <= 0.02


def test_loss_that_cannot_be_kept_is_an_error() -> None:
    trees = []
    for value in (
        1 / 3,
        1 / 3 + 1e-12,
    ):  # equal on every grid of up to 24 bits: the first wins, not the larger
        builder = TreeBuilder()
        builder.leaf(value)
        trees.append(builder.tree())
    close = Ensemble(tuple(trees), (0, 1), (0.0, 0.0), ("x",), "<", "hand")
    with pytest.raises(InputError, match="even 24 fractional bits lose more"):
        choose(close, X[:10, :1], 0.0, 0.0)
