"""Quantised ensembles: random forests of random types, fed where a wrong comparison shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ensembles import edge_inputs, random_ensemble
from hypothesis import given, settings
from hypothesis import strategies as st

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.reference import evaluate
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.bdt.encode import encode
from l1forge.firmware.bdt.ensemble import Ensemble, Split, TreeBuilder
from l1forge.firmware.bdt.fold import grid_threshold
from l1forge.firmware.bdt.to_graph import Precision, to_graph

types = st.builds(
    lambda w, f, s: FixedType(w, w - f, s), st.integers(2, 12), st.integers(-2, 8), st.booleans()
)
scores = st.builds(lambda f: FixedType(f + 5, 5), st.integers(0, 12))


def expected(ensemble: Ensemble, precision: Precision, x: np.ndarray, fraction: int) -> np.ndarray:
    """Float walk on the values the integers stand for, leaves rounded: sums of doubles are exact here."""
    scale = 2.0**precision.score.fraction
    trees = tuple(replace(t, value=np.floor(t.value * scale + 0.5)) for t in ensemble.trees)
    base = tuple(float(np.floor(b * scale + 0.5)) for b in ensemble.base)
    return replace(ensemble, trees=trees, base=base).margin(x * 2.0**-fraction).astype(np.int64)


def disagreements(graph: Graph, ensemble: Ensemble, precision: Precision, seed: int = 0) -> int:
    """Events for which graph and float ensemble differ."""
    entry = graph.inputs[0].type
    x = edge_inputs(ensemble, list(precision.features), entry.fraction, 200, seed)
    got = evaluate(graph, x)["score"]
    np.testing.assert_array_equal(compile_graph(graph).run_rows(x)["score"], got)
    return int((got != expected(ensemble, precision, x, entry.fraction)).any(axis=1).sum())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**31),
    features=st.lists(types, min_size=1, max_size=5),
    score=scores,
    split=st.sampled_from(["<", "<="]),
    depth=st.integers(0, 5),
    classes=st.integers(1, 3),
)
def test_every_decision_survives_quantisation(
    seed: int, features: list[FixedType], score: FixedType, split: Split, depth: int, classes: int
) -> None:
    ensemble = random_ensemble(seed, features, trees=5, depth=depth, scores=classes, split=split)
    precision = Precision(tuple(features), score)
    graph = Graph.from_json(to_graph(ensemble, precision, "random").to_json())
    assert disagreements(graph, ensemble, precision, seed) == 0


@pytest.mark.parametrize("split", ["<", "<="])
def test_rounding_to_nearest_would_be_noticed(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    features = [FixedType(8, 5)] * 3
    ensemble = random_ensemble(3, features, trees=8, depth=4, split=split, on_grid=0.0, reach=0.9)
    precision = Precision(tuple(features), FixedType(16, 5))
    assert disagreements(to_graph(ensemble, precision, "right"), ensemble, precision) == 0
    monkeypatch.setattr(
        "l1forge.firmware.bdt.fold.grid_threshold", lambda t, split, fraction: round(t * 2.0**fraction)
    )
    assert disagreements(to_graph(ensemble, precision, "wrong"), ensemble, precision) > 0


def test_exchanged_split_would_be_noticed() -> None:
    features = [FixedType(8, 5)] * 3
    ensemble = random_ensemble(4, features, trees=8, depth=4, split="<", on_grid=1.0, reach=0.9)
    precision = Precision(tuple(features), FixedType(16, 5))
    wrong = to_graph(replace(ensemble, split="<="), precision, "wrong")
    assert disagreements(wrong, ensemble, precision) > 0


def test_threshold_rounding_rule() -> None:
    assert [grid_threshold(t, "<=", 2) for t in (0.3, 0.5, -0.3)] == [1, 2, -2]
    assert [grid_threshold(t, "<", 2) for t in (0.3, 0.5, -0.3)] == [2, 2, -1]
    assert grid_threshold(1e300, "<=", 8) > 2**900  # no overflow on the way


def test_settled_comparisons_are_removed() -> None:
    builder = TreeBuilder()
    builder.split(  # x <= 100 is always true of a 4-bit integer, x <= 3 below x <= 3 too
        0,
        100.0,
        False,
        lambda: builder.split(
            0,
            3.0,
            False,
            lambda: builder.split(0, 3.5, False, lambda: builder.leaf(1.0), lambda: builder.leaf(2.0)),
            lambda: builder.split(0, 9.0, False, lambda: builder.leaf(5.01), lambda: builder.leaf(4.99)),
        ),
        lambda: builder.leaf(7.0),
    )
    ensemble = Ensemble((builder.tree(),), (0,), (0.0,), ("x",), "<=", "hand")
    graph = to_graph(ensemble, Precision((FixedType(4, 4, False),), FixedType(4, 4)), "folded")
    node = graph["score"]
    assert node.constants["feature"].data.tolist() == [[0, -1, -1]]
    assert node.constants["value"].data.tolist() == [[0, 1, 5]]
    assert node.type == FixedType(3, 3, False)


@pytest.mark.parametrize("threshold", [FixedType(5, 4), FixedType(12, 4)])
def test_thresholds_of_their_own_type(threshold: FixedType) -> None:
    """A coarser type rounds thresholds by the split's rule; a finer one changes nothing."""
    features = (FixedType(8, 4),) * 2
    ensemble = random_ensemble(8, list(features), trees=6, reach=0.8)
    precision = Precision(features, FixedType(12, 4), threshold)
    graph = to_graph(ensemble, precision, "own")
    assert graph["score"].constants["threshold"].type == threshold
    fraction = min(threshold.fraction, 4)
    moved = tuple(
        replace(t, threshold=np.floor(t.threshold * 2.0**fraction) * 2.0**-fraction) for t in ensemble.trees
    )
    assert disagreements(graph, replace(ensemble, trees=moved), precision) == 0


