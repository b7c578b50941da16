"""What a new score must beat: simple scores, fitted on zero bias that the cut menu rejects; looser cuts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.rates.variants import scaled_condition
from l1forge.models.anomaly.quantities import Quantity, Term
from l1forge.models.anomaly.tails import Tail, tail
from l1forge.models.vae_dense import features as dense

Scores = NDArray[np.float64]
Rows = NDArray[np.int16]
"""The 57 hardware integers of the dense VAE, shape (n, 57)."""

ELEVEN: tuple[Quantity, ...] = tuple(
    Quantity(source, "", (Term(source),), size)
    for source, size in (
        ("htt.et[0]", 1024), ("etm.et[0]", 512), ("ett.et[0]", 1024), ("mu.pt[0]", 256), ("mu.pt[1]", 256),
        ("eg.et[0]", 256), ("eg.et[1]", 256), ("tau.et[0]", 256), ("tau.et[1]", 256), ("jet.et[0]", 512),
        ("jet.et[1]", 512),
    )
)  # fmt: skip
"""Total HT, missing and total transverse energy, and the two leading objects of every kind."""
COMPONENTS = 10
"""Principal components that count as ordinary."""
FACTORS = np.concatenate([np.geomspace(0.5, 1.0, 65), np.geomspace(1.0, 6.0, 41)[1:]])
"""Common factors on the thresholds of the re-tuned cut menu, from loose to tight."""


@dataclass(frozen=True)
class TailTables:
    """-log10 P(V >= v) of eleven quantities, combined by ``how``: the largest, or the sum."""

    tables: tuple[Tail, ...]

    @staticmethod
    def fit(values: Sequence[NDArray[np.int16]], weights: Scores | None = None) -> TailTables:
        """Count on crossings, one array (n,) for each of ``ELEVEN``."""
        return TailTables(tuple(tail(v, q.size, weights) for v, q in zip(values, ELEVEN, strict=True)))

    def scores(self, values: Sequence[NDArray[np.int16]]) -> tuple[Scores, Scores]:
        """The largest and the sum, (n,) each."""
        parts = [
            t.decades[np.minimum(v, len(t.decades) - 1)] for t, v in zip(self.tables, values, strict=True)
        ]
        return np.maximum.reduce(parts), np.add.reduce(parts)


def hardware_rows(events: Events) -> Rows:
    """The 57 hardware integers of the dense VAE, (n, 57)."""
    return dense.hardware_features(events)


def scaled(rows: Rows) -> NDArray[np.float32]:
    """The rows as the dense VAE reads them: momenta, angles in steps of powers of two."""
    steps = np.exp2(-np.array(dense.SHIFTS, np.float32))
    return np.asarray((rows - np.array(dense.OFFSETS, np.float32)) * steps, np.float32)


@dataclass(frozen=True)
class Linear:
    """Centre, spread and covariance of the 57 scaled integers: Mahalanobis distance and PCA residual."""

    centre: Scores
    inverse: Scores
    spread: Scores
    components: Scores

    @staticmethod
    def fit(rows: Rows) -> Linear:
        """From crossings (n, 57)."""
        x = scaled(rows)
        centre, spread = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
        spread = np.where(spread > 0, spread, 1.0)
        covariance = np.cov(((x - centre) / spread).astype(np.float32), rowvar=False)
        _, vectors = np.linalg.eigh(covariance)
        return Linear(centre, np.linalg.pinv(covariance), spread, vectors[:, -COMPONENTS:])

    def scores(self, rows: Rows) -> tuple[Scores, Scores]:
        """Squared Mahalanobis distance and squared residual beside the principal components, (n,) each."""
        z = (scaled(rows) - self.centre) / self.spread
        distance = np.einsum("ni,ij,nj->n", z, self.inverse, z, optimize=True)
        return distance, np.square(z).sum(1) - np.square(z @ self.components).sum(1)


@cache
def _dense_weights() -> dict[str, NDArray[np.float32]]:
    from l1forge.models.vae_dense import hls

    with np.load(Path(hls.WEIGHTS)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def autoencoder_error(rows: Rows) -> Scores:
    """Squared error with which the dense VAE reconstructs a crossing, in floating point, (n,)."""
    w = _dense_weights()
    x = scaled(rows)
    hidden = np.maximum(x @ w["dense_1/kernel"] + w["dense_1/bias"], 0)
    hidden = np.maximum(hidden @ w["dense_2/kernel"] + w["dense_2/bias"], 0)
    out = hidden @ w["dense_mean/kernel"] + w["dense_mean/bias"]
    for i in (0, 2):
        out = np.maximum(out @ w[f"decoder/{i}"] + w[f"decoder/{i + 1}"], 0)
    out = out @ w["decoder/4"] + w["decoder/5"]
    target = (x - w["normalisation/mean"]) / w["normalisation/spread"]
    error: Scores = (dense.object_mask(rows) * np.square(out - target)).sum(1, dtype=np.float64)
    return error


def retuned_cuts(menu: CompiledMenu) -> Callable[[Events], NDArray[np.int16]]:
    """How tight the cut menu may be and still accept: the number of ``FACTORS`` that accept, (n,) int16.

    All energy thresholds of the menu are multiplied by one factor. A menu at a tighter factor accepts a part
    of what a looser one accepts, so that only crossings that passed are looked at again.
    """
    evaluators = [MenuEvaluator(_at_factor(menu, float(factor))) for factor in FACTORS]

    def levels(events: Events) -> NDArray[np.int16]:
        found = np.zeros(events.n, np.int16)
        places = np.arange(events.n)
        for evaluate in evaluators:
            if not places.size:
                break
            places = places[evaluate(events.select(places)).any(axis=0)]
            found[places] += 1
        return found

    return levels


def _at_factor(menu: CompiledMenu, factor: float) -> CompiledMenu:
    moved = {name: scaled_condition(condition, factor) for name, condition in menu.conditions.items()}
    return menu.model_copy(update={"conditions": moved})
