"""The ends of the muon pT scale: -0.5 GeV is the code 0 (no muon), 0 GeV the code 1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.quantise import HARDWARE_VALUES, TRUE_VALUES, codes
from l1forge.emulator.events.source import open_events
from tests.emulator.events.test_readers import nano_branches, write_root


@pytest.mark.parametrize(
    ("origin", "value", "code", "saturated"),
    [
        (HARDWARE_VALUES, -0.5, 0, None),
        (HARDWARE_VALUES, -1.0, 0, "mu.pt saturated at 0"),
        (HARDWARE_VALUES, 0.0, 1, None),
        (HARDWARE_VALUES, 0.5, 2, None),
        (HARDWARE_VALUES, 255.0, 511, None),
        (HARDWARE_VALUES, 255.5, 511, "mu.pt saturated at 511"),
        (TRUE_VALUES, -0.5, 0, None),
        (TRUE_VALUES, np.nextafter(-0.5, -1), 0, "mu.pt saturated at 0"),
        (TRUE_VALUES, 0.0, 1, None),
        (TRUE_VALUES, np.nextafter(0.5, 0), 1, None),
        (TRUE_VALUES, 0.5, 2, None),
        (TRUE_VALUES, np.nextafter(255.5, 0), 511, None),
        (TRUE_VALUES, 255.5, 511, "mu.pt saturated at 511"),
    ],
)
def test_muon_pt_codes(origin: str, value: float, code: int, saturated: str | None) -> None:
    notes: Counter[str] = Counter()
    assert codes("mu.pt", np.array([value]), origin, notes).tolist() == [code]
    assert dict(notes) == ({saturated: 1} if saturated else {})


def test_muon_of_minus_half_a_gev_in_a_nanoaod_file(tmp_path: Path) -> None:
    def with_pt(value: float) -> dict[str, ak.Array]:
        pt = ak.values_astype(ak.Array([[], [value, 21.5]]), np.float32)
        return {**nano_branches(), "L1Mu_pt": pt}

    (events,) = open_events(write_root(tmp_path / "n.root", with_pt(-0.5))).blocks(["mu.pt"])
    assert events["mu.pt"][0].tolist() == [0, 0]
    (events,) = open_events(write_root(tmp_path / "z.root", with_pt(0.0))).blocks(["mu.pt"])
    assert events["mu.pt"][0].tolist() == [0, 1]
    below = float(np.nextafter(np.float32(-0.5), np.float32(-1)))
    with pytest.raises(InputError, match="L1Mu_pt: negative pT"):
        list(open_events(write_root(tmp_path / "b.root", with_pt(below))).blocks(["mu.pt"]))
