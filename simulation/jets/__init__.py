"""Jets of five classes (gluon, quark, W, Z, top) at about 1 TeV, for jet taggers.

Format of the sample, one row per jet in a parquet file (``sample.FILE``):

=====================  =========  ==================================================================
column                 type       meaning
=====================  =========  ==================================================================
``class``              uint8      index into ``CLASSES``
``event``              int32      number of the collision; its two leading jets share it
``jet_pt``, ``jet_eta``  float32  of the whole jet, GeV and pseudorapidity
``n_constituents``     uint16     constituents of the whole jet; those beyond the slots are left out
16 names of FEATURES   float32    substructure, rounded to 11 significant bits
``pt_0`` .. ``pt_31``  uint16     constituent's pT in units of 0.25 GeV, falling; 0: empty slot
``eta_0`` .. ``eta_31``  int16    eta relative to the jet's axis in units of pi/720; 0 in empty slots
``phi_0`` .. ``phi_31``  int16    phi relative to the jet's axis in units of pi/720; 0 in empty slots
=====================  =========  ==================================================================

``read(path).part("train")`` is what a training sees: 60 % of the events train, 20 % validate, 20 % test, by
``event % 10`` (``PARTS``), so that no collision is in two parts. ``read`` takes the public files, too.
"""

CLASSES = ("g", "q", "w", "z", "t")
"""Gluon, light or heavy quark, W to two quarks, Z to two quarks, top to three quarks."""

FEATURES = (
    "zlogz",
    "c1_b0_mmdt",
    "c1_b1_mmdt",
    "c1_b2_mmdt",
    "c2_b1_mmdt",
    "c2_b2_mmdt",
    "d2_b1_mmdt",
    "d2_b2_mmdt",
    "d2_a1_b1_mmdt",
    "d2_a1_b2_mmdt",
    "m2_b1_mmdt",
    "m2_b2_mmdt",
    "n2_b1_mmdt",
    "n2_b2_mmdt",
    "mass_mmdt",
    "multiplicity",
)
"""The 16 quantities of the published study, in its order (Duarte et al., arXiv:1804.06913)."""

SLOTS = 32
"""Constituents that are kept, the hardest first."""
PT_UNIT = 0.25
"""GeV of a constituent's pT code."""
ANGLE_UNIT = 0.004363323129985824  # pi / 720
"""Radians of a constituent's eta and phi codes, as in the particle-flow layer of the level-1 trigger."""

PARTS = {"train": range(0, 6), "validation": range(6, 8), "test": range(8, 10)}
"""Part of the sample -> values of ``event % 10``."""
