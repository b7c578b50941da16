"""Features of a tau candidate: sums that the cluster finder has, and the towers of its core.

All are codes of 0.5 GeV but the counts (``towers``, ``ntt``) and |eta| (towers of 0.0435).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from l1forge.models.trees.samples import SCALARS

CORE = tuple((eta, phi) for eta in (1, 2, 3) for phi in (2, 3, 4, 5, 6))
NAMES = (*SCALARS, "abs_eta", *(f"tower_{eta}_{phi}" for eta, phi in CORE), "em_centre", "had_centre")


def features(columns: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Integers of shape (n, len(NAMES)) from the columns of ``l1forge.models.trees.samples.read``."""
    energy = columns["em_towers"] + columns["had_towers"]
    parts = [columns[name] for name in SCALARS]
    parts.append(np.abs(columns["eta"]))
    parts += [energy[:, eta, phi] for eta, phi in CORE]
    parts += [columns["em_towers"][:, 2, 4], columns["had_towers"][:, 2, 4]]
    return np.stack(parts, axis=1)
