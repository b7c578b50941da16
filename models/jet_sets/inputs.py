"""The inputs of the graphs: codes of the leading constituents of jets, and the record of a training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models.jet_sets.shapes import SHAPES
from l1forge.simulation.jets.sample import Jets

NAMES = ("pt", "eta", "phi")
"""The graph's inputs."""


def codes(jets: Jets, slots: int) -> dict[str, NDArray[np.int64]]:
    """The graph's inputs ``pt``, ``eta``, ``phi``, (n, slots) each.

    Raises
    ------
    InputError
        If the jets have no constituents, or not so many slots.
    """
    columns = np.moveaxis(jets.constituents(slots).astype(np.int64), 2, 0)
    return dict(zip(NAMES, columns, strict=True))


def rows(jets: Jets, slots: int) -> NDArray[np.int64]:
    """The same as one table (n, 3 slots): all of ``pt``, then ``eta``, then ``phi``."""
    return np.concatenate(list(codes(jets, slots).values()), axis=1)


def trained_inputs(name: str, jets: Jets) -> TrainedInputs:
    """The record of the inputs of ``jets``, which trained the network ``name``."""
    slots = SHAPES[name].constituents
    columns = [f"{field}_{i}" for field in NAMES for i in range(slots)]
    return TrainedInputs.of(name, "simulated jets", columns, rows(jets, slots))
