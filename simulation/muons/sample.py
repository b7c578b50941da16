"""Muon candidates in memory: stub codes as the processor sees them, and the generated truth."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from l1forge.simulation.muons.layers import BENDING, N_LAYERS, NO_STUB, SLOTS

EMPTY_LAST = 1 << 14  # sorts behind every azimuth


@dataclass(frozen=True)
class MuonSample:
    """``n`` candidates. Stub arrays have shape (n, 18, SLOTS) and dtype int16.

    ``value`` holds azimuth bins around the sector centre (bending layers: bending angle in 1/512 rad),
    NO_STUB where the slot is empty; ``eta`` and ``quality`` are 0 there. Truth arrays have shape (n,):
    ``pt`` GeV, ``true_eta``, ``phi`` of the muon at its start relative to the sector centre (rad),
    ``charge`` -1 or +1, ``displacement`` transverse impact parameter (cm). Truth that a file does not
    have is NaN (charge: 0).
    """

    value: np.ndarray
    eta: np.ndarray
    quality: np.ndarray
    pt: np.ndarray
    true_eta: np.ndarray
    phi: np.ndarray
    charge: np.ndarray
    displacement: np.ndarray

    def __post_init__(self) -> None:
        for name in ("value", "eta", "quality"):
            array = getattr(self, name)
            if array.shape != (len(self), N_LAYERS, SLOTS) or array.dtype != np.int16:
                raise ValueError(
                    f"{name}: shape {array.shape} {array.dtype}, expected (n, 18, {SLOTS}) int16"
                )

    def __len__(self) -> int:
        return len(self.pt)

    def select(self, index: slice | np.ndarray) -> MuonSample:
        """The chosen candidates, in the order of ``index``."""
        return MuonSample(*(getattr(self, field.name)[index] for field in fields(self)))

    @staticmethod
    def concatenate(parts: list[MuonSample]) -> MuonSample:
        """All candidates of ``parts`` (at least one) in order."""
        return MuonSample(
            *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(MuonSample))
        )


def order_slots(value: np.ndarray, *companions: np.ndarray) -> None:
    """Sort the stubs of each layer by azimuth, empty slots last, in place; shapes (n, 18, SLOTS).

    A bending layer keeps the slots of its layer. The order must not tell which stub was the muon's.
    """
    key = np.where(value == NO_STUB, EMPTY_LAST, value)
    for layer in np.flatnonzero(BENDING):
        key[:, layer] = key[:, layer - 1]
    order = np.argsort(key, axis=2, kind="stable")
    for array in (value, *companions):
        array[:] = np.take_along_axis(array, order, axis=2)
