"""The overlap-muon network inside `l1forge path`: stubs for the stream's muons, momentum from the network.

Event files hold muons, not the stubs they came from. Each muon in the overlap region therefore takes the
stubs of a simulated muon whose true pT lies in the bin of its own pT code, chosen by its direction, so that
the network sees what it would see and the result does not depend on threads or block size.
"""

from __future__ import annotations

import numpy as np

from l1forge.emulator.events.objects import COLUMNS, MUON_ETA_LSB, Events
from l1forge.models.muon_pt.features import muon_features
from l1forge.models.muon_pt.momentum import muons_from_logits
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.simulation.muons.generate import ETA_RANGE, MuonSettings, generate

NAME = "muon_pt"
MINIMUM_ROWS = 2
"""More than two overlap muons are rare; a constant number lets the menu keep its plan."""
POOL = 20_000
SEED = 1
OVERLAP = (int(ETA_RANGE[0] / MUON_ETA_LSB) + 1, int(ETA_RANGE[1] / MUON_ETA_LSB))
"""abs(eta) codes of the overlap region, both included."""


def _overlap(pt: np.ndarray, eta: np.ndarray, low: int, high: int) -> tuple[np.ndarray, ...]:
    """Slot, event and place (counted within the event) of every muon with ``low <= abs(eta) <= high``."""
    found = np.zeros(pt.shape[1], np.uint8)
    slots, events, places = [], [], []
    for slot in range(len(pt)):
        event = np.flatnonzero(pt[slot] != 0)
        direction = np.abs(eta[slot, event])
        event = event[(low <= direction) & (direction <= high)]
        slots.append(np.full(event.size, slot))
        events.append(event)
        places.append(found[event].astype(np.int64))
        found[event] += 1
    return np.concatenate(slots), np.concatenate(events), np.concatenate(places)


class MuonStage:
    """Scores ``muon_pt.pt`` (code), ``.charge`` and ``.quality`` of the overlap muons of each crossing.

    int16, one row per muon; rows beyond the muons that a crossing has are 0.
    """

    columns = ("mu.pt", "mu.eta", "mu.phi")

    def __init__(self, network: MuonNetwork, scores: tuple[str, ...]) -> None:
        self._network, self._scores = network, scores
        settings = MuonSettings()
        sample = generate(POOL, SEED, settings)
        order = np.argsort(sample.pt, kind="stable")
        self._features, self._layers = muon_features(
            sample.value[order], sample.eta[order], sample.quality[order]
        )
        lsb = COLUMNS["mu.pt"][1].lsb
        codes = np.floor(sample.pt[order] / lsb).astype(np.int64) + 1
        every = np.arange(COLUMNS["mu.pt"][1].maximum + 2)
        self._first = np.minimum(np.searchsorted(codes, every), POOL - 1)

    def __call__(self, events: Events) -> dict[str, np.ndarray]:
        """Network results for every overlap muon of the block."""
        pt, eta, phi = (events[name] for name in self.columns)
        slot, event, place = _overlap(pt, eta, *OVERLAP)
        rows = max(MINIMUM_ROWS, int(place.max(initial=0)) + 1)
        chosen = self._stubs(pt[slot, event], eta[slot, event], phi[slot, event])
        muons = muons_from_logits(
            self._network.logits(self._features[chosen], 1), self._layers[chosen], self._network.calibration
        )
        results = {}
        for score in self._scores:
            out = np.zeros((rows, events.n), np.int16)
            out[place, event] = getattr(muons, score.partition(".")[2])
            results[score] = out
        return results

    def _stubs(self, pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> np.ndarray:
        first, last = self._first[pt], self._first[pt.astype(np.int64) + 1]
        mixed = phi.astype(np.int64) * 2654435761 + eta.astype(np.int64) * 40503
        return first + mixed % np.maximum(last - first, 1)
