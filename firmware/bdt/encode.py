"""Float features to the integers of a graph's input: exact, or refused with a count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph


def encode(graph: Graph, x: ArrayLike, *, saturate: bool = False) -> NDArray[np.int64]:
    """Integers in LSBs of the graph's input type, rounded to nearest (ties upwards).

    Parameters
    ----------
    x
        Features, shape (n, n_features), float.
    saturate
        Take values beyond the type's range to its ends; without it they are an error.

    Raises
    ------
    InputError
        If a feature is NaN (integers have no missing value), or does not fit; the count is given.
    """
    (node,) = graph.inputs
    names = graph.meta.get("feature_names", [f"f{i}" for i in range(node.size)])
    values = np.asarray(x, np.float64)
    _refuse(np.isnan(values), names, "is NaN: fixed-point features have no missing value", "fill it first")
    kind = FixedType(node.type.width, node.type.integer, node.type.signed)
    exact = np.floor(values * 2.0**kind.fraction + 0.5)
    if saturate:
        exact = np.clip(exact, kind.minimum, kind.maximum)
    outside = (exact < kind.minimum) | (exact > kind.maximum)
    _refuse(outside, names, f"does not fit {kind}", "widen the input type or saturate")
    return exact.astype(np.int64)


def _refuse(bad: NDArray[np.bool_], names: Sequence[str], problem: str, remedy: str) -> None:
    if bad.any():
        column = int(bad.any(axis=0).argmax())
        raise InputError(
            problem, field=f"feature {names[column]}", value=f"{int(bad.sum())} values", remedy=remedy
        )
