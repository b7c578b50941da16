"""Fill the pattern tables from simulated muons."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.models.muon_patterns.patterns import (
    ADDRESSES,
    HALF,
    MAX_VALUE,
    N_PATTERNS,
    N_REFERENCES,
    PT_BINS,
    PT_EDGES,
    REACH,
    TRAINED,
    Patterns,
)
from l1forge.simulation.muons import MuonSample, MuonSettings, generate
from l1forge.simulation.muons.candidates import NO_REFERENCE, REFERENCES, reference_of
from l1forge.simulation.muons.layers import BENDING, N_LAYERS, NO_STUB

SEED, MUONS = 2024, 2_000_000
P_MIN = 0.001
"""Probabilities below this have pdf value 0; value = rint(63 - 63 ln p / ln P_MIN)."""
MIN_MUONS, MIN_SHARE = 50, 0.01
"""Tables are filled where a pattern has this many muons with the reference, and stubs in this share."""
BENDING_SHIFT = 1
"""Bending angles are halved: their resolution is 2.3 units of 1/512 rad and more."""
SLOW, MEDIUM = 4.0, 8.0
"""GeV; patterns below reach further, their distances are halved twice and once."""

SMOOTHING = np.array([0.25, 0.5, 0.25])


@compiled
def _differences(value: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stub minus reference azimuth (n, 18, SLOTS), NO_STUB * 4 if empty; reference number (n,)."""
    n = len(value)
    out = np.full(value.shape, 4 * NO_STUB, np.int16)
    number = np.empty(n, np.int8)
    for i in range(n):
        number[i], slot = reference_of(value[i], quality[i])
        if number[i] == NO_REFERENCE:
            continue
        origin = REFERENCES[number[i]]
        for layer in range(N_LAYERS):
            for s in range(value.shape[2]):
                if value[i, layer, s] != NO_STUB:
                    zero = 0 if BENDING[layer] else value[i, origin, slot]
                    out[i, layer, s] = value[i, layer, s] - zero
    return out, number


def pattern_number(pt: np.ndarray, charge: np.ndarray) -> np.ndarray:
    """The pattern that a muon of ``pt`` (GeV) and ``charge`` belongs to, same shape."""
    return np.clip(np.digitize(pt, PT_EDGES) - 1, 0, PT_BINS - 1) * 2 + (charge > 0)


def _nearest(difference: np.ndarray, centre: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance of the stub nearest to ``centre``, and whether there is a stub."""
    distance = difference - centre
    hit = difference != 4 * NO_STUB
    distance = np.where(hit, distance, 1 << 15)
    pick = np.abs(distance).argmin(axis=1)
    return distance[np.arange(len(distance)), pick], hit.any(axis=1)


def fill_tables(sample: MuonSample) -> Patterns:
    """Patterns from simulated muons of both charges; needs truth pT and charge.

    Slopes stay 0: a slope fitted within a pattern makes fast patterns follow the bending of slow muons, and
    raised the rate at 20 GeV by 7 to 15 % (docs/muon.md). Reach and binning follow the pattern's pT; the pdf
    of a wider bin is not divided by its width, which favours slow patterns and lowers the rate.
    """
    difference, number = _differences(sample.value, sample.quality)
    member = pattern_number(sample.pt, sample.charge)
    shape = (N_REFERENCES, N_LAYERS, N_PATTERNS)
    offset, shift = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    table = np.zeros((*shape, ADDRESSES), np.uint8)
    for g in range(N_PATTERNS):
        mine = np.flatnonzero(member == g)
        bits = int(PT_EDGES[g // 2] < SLOW) + int(PT_EDGES[g // 2] < MEDIUM)
        for k, origin in enumerate(REFERENCES):
            chosen = mine[number[mine] == k]
            if len(chosen) < MIN_MUONS:
                continue
            for layer in range(N_LAYERS):
                if layer == origin:  # the distance to itself is 0: certain, except beside a second stub
                    table[k, layer, g, HALF] = MAX_VALUE
                    continue
                d = difference[chosen, layer].astype(np.int32)
                x, hit = _nearest(d, 0)
                if hit.mean() < MIN_SHARE:
                    continue
                mean = round(float(np.median(x[hit])))
                down = bits + BENDING_SHIFT * int(BENDING[layer])
                x, hit = _nearest(d, mean)
                x = np.sign(x) * (np.abs(x) >> down)
                count = np.bincount((x[hit & (np.abs(x) < REACH)] + HALF).astype(int), minlength=ADDRESSES)
                p = np.convolve(count, SMOOTHING, "same") / len(chosen)
                score = np.rint(MAX_VALUE - np.log(np.maximum(p, 1e-9)) / np.log(P_MIN) * MAX_VALUE)
                score = np.where(p >= P_MIN, score, 0)
                score[[0, 1, ADDRESSES - 1]] = 0
                offset[k, layer, g], shift[k, layer, g] = mean, down
                table[k, layer, g] = score
    return Patterns(offset, np.zeros_like(offset), shift, table)


def tuned_tables(sample: MuonSample, before: Patterns) -> tuple[Patterns, int]:
    """Tables of ``sample`` where it has ``MIN_MUONS`` muons of a pattern with a reference, else ``before``.

    Also returns how many of the pairs of reference and pattern were filled anew.
    """
    filled = fill_tables(sample)
    _, number = _differences(sample.value, sample.quality)
    member = pattern_number(sample.pt, sample.charge)
    count = np.zeros((N_REFERENCES, N_PATTERNS), np.int64)
    known = number != NO_REFERENCE
    np.add.at(count, (number[known], member[known]), 1)
    new = (count >= MIN_MUONS)[:, None, :]
    return (
        Patterns(
            np.where(new, filled.offset, before.offset),
            np.where(new, filled.slope, before.slope),
            np.where(new, filled.shift, before.shift),
            np.where(new[..., None], filled.value, before.value),
        ),
        int(new.sum()),
    )


def main(seed: int = SEED, output: Path = TRAINED, muons: int = MUONS) -> Patterns:
    """Simulate, fill, save; about one minute on one core."""
    patterns = fill_tables(generate(muons, seed, MuonSettings(pt_min=1.5, pt_max=200.0)))
    patterns.save(output)
    return patterns


if __name__ == "__main__":
    main()
