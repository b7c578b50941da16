"""Generate muon samples: seeded per chunk, so that the result does not depend on how many processes ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.simulation.muons.detectors import NOMINAL, Detector, Randomised
from l1forge.simulation.muons.digitise import simulate_chunk
from l1forge.simulation.muons.layers import N_LAYERS, NO_STUB, SLOTS
from l1forge.simulation.muons.sample import MuonSample, order_slots
from l1forge.simulation.workers import parallel

CHUNK = 10_000
"""Muons per random stream: part of the definition of a sample, like the seed."""
ETA_RANGE = (0.83, 1.24)
VERTEX_Z_SPREAD = 4.5  # cm, luminous region
HIGHEST_PT = 7000.0  # GeV, the beam energy


@dataclass(frozen=True)
class MuonSettings:
    """What to generate. pT is flat in its logarithm between ``pt_min`` and ``pt_max`` GeV.

    ``displacement``: impact parameters are flat in +-displacement cm (0: from the beam line).
    ``noise``: chance of a random stub per end-cap layer (half of it in the barrel). ``punch_through``:
    chance that a hadron leaks into the first station beside the muon. ``secondaries``: delta rays.
    ``detector``: what differs from the nominal one; a randomised one is drawn anew for every ``CHUNK`` muons.
    """

    pt_min: float = 1.0
    pt_max: float = 200.0
    displacement: float = 0.0
    noise: float = 0.02
    punch_through: float = 0.01
    secondaries: bool = True
    detector: Detector | Randomised = NOMINAL

    def __post_init__(self) -> None:
        if not 0 < self.pt_min < self.pt_max < HIGHEST_PT:
            raise InputError("empty pT range", field="pt_min, pt_max", value=(self.pt_min, self.pt_max),
                             remedy=f"give 0 < pt_min < pt_max < {HIGHEST_PT:g} in GeV")  # fmt: skip
        if not 0 <= self.displacement <= 300:
            raise InputError("displacement out of range", field="displacement", value=self.displacement,
                             remedy="give 0..300 cm (the coil begins at 295)")  # fmt: skip
        for name in ("noise", "punch_through"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    "not a probability", field=name, value=getattr(self, name), remedy="give 0..1"
                )


def _chunk(task: tuple[np.random.SeedSequence, int, MuonSettings]) -> MuonSample:
    sequence, n, settings = task
    rng = np.random.default_rng(sequence)
    detector = settings.detector
    if isinstance(detector, Randomised):
        detector = detector.draw(rng)
    pt = settings.pt_min * (settings.pt_max / settings.pt_min) ** rng.random(n)
    eta = rng.uniform(*ETA_RANGE, n) * rng.choice([-1.0, 1.0], n)
    charge = rng.choice(np.array([-1, 1], np.int64), n)
    impact = rng.uniform(-settings.displacement, settings.displacement, n)
    position = np.stack([np.zeros(n), impact, rng.normal(0, VERTEX_Z_SPREAD, n)], axis=1)
    shape = (n, N_LAYERS, SLOTS)
    value, eta_code, quality = (
        np.full(shape, NO_STUB, np.int16),
        np.zeros(shape, np.int16),
        np.zeros(shape, np.int16),
    )
    phi = np.zeros(n)
    noise, punch_through = settings.noise * detector.noise, settings.punch_through * detector.punch_through
    simulate_chunk(rng, pt, eta, charge, position, noise, settings.secondaries, punch_through,
                   detector.numbers, phi, value, eta_code, quality)  # fmt: skip
    order_slots(value, eta_code, quality)
    return MuonSample(value, eta_code, quality, pt, eta, phi, charge.astype(np.int8), impact)


def generate(
    n: int,
    seed: int,
    settings: MuonSettings | None = None,
    *,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> MuonSample:
    """Simulate ``n`` muons. Equal arguments give equal samples for any number of ``processes``.

    ``progress`` is called with the number of muons finished since the last call.

    Raises
    ------
    InputError
        If ``n`` < 1 or ``processes`` < 1.
    """
    if n < 1 or processes < 1:
        raise InputError("must be at least 1", field="n, processes", value=(n, processes))
    sizes = [min(CHUNK, n - start) for start in range(0, n, CHUNK)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    tasks = [(s, size, settings or MuonSettings()) for s, size in zip(seeds, sizes, strict=True)]
    parts: dict[int, MuonSample] = {}
    for number, part in parallel(_chunk, [(task,) for task in tasks], processes):
        parts[number] = part
        if progress:
            progress(len(part))
    return MuonSample.concatenate([parts[number] for number in sorted(parts)])
