"""External signals from the filling scheme, against crossings counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.lhc import LHC, from_trains, load_scheme
from l1forge.emulator.menu.compiled import Algorithm, CompiledMenu, External
from l1forge.emulator.path.external_signals import derived, orbit_signals

TWO = from_trains("two", [(10, 3), (20, 1)])


@pytest.mark.parametrize(
    ("name", "set_in"),
    [
        ("ZeroBias_BPTX_AND_VME", [10, 11, 12, 20]),
        ("EXT_ZeroBias_BPTX_AND_VME", [10, 11, 12, 20]),
        ("BPTX_plus_AND_minus.v0", [10, 11, 12, 20]),
        ("BPTX_AND_Ref1_VME", [10, 11, 12, 20]),
        ("BPTX_RefAND_VME", [10, 11, 12, 20]),
        ("BPTX_B1_VME", [10, 11, 12, 20]),
        ("BPTX_FirstBunchInTrain_VME", [10, 20]),
        ("FirstCollisionInTrain", [10, 20]),
        ("BPTX_LastBunchInTrain_VME", [12, 20]),
        ("BPTX_IsolatedBunch_VME", [20]),
        ("FirstCollisionInOrbit", [10]),
        ("LastCollisionInOrbit", [20]),
    ],
)
def test_derived(name: str, set_in: list[int]) -> None:
    flags = derived(name, TWO)
    assert flags is not None
    assert np.flatnonzero(flags).tolist() == set_in


def test_not_or_is_the_rest_of_the_orbit() -> None:
    flags = derived("BPTX_NotOR_VME", TWO)
    assert flags is not None
    assert flags.sum() == 3560
    assert not flags[[10, 11, 12, 20]].any()
    first = derived("BPTX_FirstBunchInTrain_VME", LHC)
    assert first is not None
    assert first.sum() == 39


@pytest.mark.parametrize(
    "name", ["", "TOTEM_AND", "BeamGas_plus", "BRIL_TRIG0_FstBunchInTrain", "BPTX_BeamGas_B1_VME"]
)
def test_not_derived(name: str) -> None:
    assert derived(name, TWO) is None


def test_beams_apart(tmp_path: Path) -> None:
    path = tmp_path / "scheme.json"
    path.write_text(json.dumps({"beam1": [1, 2, 3], "beam2": [2, 3, 4, 9]}))
    scheme = load_scheme(path)
    assert np.flatnonzero(scheme.colliding).tolist() == [2, 3]
    for name, set_in in {
        "BPTX_B1_VME": [1, 2, 3],
        "BPTX_minus.v0": [2, 3, 4, 9],
        "BPTX_OR_Ref3_VME": [1, 2, 3, 4, 9],
        "BPTX_B1NotB2_VME": [1],
    }.items():
        flags = derived(name, scheme)
        assert flags is not None, name
        assert np.flatnonzero(flags).tolist() == set_in, name


def test_column_of_a_menu() -> None:
    menu = CompiledMenu(
        name="m",
        conditions={
            "zb": External(index=4, name="ZeroBias_BPTX_AND_VME"),
            "zb2": External(index=4, bx=-1, name="ZeroBias_BPTX_AND_VME"),
            "last": External(index=255, name="BPTX_LastBunchInTrain_VME"),
            "gas": External(index=77, name="BeamGas_plus"),
        },
        algorithms=(Algorithm(index=0, name="L1_X", expression=["or", "zb", "zb2", "last", "gas"]),),
    )
    signals = orbit_signals(menu, TWO)
    assert signals.known == ("ZeroBias_BPTX_AND_VME", "BPTX_LastBunchInTrain_VME")
    assert (signals.unknown, signals.unknown_bits) == (("BeamGas_plus",), {77})
    assert np.flatnonzero(signals.words[0] == 1 << 4).tolist() == [10, 11, 12, 20]
    assert np.flatnonzero(signals.words[3] == 1 << 63).tolist() == [12, 20]
    assert not signals.words[1].any()
