"""What a network sees of a constituent: a logarithm of its momentum and its angles to the jet's axis.

The inputs are the codes of the particle-flow layer (``simulation.jets``): pT in 0.25 GeV, angles in pi/720. A
constituent is there if its pT code is not 0; what an empty slot holds as angles changes nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, cast

Array = NDArray[np.int64]

PT = FixedType.parse("ufixed<14,12>")
"""Up to 4 TeV in 0.25 GeV."""
ANGLE = FixedType.parse("fixed<10,10>")
"""Codes of pi/720, +- 2.2."""
COARSE_PT = FixedType.parse("ufixed<10,10,RND,SAT>")
"""pT in GeV that addresses the table."""
ANGLE_SHIFT = 8
"""An angle enters the network as ``code / 2**8``: 1 is 64 degrees."""
SHORT_ANGLE = FixedType.parse("fixed<8,1,RND_CONV,SAT_SYM>")
"""Rounded to two codes of pi/720, +- 1.1: the jet's radius is 0.8."""
FEATURE = FixedType.parse("fixed<8,1>")
"""The three numbers that enter the first layer, all in 1/128."""
TOP_OF_LOG = 127
"""Code of the largest pT in the table."""


def log_table() -> Array:
    """Entry k, of 1024: ``127 log(1 + k) / log(1024)``, the logarithm of k GeV as the network sees it."""
    size = 1 << COARSE_PT.width
    return np.rint(TOP_OF_LOG * np.log1p(np.arange(size)) / np.log(size)).astype(np.int64)


def features(pt: Array, eta: Array, phi: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (n, slots, 3) and presence (n, slots), 1 or 0, of codes (n, slots) each, as in the circuit."""
    coarse = cast(pt.astype(np.int64), PT.fraction, COARSE_PT)
    angles = [cast(a.astype(np.int64), ANGLE.fraction + ANGLE_SHIFT, SHORT_ANGLE) for a in (eta, phi)]
    codes = np.stack([log_table()[coarse], *angles], axis=-1)
    return (codes * FEATURE.lsb).astype(np.float32), (pt > 0).astype(np.float32)
