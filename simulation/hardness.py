"""How hard a collision is: the largest pTHat of its sub-processes, those of diffractive systems included.

Pythia's ``pTHat`` of a diffractive collision is that of the protons' exchange, a fraction of a GeV, however
hard the partons inside the diffractive system collide. Slices of hard QCD above 15 GeV hold these collisions
too, as parton densities are inclusive: a soft stratum must be cut on what is looked at here, else hard
diffraction is counted twice.
"""

from __future__ import annotations

from typing import Any

import pythia8mc


class HardnessCut(pythia8mc.UserHooks):  # type: ignore[misc]
    """Lets collisions pass whose hardness is in low .. high GeV; Pythia's cross section is that of these.

    Collisions outside are dropped after their first sub-process, which is several times faster than making
    them whole.
    """

    def __init__(self, pythia: Any, low: float, high: float) -> None:
        super().__init__()
        self._pythia, self._low, self._high = pythia, low, high
        self.used = 0
        """How often Pythia asked."""

    # names and signatures are those of Pythia's UserHooks
    def canVetoMPIStep(self) -> bool:
        return True

    def numberVetoMPIStep(self) -> int:
        return 1

    def doVetoMPIStep(self, n: int, event: Any) -> bool:
        info = self._pythia.infoPython()
        hardness = _hardness(info)
        if hardness >= self._high:
            return True
        # of two diffractive systems the second one may still be hard
        first_of_two = info.isDiffractiveA() and info.isDiffractiveB() and info.pTHat(2) == 0
        return hardness < self._low and not first_of_two

    def canVetoPartonLevel(self) -> bool:
        return True

    def doVetoPartonLevel(self, event: Any) -> bool:
        self.used += 1
        # light diffractive systems have no sub-process: no step was seen
        return not self._low <= _hardness(self._pythia.infoPython()) < self._high


def _hardness(info: Any) -> float:
    systems = [float(info.pTHat(system)) for system in (1, 2, 3)]
    return max(*systems, float(info.pTHat()) if info.isNonDiffractive() else 0.0)
