"""How rare the contents of a crossing are: which of them a weighted sample keeps.

A crossing is as rare as the rarest of its quantities: the fraction of plain crossings in which that quantity
is at least as large. Tails of all kinds of triggers (leading objects, pairs, sums, products of two objects)
are then kept whole. Any function of the contents would leave the weighted rates right; this one gives rates
of menus small errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_ETA_LSB, CALO_PHI_BINS, Events

PLAIN_PART = 3e-4
"""Crossings that are at least as rare as this are all kept: 9 kHz of 30.9 MHz for each quantity."""
LEVELS = 9
"""Of the crossings of level l one in 2^l is kept."""
JETS_IN_MASS = 6


@dataclass(frozen=True)
class Rarity:
    """``sorted_values``: (quantities, n) values of plain crossings in ascending order."""

    sorted_values: NDArray[np.float32]

    @staticmethod
    def of(events: Events) -> Rarity:
        """The rarity as plain crossings have it."""
        return Rarity(np.sort(quantities(events), axis=1))

    def levels(self, events: Events) -> NDArray[np.uint8]:
        """Level of every crossing, (n,): 0 up to PLAIN_PART, then twice the binary logarithm of the ratio.

        The number of crossings doubles from one rarity to half of it, the kept part falls by four: of the
        kept ones about half are rare.
        """
        values = quantities(events)
        n = self.sorted_values.shape[1]
        rarest = np.ones(events.n)
        for known, row in zip(self.sorted_values, values, strict=True):
            rarest = np.minimum(rarest, (n - np.searchsorted(known, row, side="left")) / n)
        steps = np.ceil(2 * np.log2(np.maximum(rarest, 1e-12) / PLAIN_PART))
        found: NDArray[np.uint8] = np.clip(steps, 0, LEVELS - 1).astype(np.uint8)
        return found


def quantities(events: Events) -> NDArray[np.float32]:
    """What rarity looks at, (quantities, n): energies in hardware codes, their products, a squared mass."""
    muon = np.where(events["mu.qual"] >= 8, events["mu.pt"], 0)
    muon = -np.sort(-muon, axis=0)
    eg, tau, jet = events["eg.et"], events["tau.et"], events["jet.et"]
    iso_eg = -np.sort(-np.where(events["eg.iso"] > 0, eg, 0), axis=0)
    iso_tau = -np.sort(-np.where(events["tau.iso"] > 0, tau, 0), axis=0)
    htt, etmhf = events["htt.et"][0], events["etmhf.et"][0]
    single = [
        *(muon[0], muon[1], muon[2], eg[0], eg[1], eg[2], iso_eg[0], iso_eg[1], tau[0], tau[1]),
        *(iso_tau[0], iso_tau[1], jet[0], jet[1], jet[2], jet[3], jet[5]),
        *(htt, events["htt.towercount"][0], events["ett.et"][0], events["etm.et"][0], etmhf),
        *(events["htm.et"][0], events["htmhf.et"][0]),
    ]
    # pairs of unlike objects: a product is rare where both are high
    pairs = [
        *((muon[0], eg[0]), (muon[0], eg[1]), (muon[0], iso_tau[0]), (muon[0], jet[0]), (muon[0], htt)),
        *((muon[0], etmhf), (muon[1], eg[0]), (muon[1], htt)),
        *((iso_eg[0], iso_tau[0]), (iso_eg[0], htt), (iso_eg[0], jet[1])),
        *((iso_tau[0], etmhf), (iso_tau[1], jet[0]), (jet[0], etmhf), (htt, etmhf), (htt, jet[3])),
    ]
    products = [first.astype(np.float32) * second for first, second in pairs]
    mass = _largest_mass(events)
    return np.stack([*single, *products, mass, mass * muon[0], mass * iso_eg[0], mass * iso_tau[0]]).astype(
        np.float32
    )


def _largest_mass(events: Events) -> NDArray[np.float32]:
    """The largest squared mass of two of the leading jets, in squared codes, float32 (n,)."""
    et = events["jet.et"][:JETS_IN_MASS].astype(np.float32)
    eta = events["jet.eta"][:JETS_IN_MASS].astype(np.float32) * np.float32(CALO_ETA_LSB)
    phi = events["jet.phi"][:JETS_IN_MASS].astype(np.float32) * np.float32(2 * np.pi / CALO_PHI_BINS)
    largest = np.zeros(events.n, np.float32)
    for i in range(JETS_IN_MASS):
        for j in range(i + 1, JETS_IN_MASS):
            square = 2 * et[i] * et[j] * (np.cosh(eta[i] - eta[j]) - np.cos(phi[i] - phi[j]))
            np.maximum(largest, square, out=largest)
    return largest
