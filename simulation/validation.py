"""Seeds whose rates CMS has published for 2e34 cm-2 s-1 (Run 2), counted on the simulated zero bias.

2748 colliding bunches with 52 collisions each make 2e34 cm-2 s-1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import CALO_ETA_LSB, MUON_ETA_LSB, Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY

Mask = NDArray[np.bool_]
Values = NDArray[Any]


def _within(events: Events, kind: str, eta: float) -> Mask:
    lsb = MUON_ETA_LSB if kind == "mu" else CALO_ETA_LSB
    centre = (events[f"{kind}.eta"] + (0.0 if kind == "mu" else 0.5)) * lsb
    return np.abs(centre) < eta


def leading(events: Events, kind: str, rank: int, eta: float = 9.0, accept: Mask | None = None) -> Values:
    """The ``rank``-th largest et (0 = largest) in GeV among accepted objects, float64 (n,)."""
    et = np.maximum(events["mu.pt"] - 1, 0) * 0.5 if kind == "mu" else events[f"{kind}.et"] * 0.5
    keep = _within(events, kind, eta) if accept is None else _within(events, kind, eta) & accept
    return -np.sort(-np.where(keep, et, 0.0), axis=0)[rank]


def _muons(events: Events, *thresholds: float, quality: int = 12) -> Mask:
    good = events["mu.qual"] >= quality
    return _all(leading(events, "mu", i, accept=good) >= pt for i, pt in enumerate(thresholds))


def _group(events: Events, kind: str, eta: float, *thresholds: float, accept: Mask | None = None) -> Mask:
    return _all(leading(events, kind, i, eta, accept) >= et for i, et in enumerate(thresholds))


def _all(masks: Iterable[Mask]) -> Mask:
    result: Mask = np.logical_and.reduce(list(masks))
    return result


def _sum(events: Events, name: str, threshold: float) -> Mask:
    return events[f"{name}.et"][0] * 0.5 >= threshold


def _heavy_dijet(events: Events) -> Mask:
    """Leading jet over 110 GeV and any pair over 35 GeV with mass above 620 GeV."""
    et, eta, phi = (events[f"jet.{name}"].astype(float) for name in ("et", "eta", "phi"))
    et, eta, phi = et * 0.5, (eta + 0.5) * CALO_ETA_LSB, phi * 2 * np.pi / 144
    result = np.zeros(events.n, bool)
    for i in range(4):
        for j in range(i + 1, 8):
            mass2 = 2 * et[i] * et[j] * (np.cosh(eta[i] - eta[j]) - np.cos(phi[i] - phi[j]))
            result |= (et[j] >= 35) & (mass2 >= 620.0**2)
    return result & (et[0] >= 110)


def _tight(events: Events) -> Mask:
    return (events["eg.iso"] & 1) > 0


def _loose(events: Events) -> Mask:
    return events["eg.iso"] > 0


def _iso_tau(events: Events) -> Mask:
    return events["tau.iso"] > 0


Seed = tuple[float, Callable[[Events], Mask]]
SEEDS: dict[str, Seed] = {
    "SingleMu22": (10.2, lambda e: _muons(e, 22)),
    "SingleMu25": (8.1, lambda e: _muons(e, 25)),
    "DoubleMu_15_7": (0.8, lambda e: _muons(e, 15, 7, quality=8)),
    "TripleMu_5_3_3": (1.3, lambda e: _muons(e, 5, 3, 3, quality=8)),
    "SingleEG36er2p5": (14.5, lambda e: _group(e, "eg", 2.5, 36)),
    "SingleEG60": (3.9, lambda e: _group(e, "eg", 9, 60)),
    "SingleIsoEG28er2p5": (22.7, lambda e: _group(e, "eg", 2.5, 28, accept=_tight(e))),
    "DoubleEG_25_12er2p5": (4.2, lambda e: _group(e, "eg", 2.5, 25, 12)),
    "LooseIsoEG28er2p1_HTT100": (
        10.3,
        lambda e: _group(e, "eg", 2.1, 28, accept=_loose(e)) & _sum(e, "htt", 100),
    ),
    "Mu20_EG10er2p5": (1.9, lambda e: _muons(e, 20) & _group(e, "eg", 2.5, 10)),
    "Mu7_EG23er2p5": (0.8, lambda e: _muons(e, 7) & _group(e, "eg", 2.5, 23)),
    "Mu6_HTT240er": (1.1, lambda e: _muons(e, 6) & _sum(e, "htt", 240)),
    "DoubleIsoTau32er2p1": (14.0, lambda e: _group(e, "tau", 2.1, 32, 32, accept=_iso_tau(e))),
    "DoubleIsoTau34er2p1": (12.1, lambda e: _group(e, "tau", 2.1, 34, 34, accept=_iso_tau(e))),
    "Mu18er2p1_Tau24er2p1": (
        4.8,
        lambda e: (leading(e, "mu", 0, 2.1, e["mu.qual"] >= 12) >= 18) & _group(e, "tau", 2.1, 24),
    ),
    "SingleJet180": (3.2, lambda e: _group(e, "jet", 9, 180)),
    "SingleJet200": (2.3, lambda e: _group(e, "jet", 9, 200)),
    "DoubleJet150er2p5": (1.0, lambda e: _group(e, "jet", 2.5, 150, 150)),
    "TripleJet_100_80_70": (2.6, lambda e: _group(e, "jet", 2.5, 100, 80, 70)),
    "DoubleJet_110_35_Mass620": (4.5, _heavy_dijet),
    "HTT320er_QuadJet_70_55_40_40": (
        2.4,
        lambda e: _sum(e, "htt", 320) & _group(e, "jet", 2.5, 70, 55, 40, 40),
    ),
    "HTT360er": (3.5, lambda e: _sum(e, "htt", 360)),
    "HTT450er": (2.1, lambda e: _sum(e, "htt", 450)),
    "ETMHF100": (3.4, lambda e: _sum(e, "etmhf", 100)),
    "ETMHF120": (1.9, lambda e: _sum(e, "etmhf", 120)),
}
"""Seed -> published rate (kHz) and condition."""


@dataclass(frozen=True)
class SeedRate:
    """Rates in kHz; ``error`` is binomial."""

    seed: str
    passed: int
    rate: float
    error: float
    published: float

    @property
    def ratio(self) -> float:
        return self.rate / self.published


def seed_rates(
    blocks: Iterable[Events], bunches: int = COLLIDING_BUNCHES
) -> tuple[list[SeedRate], SeedRate, int]:
    """Rate of each seed, of their OR (published: the full menu, 82 kHz), and the number of crossings."""
    passed = dict.fromkeys([*SEEDS, "OR"], 0)
    n = 0
    for block in blocks:
        union = np.zeros(block.n, bool)
        for name, (_, condition) in SEEDS.items():
            mask = condition(block)
            passed[name] += int(mask.sum())
            union |= mask
        passed["OR"] += int(union.sum())
        n += block.n

    def rate(name: str, published: float) -> SeedRate:
        k, scale = passed[name], ORBIT_FREQUENCY * bunches / 1e3
        return SeedRate(name, k, k / n * scale, float(np.sqrt(k * (1 - k / n)) / n * scale), published)

    return [rate(name, published) for name, (published, _) in SEEDS.items()], rate("OR", 82.0), n


def as_rows(rates: list[SeedRate]) -> list[dict[str, float | int | str]]:
    """For JSON."""
    return [{**asdict(rate), "ratio": rate.ratio} for rate in rates]
