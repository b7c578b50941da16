"""Types of the arrays that the kernels of a menu take. The element types are part of the exactness.

``Integers`` (tables of the plan, momenta, measures) are in ``plan``; Numba compiles for the types that it is
given, so that another element type would be another kernel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Fields = NDArray[np.int16]
"""Columns of events, one row a slot."""
Masks = NDArray[np.uint16]
"""One bit a slot, for each crossing."""
Flags = NDArray[np.uint8]
"""0 or 1 for each crossing."""
Words = NDArray[np.uint64]
"""64 algorithm or external bits of each crossing."""
Row = Fields | Masks | Words | NDArray[np.int64]
"""What is read by address: int16 fields, uint64 externals, int64 scores."""
