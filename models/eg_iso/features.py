"""Features of an e/gamma candidate: energies around it and the shape of the electromagnetic core.

All are codes of 0.5 GeV but the counts (``towers``, ``ntt``) and |eta| (towers of 0.0435).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from l1forge.models.trees.samples import SCALARS

NAMES = (
    *SCALARS,
    "abs_eta",
    "em_centre",
    "had_centre",
    "em_before",
    "em_after",
    "em_inner",
    "em_outer",
    "had_window",
)


def features(columns: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Integers of shape (n, len(NAMES)) from the columns of ``l1forge.models.trees.samples.read``."""
    em, had = columns["em_towers"].astype(np.int64), columns["had_towers"].astype(np.int64)
    parts = [columns[name].astype(np.int64) for name in SCALARS]
    parts.append(np.abs(columns["eta"]).astype(np.int64))
    parts += [em[:, 2, 4], had[:, 2, 4], em[:, 2, 3], em[:, 2, 5]]
    parts += [em[:, 1, 3:6].sum(1), em[:, 3, 3:6].sum(1), had.sum(axis=(1, 2))]
    return np.stack(parts, axis=1)
