"""What Pythia generates for each class of jets, and which hard particle the class is told from."""

from __future__ import annotations

BEAM = ("Beams:eCM=13000.", "PhaseSpace:pTHatMin=950.", "PhaseSpace:pTHatMax=1050.")
"""As in the published study: pairs at 1 TeV in collisions of 13 TeV (its window is 1 %, ours 5 %)."""

_W, _Z = (("24:onMode=off", "24:onIfAny=1 2 3 4 5"), ("23:onMode=off", "23:onIfAny=1 2 3 4 5"))

SETTINGS: dict[str, tuple[str, ...]] = {
    "g": ("HardQCD:gg2gg=on", "HardQCD:qqbar2gg=on"),
    "q": ("HardQCD:gg2qqbar=on", "HardQCD:qq2qq=on", "HardQCD:qqbar2qqbarNew=on"),
    "w": ("WeakDoubleBoson:ffbar2WW=on", *_W),
    "z": ("WeakDoubleBoson:ffbar2gmZgmZ=on", "WeakZ0:gmZmode=2", *_Z),
    "t": ("Top:gg2ttbar=on", "Top:qqbar2ttbar=on", *_W),
}
"""Class -> settings; W and Z decay to quarks."""

ORIGIN = {"g": (21,), "q": (1, 2, 3, 4, 5), "w": (24,), "z": (23,), "t": (6,)}
"""Class -> |PDG codes| of the particles of the hard process that the jet must lie at."""
