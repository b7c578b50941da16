"""The 16 inputs as integers: offset, power-of-two scale, clipping.

A feature x enters as the code ``clip(rint((x - offset) * 2**(shift + fraction)))`` of a type with
``fraction`` fractional bits: the network sees ``(x - offset) * 2**shift``. Offsets are near the mean of the
committed training jets, and 2**(1 - shift) near their spread: two spreads fill a type with three integer
bits, four one with four. The mass counts double, since W and Z are told apart by it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.simulation.jets import FEATURES
from l1forge.simulation.jets.sample import Jets


@dataclass(frozen=True)
class FeatureScaling:
    """``(x - offset) * 2**shift`` for one feature."""

    offset: float
    shift: int


SCALINGS = {
    "zlogz": FeatureScaling(-3, 2),
    "c1_b0_mmdt": FeatureScaling(0.44, 5),
    "c1_b1_mmdt": FeatureScaling(0.048, 6),
    "c1_b2_mmdt": FeatureScaling(0.015, 6),
    "c2_b1_mmdt": FeatureScaling(0.062, 5),
    "c2_b2_mmdt": FeatureScaling(0.015, 6),
    "d2_b1_mmdt": FeatureScaling(1.4, 2),
    "d2_b2_mmdt": FeatureScaling(1.2, 1),
    "d2_a1_b1_mmdt": FeatureScaling(1.4, 2),
    "d2_a1_b2_mmdt": FeatureScaling(0.2, 5),
    "m2_b1_mmdt": FeatureScaling(0.094, 6),
    "m2_b2_mmdt": FeatureScaling(0.044, 6),
    "n2_b1_mmdt": FeatureScaling(0.29, 5),
    "n2_b2_mmdt": FeatureScaling(0.15, 5),
    "mass_mmdt": FeatureScaling(89, -4),
    "multiplicity": FeatureScaling(57, -4),
}
"""By name of the feature, in the order of ``FEATURES``."""
OFFSETS = np.array([SCALINGS[name].offset for name in FEATURES])
SHIFTS = np.array([SCALINGS[name].shift for name in FEATURES])
N_FEATURES = len(FEATURES)


def codes(features: NDArray[np.floating], kind: FixedType) -> NDArray[np.int64]:
    """The features (n, 16) as integers of the input type ``kind``, clipped at its ends.

    A jet without constituents has features 0 and is as good an input as any other.

    Raises
    ------
    InputError
        If a feature is not a finite number.
    """
    table = np.asarray(features, np.float64)
    if table.ndim != 2 or table.shape[1] != N_FEATURES:
        raise InputError(f"must have {N_FEATURES} columns", field="features", value=list(table.shape))
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise InputError(
            f"jet {row}: is not a finite number",
            field=FEATURES[column],
            value=float(table[row, column]),
            remedy="take the jet out: the tagger is not defined on it",
        )
    scaled = np.rint((table - OFFSETS) * np.exp2(SHIFTS + kind.fraction))
    return np.clip(scaled, kind.minimum, kind.maximum).astype(np.int64)


def clipped(features: NDArray[np.floating], kind: FixedType) -> NDArray[np.float64]:
    """Share of jets whose feature lies beyond the ends of the type, (16,)."""
    scaled = np.rint((np.asarray(features, np.float64) - OFFSETS) * np.exp2(SHIFTS + kind.fraction))
    return np.asarray(((scaled < kind.minimum) | (scaled > kind.maximum)).mean(0))


def trained_inputs(model: str, kind: FixedType, jets: Jets) -> TrainedInputs:
    """The record of the training's inputs."""
    return TrainedInputs.of(model, "jets, training part", FEATURES, codes(jets.features, kind))
