"""What is added to a zero-bias stream: signal at a cross-section, noise in crossings without collisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import CALO_PHI_BINS, COLUMNS, Events
from l1forge.emulator.lhc import ORBIT, FillingScheme
from l1forge.emulator.stream.philox import WORDS, uniforms_below

ETA_CODES = 115
"""Jets lie at abs(eta) < 5."""


class OrbitRandom:
    """Random numbers of every orbit, independent of those of all others, whatever is asked for first."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(key=seed))
        self._start = self._generator.bit_generator.state

    def of(self, orbit: int, drawn: int = 0) -> np.random.Generator:
        """The generator of one orbit, until the next is asked for: making one takes ten times longer.

        ``drawn``: numbers of 64 bits, a multiple of four, that it is to have given already.
        """
        self._start["state"]["counter"][0] = drawn // WORDS
        self._start["state"]["counter"][3] = orbit
        self._generator.bit_generator.state = self._start
        return self._generator

    def below(self, probability: float, orbits: range, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where ``of(orbit).random(ORBIT) < probability``, among the ``wanted`` crossings of each orbit.

        Counted from the start of the first orbit, in order.
        """
        return uniforms_below(self._start["state"]["key"], orbits, wanted, probability)


def probability(cross_section: float, luminosity: float, scheme: FillingScheme) -> float:
    """Signal events per colliding crossing: cross-section (pb) times luminosity (1/cm^2/s) over the rate.

    Raises
    ------
    InputError
        If it is not between 0 and 1.
    """
    value = cross_section * 1e-36 * luminosity / scheme.collision_rate
    if not 0 <= value <= 1:
        raise InputError(
            "must give 0 to 1 signal events per crossing",
            field="cross-section",
            value=f"{cross_section:g} pb at {luminosity:g} /cm2/s",
            remedy=f"it gives {value:g}",
        )
    return value


@dataclass(frozen=True)
class Injection:
    """Signal ``events`` (with their own pile-up) that replace a collision with ``probability``."""

    events: Events
    probability: float

    def draw(
        self, scheme: FillingScheme, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Crossings of one orbit that get signal, and the number of the event for each."""
        at = np.flatnonzero(rng.random(scheme.colliding.size) < self.probability)
        at = at[scheme.colliding[at]]
        return at, rng.integers(self.events.n, size=at.size)


@dataclass(frozen=True)
class Noise:
    """In crossings without collisions, one calorimeter jet with ``probability``.

    Its et is exponential with ``mean`` counts of 0.5 GeV, eta uniform over the jet range, phi uniform; a
    stand-in for noisy towers and beam background.
    """

    probability: float = 1e-3
    mean: float = 10.0

    def draw(
        self, scheme: FillingScheme, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int16]]]:
        """Crossings of one orbit that get noise, and the leading jet's columns there."""
        at = np.flatnonzero(rng.random(scheme.colliding.size) < self.probability)
        at = at[~scheme.colliding[at]]
        return at, self._columns([self._values(at.size, rng)])

    def draw_first(
        self, scheme: FillingScheme, random: OrbitRandom, orbits: range
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int16]]]:
        """``draw`` of many orbits from which nothing was drawn before, counted from the first one's start.

        The same numbers, but only those of crossings without collisions are made.
        """
        at = random.below(self.probability, orbits, ~scheme.colliding)
        sizes = np.bincount(at // ORBIT, minlength=len(orbits)).tolist()
        drawn = [
            self._values(size, random.of(orbit, ORBIT))
            for orbit, size in zip(orbits, sizes, strict=True)
            if size
        ]
        return at, self._columns(drawn)

    def _values(self, size: int, rng: np.random.Generator) -> tuple[NDArray[Any], ...]:
        """et above one count, eta and phi of ``size`` jets."""
        return (
            rng.exponential(self.mean, size),
            rng.integers(-ETA_CODES, ETA_CODES, size),
            rng.integers(0, CALO_PHI_BINS, size),
        )

    def _columns(self, drawn: list[tuple[NDArray[Any], ...]]) -> dict[str, NDArray[np.int16]]:
        et, eta, phi = (np.concatenate([np.empty(0), *(v[i] for v in drawn)]) for i in range(3))
        et = np.minimum(1 + et, COLUMNS["jet.et"][1].maximum)
        return {f"jet.{name}": v.astype(np.int16) for name, v in (("et", et), ("eta", eta), ("phi", phi))}
