"""The rate behind the trigger rules that a FinOR rate leads to, for accepts that come at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l1forge.emulator.lhc import ORBIT, ORBIT_FREQUENCY, FillingScheme
from l1forge.emulator.path.trigger_control import TriggerControl

ORBITS, BATCHES = 2000, 10


@dataclass(frozen=True)
class AfterRules:
    """``part`` of the requests that is accepted, its standard deviation ``error``, the rate ``khz`` left."""

    part: float
    error: float
    khz: float


def after_rules(khz: float, scheme: FillingScheme, seed: int = 1) -> AfterRules:
    """Send random requests of a rate through the trigger rules.

    Parameters
    ----------
    khz
        FinOR rate. Requests are independent of each other and equally likely in every colliding crossing; if
        there are more than colliding crossings, in every crossing.
    scheme
        Says where the collisions are: rules bite more in a train than in a uniform orbit.
    seed
        Of the 2000 orbits that are drawn.
    """
    places = np.flatnonzero(scheme.colliding)
    chance = khz * 1e3 / (places.size * ORBIT_FREQUENCY)
    if chance > 1:
        places, chance = np.arange(ORBIT), min(khz * 1e3 / (ORBIT * ORBIT_FREQUENCY), 1.0)
    if khz <= 0:
        return AfterRules(1.0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    control = TriggerControl()
    parts = []
    for _ in range(BATCHES):
        request = np.zeros((ORBITS // BATCHES, ORBIT), bool)
        request[:, places] = rng.random((ORBITS // BATCHES, places.size)) < chance
        accepted = control(request.ravel())
        if request.any():
            parts.append((int(accepted.sum()), int(request.sum())))
    if not parts:
        return AfterRules(1.0, 0.0, khz)
    whole = sum(part for part, _ in parts) / sum(n for _, n in parts)
    spread = np.std([part / n for part, n in parts], ddof=1) / np.sqrt(len(parts)) if len(parts) > 1 else 0.0
    return AfterRules(whole, float(spread), khz * whole)
