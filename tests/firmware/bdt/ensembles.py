"""Random ensembles, and inputs where a wrong comparison shows: on and beside thresholds, at the limits."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.bdt.ensemble import Ensemble, Split, Tree, TreeBuilder


def random_tree(
    rng: np.random.Generator, types: list[FixedType], depth: int, on_grid: float, reach: float
) -> Tree:
    """Unbalanced; a share ``on_grid`` of the thresholds lies on the feature's grid, some beyond its range."""
    builder = TreeBuilder()

    def add(level: int) -> int:
        if level == 0 or rng.random() < 0.2:
            return builder.leaf(float(rng.normal()))
        feature = int(rng.integers(len(types)))
        kind = types[feature]
        middle, half = (kind.maximum + kind.minimum) / 2, (kind.maximum - kind.minimum + 1) / 2
        position = middle + reach * half * rng.uniform(-1, 1)
        if rng.random() < on_grid:
            position = round(position)
        return builder.split(
            feature, position * kind.lsb, False, lambda: add(level - 1), lambda: add(level - 1)
        )

    add(depth)
    return builder.tree()


def random_ensemble(
    seed: int,
    types: list[FixedType],
    *,
    trees: int = 4,
    depth: int = 3,
    scores: int = 1,
    split: Split = "<=",
    on_grid: float = 0.5,
    reach: float = 1.2,
) -> Ensemble:
    rng = np.random.default_rng(seed)
    return Ensemble(
        trees=tuple(random_tree(rng, types, depth, on_grid, reach) for _ in range(trees)),
        tree_class=tuple(t % scores for t in range(trees)),
        base=tuple(float(v) for v in rng.normal(size=scores)),
        feature_names=tuple(f"f{i}" for i in range(len(types))),
        split=split,
        library="random",
        feature_dtype="float64",
    )


def edge_inputs(
    ensemble: Ensemble, types: list[FixedType], fraction: int, count: int, seed: int
) -> np.ndarray:
    """Integers with ``fraction`` fractional bits, one column per feature, all within the types' ranges."""
    rng = np.random.default_rng(seed)
    columns = []
    for feature, kind in enumerate(types):
        limits = [t.threshold[t.feature == feature] for t in ensemble.trees]
        near = np.floor(np.concatenate([*limits, [0.0]]) * 2.0**kind.fraction)
        choices = np.concatenate([near + d for d in (-1, 0, 1, 2)] + [[kind.minimum, kind.maximum]])
        choices = np.concatenate([choices, rng.integers(kind.minimum, kind.maximum + 1, 8)])
        values = np.clip(rng.choice(choices, count), kind.minimum, kind.maximum).astype(np.int64)
        columns.append(values << (fraction - kind.fraction))
    return np.stack(columns, axis=1)
