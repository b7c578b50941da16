"""What Pythia is asked to generate: inclusive collisions in strata of hardness, and signals."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from l1forge.emulator.errors import InputError

BEAM = ("Beams:eCM=13600.",)
SOFT_VETO = 15.0  # GeV: the soft pool stops where the first HardQCD slice begins


@dataclass(frozen=True)
class Process:
    """Pythia settings of one process.

    ``veto`` drops events with pTHat above it (GeV), so that the strata do not overlap. ``gen_jets``
    clusters generator jets (for the jet calibration). ``k_factor`` multiplies Pythia's leading-order cross
    section. ``hardness``: range of the hardest sub-process in GeV (``simulation.hardness``), and ``bright``:
    only collisions that are bright, or only others (``simulation.brightness``). ``part``: collisions per file
    of a pool; small where they take long.
    """

    title: str
    settings: tuple[str, ...]
    veto: float | None = None
    k_factor: float = 1.0
    gen_jets: bool = field(default=False)
    hardness: tuple[float, float] | None = None
    bright: bool | None = None
    part: int = 1000


def _slice(low: float, high: float) -> Process:
    cuts = ["HardQCD:all=on", f"PhaseSpace:pTHatMin={low}"]
    cuts += [f"PhaseSpace:pTHatMax={high}"] if high > 0 else []
    return Process(f"QCD 2→2, pTHat {low:g}–{high if high > 0 else '∞'} GeV", tuple(cuts), gen_jets=True)


_LEPTONIC_W = ("24:onMode=off", "24:onIfAny=11 13 15")
_GLUON_H = "HiggsSM:gg2H=on"

STRATA: dict[str, Process] = {
    "soft": Process("inelastic collisions, pTHat < 15 GeV", ("SoftQCD:inelastic=on",), veto=SOFT_VETO),
    "qcd15": _slice(15, 30),
    "qcd30": _slice(30, 50),
    "qcd50": _slice(50, 80),
    "qcd80": _slice(80, 120),
    "qcd120": _slice(120, 170),
    "qcd170": _slice(170, 300),
    "qcd300": _slice(300, -1),
    "w": Process("W→ℓν", ("WeakSingleBoson:ffbar2W=on", *_LEPTONIC_W), k_factor=1.3),
    "dy": Process(
        "γ*/Z→ℓℓ, m > 10 GeV",
        ("WeakSingleBoson:ffbar2gmZ=on", "23:onMode=off", "23:onIfAny=11 13 15", "PhaseSpace:mHatMin=10"),
        k_factor=1.2,
    ),
}
"""Together all inelastic collisions; each is drawn Poisson(mu sigma_i / sigma_inelastic) times."""

_SOFT = ("SoftQCD:inelastic=on",)
BRIGHT_EDGE = 8.0
"""GeV: bright collisions above it are made many more of, as softer ones can be dropped early."""
_EDGES = (15, 20, 25, 30, 40, 50, 65, 80, 120, 170, 300, -1)
FINE_STRATA: dict[str, Process] = {
    "quiet": Process(
        "soft collisions without bright ones", _SOFT, hardness=(0, SOFT_VETO), bright=False, part=5000
    ),
    "bright0to8": Process(
        "bright soft collisions below 8 GeV", _SOFT, hardness=(0, BRIGHT_EDGE), bright=True, part=50
    ),
    "bright8to15": Process(
        "bright soft collisions, 8–15 GeV", _SOFT, hardness=(BRIGHT_EDGE, SOFT_VETO), bright=True, part=150
    ),
    **{f"qcd{low}to{high if high > 0 else 'inf'}": _slice(low, high) for low, high in pairwise(_EDGES)},
    "w": STRATA["w"],
    "dy": STRATA["dy"],
}
"""The same collisions in narrower slices, soft to hard, for the weighted sample.

The hardest stratum of a crossing is its class (``mixing.classes``); narrow slices keep the weight of a
class, and the number of times that one generated collision is used, near to what its tail needs.
"""

SIGNALS: dict[str, Process] = {
    "ttbar": Process("tt̄", ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on")),
    "zmumu": Process(
        "Z→µµ",
        ("WeakSingleBoson:ffbar2gmZ=on", "23:onMode=off", "23:onIfAny=13", "PhaseSpace:mHatMin=50"),
    ),
    "vbf_htautau": Process(
        "qq→qqH(125)→qqττ, vector-boson fusion",
        (
            *("HiggsSM:ff2Hff(t:WW)=on", "HiggsSM:ff2Hff(t:ZZ)=on", "25:onMode=off"),
            "25:onIfMatch=15 -15",
        ),
    ),
    "htautau": Process("gg→H(125)→ττ", (_GLUON_H, "25:onMode=off", "25:onIfMatch=15 -15")),
    "A4l": Process(
        "A(50)→4ℓ through two 15 GeV dilepton resonances",
        (
            *(_GLUON_H, "25:m0=50.", "25:mMin=49", "25:mMax=51", "25:onMode=off"),
            *("25:addChannel=1 1. 100 35 35", "35:m0=15.", "35:mWidth=0.001", "35:mMin=10", "35:mMax=20"),
            *("35:onMode=off", "35:addChannel=1 0.5 100 13 -13", "35:addChannel=1 0.5 100 11 -11"),
            "Higgs:useBSM=off",
        ),
    ),
    "LQ_btau": Process(
        "pair of leptoquarks(80)→bτ",
        (
            *("LeptoQuark:gg2LQLQbar=on", "LeptoQuark:qqbar2LQLQbar=on", "42:m0=80.", "42:mMin=60"),
            *("42:mMax=100", "42:onMode=off", "42:addChannel=1 1. 0 5 15"),
        ),
    ),
    "h_tautau": Process(
        "scalar h(60)→ττ",
        (_GLUON_H, "25:m0=60.", "25:mMin=59", "25:mMax=61", "25:onMode=off", "25:onIfMatch=15 -15"),
    ),
    "Hp_taunu": Process(
        "H±(60)→τν, no associated top",
        (
            *("HiggsBSM:ffbar2H+-=on", "Higgs:useBSM=on", "37:m0=60.", "37:mMin=50", "37:mMax=70"),
            *("37:onMode=off", "37:onIfMatch=15 16"),
        ),
    ),
    "h_aa4b": Process(
        "h(125)→aa→4b, m(a) = 15 GeV",
        (
            *(_GLUON_H, "25:onMode=off", "25:addChannel=1 1. 100 36 36", "36:m0=15.", "36:mWidth=0.001"),
            *("36:mMin=14", "36:mMax=16", "36:onMode=off", "36:addChannel=1 1. 100 5 -5"),
        ),
    ),
    "dy": STRATA["dy"],
    "wlnu": STRATA["w"],
}

ZERO_BIAS = "zerobias"


def process(name: str) -> Process:
    """The process of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = {**STRATA, **FINE_STRATA, **SIGNALS}
    if name not in known:
        raise InputError(
            "unknown process",
            field="process",
            value=name,
            remedy=f"use one of {ZERO_BIAS}, {', '.join(SIGNALS)}",
        )
    return known[name]