def test_wider_input_is_cast_to_each_features_type() -> None:
    features = (FixedType.parse("ufixed<3,3,TRN,SAT>"), FixedType.parse("fixed<4,2,RND,SAT>"))
    ensemble = random_ensemble(9, list(features), reach=0.8)
    graph = to_graph(ensemble, Precision(features, FixedType(12, 4)), "cast", raw=FixedType(10, 6))
    tensors = evaluate(graph, np.array([[500, -512], [-3, 5]]), keep=True)
    # in quarters: 500/16 saturates at 7, -32 at -2; -3/16 at 0, 5/16 rounds to 1/4
    assert tensors["quantised"].tolist() == [[28, -8], [0, 1]]


def test_bad_types_and_features_are_refused() -> None:
    features = (FixedType(6, 4),) * 2
    ensemble = random_ensemble(1, list(features))
    with pytest.raises(InputError, match="one type for each of 2 features"):
        to_graph(ensemble, Precision(features[:1], FixedType(8, 4)), "few")
    with pytest.raises(InputError, match=r"leaf: does not fit fixed<4,-2>"):
        to_graph(ensemble, Precision(features, FixedType(4, -2)), "narrow")
    with pytest.raises(InputError, match="threshold: does not fit"):
        to_graph(ensemble, Precision(features, FixedType(8, 4), FixedType(2, 1)), "narrow")
    graph = to_graph(ensemble, Precision(features, FixedType(8, 4)), "good")
    with pytest.raises(InputError, match=r"feature f1: is NaN.*1 values"):
        encode(graph, [[0.0, np.nan]])
    with pytest.raises(InputError, match=r"feature f0: does not fit fixed<6,4>.*2 values"):
        encode(graph, [[99.0, 0.0], [-9.0, 0.0]])
    assert encode(graph, [[99.0, 0.124], [-9.0, 0.126]], saturate=True).tolist() == [[31, 0], [-32, 1]]


@pytest.mark.parametrize("agrees", [True, False])
def test_declared_missing_value(agrees: bool) -> None:
    """0 declared missing can be kept if the comparison sends it the same way, and is refused if not."""
    builder = TreeBuilder()
    builder.split(0, 2.0, agrees, lambda: builder.leaf(1.0), lambda: builder.leaf(-1.0))
    ensemble = Ensemble((builder.tree(),), (0,), (0.0,), ("et",), "<", "xgboost", missing=0.0)
    precision = Precision((FixedType(4, 4, False),), FixedType(4, 4))
    if agrees:
        assert evaluate(to_graph(ensemble, precision, "kept"), np.array([[0], [1], [2]]))[
            "score"
        ].tolist() == [
            [1],
            [1],
            [-1],
        ]
    else:
        with pytest.raises(InputError, match=r"feature et.*declared missing"):
            to_graph(ensemble, precision, "refused")
