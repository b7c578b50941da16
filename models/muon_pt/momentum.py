"""From the networks' integer outputs to pT code, charge and quality, in integers as hardware does it.

The posterior chance that pT is at least a bin's lower edge is a ratio of sums of exponentials of logits. The
highest bin whose chance reaches the bin's threshold is the pT; thresholds are calibrated so that a
muon in the bin passes with the chosen efficiency (90 %), as the trigger's pT scales define it.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.jit import compiled
from l1forge.emulator.json_text import parse_json
from l1forge.models.muon_pt.bins import CHARGE_LOGIT, N_BINS, PT_CODES

LOGIT_LSB = 1 / 16
EXP_BITS = 24
EXP_TABLE = np.rint(np.exp(-np.arange(256) * LOGIT_LSB) * (1 << EXP_BITS)).astype(np.int64)
"""exp of a logit minus the largest one, by its magnitude in LSBs (255 and beyond: 0 in effect)."""
THRESHOLD_BITS = 20
POSITIVE, NEGATIVE = 2, 3
"""Charge field of the muon word: 2 valid and positive, 3 valid and negative."""


class Muons(NamedTuple):
    """Per candidate, shape (n,), int16: hardware ``pt`` code (0: none), ``charge`` (0, 2 or 3) and
    ``quality`` (0, 4, 8 or 12)."""

    pt: np.ndarray
    charge: np.ndarray
    quality: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """Threshold of each bin on the chance, in units of 2^-20, at ``efficiency``; int64 (43,)."""

    efficiency: float
    threshold: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        data = {
            "efficiency": self.efficiency,
            "unit": f"2^-{THRESHOLD_BITS}",
            "threshold": self.threshold.tolist(),
        }
        write_text(path, json.dumps(data) + "\n")

    @staticmethod
    def load(path: str | Path) -> Calibration:
        """Read what :meth:`save` wrote.

        Raises
        ------
        InputError
            If the file is missing or does not hold 43 thresholds within 1 .. 2^20.
        """
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
            calibration = Calibration(float(data["efficiency"]), np.array(data["threshold"], np.int64))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "not a pT calibration", file=path, remedy="l1forge train muon_pt writes one"
            ) from error
        limits = calibration.threshold
        if limits.shape != (N_BINS,) or limits.min() < 1 or limits.max() > 1 << THRESHOLD_BITS:
            raise InputError("thresholds outside 1 .. 2^20", file=path, field="threshold", value=limits.shape)
        return calibration


@compiled
def tail_sums(logits: np.ndarray) -> np.ndarray:
    """Sums of exponentials over bins k and above, shape (n, 43), int64; ``logits`` (n, 44) int, LSB 1/16."""
    n = len(logits)
    out = np.empty((n, N_BINS), np.int64)
    for i in range(n):
        largest = logits[i, 0]
        for k in range(1, N_BINS):
            largest = max(largest, logits[i, k])
        total = 0
        for k in range(N_BINS - 1, -1, -1):
            total += EXP_TABLE[min(largest - logits[i, k], 255)]
            out[i, k] = total
    return out


@compiled
def pt_bin(sums: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Highest bin k with sums[k] * 2^20 >= threshold[k] * sums[0], int64 (n,); bin 0 if there is none."""
    out = np.zeros(len(sums), np.int64)
    for i in range(len(sums)):
        for k in range(N_BINS - 1, 0, -1):
            if sums[i, k] << THRESHOLD_BITS >= threshold[k] * sums[i, 0]:
                out[i] = k
                break
    return out


def calibrate(logits: np.ndarray, bins: np.ndarray, found: np.ndarray, efficiency: float) -> Calibration:
    """Thresholds at which muons of bin k are assigned bin k or above with ``efficiency``.

    ``bins``: true bin of every muon (n,); ``found``: which of them are candidates (others count as lost);
    ``logits`` (n, 44). From the highest bin down, since a muon passes k also by passing a higher bin. A bin
    that already has the efficiency gets the threshold 2^20 (only certainty).
    """
    sums = tail_sums(logits)
    chance = (sums << THRESHOLD_BITS) // sums[:, :1]
    passed = np.zeros(len(bins), bool)
    threshold = np.full(N_BINS, 1 << THRESHOLD_BITS, np.int64)
    for k in range(N_BINS - 1, 0, -1):
        mine = bins == k
        need = int(np.ceil(efficiency * mine.sum())) - int((passed & mine).sum())
        rest = np.sort(chance[mine & found & ~passed, k])[::-1]
        if need > 0 and len(rest):
            threshold[k] = max(rest[min(need, len(rest)) - 1], 1)  # 0 would let everything pass
        passed |= found & (chance[:, k] >= threshold[k])
    return Calibration(efficiency, threshold)


BANDS = (0, 7, 12, 18, 24, 30, N_BINS)
"""Bins whose thresholds a small sample moves together: up to 4.5, 8, 14, 20, 32 GeV, and above."""
DENSE = 200
"""Muons in a bin from which its threshold is found from them alone."""


def calibrate_coarsely(
    logits: np.ndarray, bins: np.ndarray, found: np.ndarray, efficiency: float
) -> Calibration:
    """As ``calibrate``, for a sample with few muons in a bin: one threshold for each of ``BANDS``.

    Where every bin of a band has ``DENSE`` muons, each bin has its own. In the other bands one chance is
    found at which muons of the band pass their own bin with ``efficiency``; a band without muons takes that
    of the band below it.
    """
    if np.bincount(bins, minlength=N_BINS)[1:].min() >= DENSE:
        return calibrate(logits, bins, found, efficiency)
    sums = tail_sums(logits)
    own = (sums << THRESHOLD_BITS) // sums[:, :1]
    exact = calibrate(logits, bins, found, efficiency).threshold
    threshold = np.full(N_BINS, 1 << THRESHOLD_BITS, np.int64)
    last = 1 << (THRESHOLD_BITS - 1)
    for low, high in itertools.pairwise(BANDS):
        members = np.flatnonzero((bins >= max(low, 1)) & (bins < high))
        counts = np.bincount(bins[members], minlength=N_BINS)[max(low, 1) : high]
        if counts.min() >= DENSE:
            threshold[max(low, 1) : high] = exact[max(low, 1) : high]
            last = int(threshold[high - 1])
            continue
        if len(members):
            chances = np.sort(np.where(found[members], own[members, bins[members]], 0))[::-1]
            last = max(int(chances[min(int(np.ceil(efficiency * len(members))), len(members)) - 1]), 1)
        threshold[max(low, 1) : high] = last
    return Calibration(efficiency, threshold)


def quality_of(layers: np.ndarray) -> np.ndarray:
    """Quality from the number of layers (n,): 12 from 6 layers, 8 from 4, 4 with 3, 0 no candidate."""
    return np.select([layers >= 6, layers >= 4, layers >= 3], [12, 8, 4], 0).astype(np.int16)


def muons_from_logits(logits: np.ndarray, layers: np.ndarray, calibration: Calibration) -> Muons:
    """The trigger's muon fields from logits (n, 44) in LSBs of 1/16 and layer counts (n,)."""
    logits = np.ascontiguousarray(logits, np.int64)
    found = layers > 0
    code = PT_CODES[pt_bin(tail_sums(logits), calibration.threshold)]
    charge = np.where(logits[:, CHARGE_LOGIT] > 0, POSITIVE, NEGATIVE)
    return Muons(
        np.where(found, code, 0).astype(np.int16),
        np.where(found, charge, 0).astype(np.int16),
        quality_of(layers),
    )
