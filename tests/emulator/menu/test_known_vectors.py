"""The list of official vectors that are known to be wrong: wide enough for them, and no wider."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import Algorithm, Known
from l1forge.emulator.menu.language.load import KNOWN_VECTORS
from l1forge.emulator.menu.language.yaml_menu import read_known
from l1forge.emulator.menu.language.yaml_tree import read_yaml

KNOWN = read_known(read_yaml(KNOWN_VECTORS))
SHOWER, UPT = "L1_SingleMuShower_Nominal", "L1_DoubleMu0_Upt6_SQ_er2p0"


def documented(vectors: str, name: str, index: int = 5, expected: int = 1) -> bool:
    algorithm = Algorithm(index=index, name=name, expression="c")
    entries = [entry for entry in KNOWN if fnmatch(vectors, entry.vectors)]
    return any(entry.covers(algorithm, expected) for entry in entries)


@pytest.mark.parametrize(
    ("vectors", "name", "index", "expected"),
    [
        ("L1Menu_Collisions2023_v1_0_0_collisions.txt", "L1_FirstBunchInTrain", 5, 7),
        ("L1Menu_Collisions2023_v1_0_1_cosmics.txt", "L1_IsolatedBunch", 5, 7),
        ("TestVector_L1Menu_Collisions2022_v1_4_0_ttbar.txt", SHOWER, 5, 7),
        ("L1Menu_Collisions2023_v1_1_0_data.txt", SHOWER, 5, 7),
        ("L1Menu_Collisions2023_v1_3_0_ttBar.txt", SHOWER, 5, 0),
        ("L1Menu_Collisions2020_v0_1_6.txt", UPT, 5, 0),
        ("L1Menu_Collisions2021_v0_1_0.txt", "L1_DoubleIsoTau26er2p1_Jet55_RmOvlp_dR0p5", 5, 0),
        ("L1Menu_Collisions2024_v1_0_0_data_test.txt", "L1_AnyOfThem", 67, 7),
        ("L1Menu_Collisions2016_v9.txt", "L1_DoubleJet30_Mj30j30_360_Mu6", 5, 7),
        ("L1Menu_HeavyIons2016_v3_module0.txt", "L1_AnyOfThem", 5, 0),
    ],
)
def test_known_to_be_wrong(vectors: str, name: str, index: int, expected: int) -> None:
    assert documented(vectors, name, index, expected)


@pytest.mark.parametrize(
    ("vectors", "name", "index", "expected"),
    [
        ("L1Menu_Collisions2023_v1_0_0_ttbar.txt", "L1_FirstBunchInTrain", 5, 7),
        ("L1Menu_Collisions2023_v1_1_0_collisions.txt", "L1_FirstBunchInTrain", 5, 7),
        ("L1Menu_Collisions2023_v1_0_0_collisions.txt", "L1_SingleMu22", 5, 7),
        ("L1Menu_Collisions2023_v1_2_0_ttBar.txt", SHOWER, 5, 7),
        ("L1Menu_Collisions2023_v1_3_0_ttBar.txt", SHOWER, 5, 7),
        ("L1Menu_Collisions2022_v1_0_0.txt", UPT, 5, 0),
        ("L1Menu_Collisions2020_v0_1_6.txt", UPT, 5, 7),
        ("L1Menu_Collisions2021_v0_1_0.txt", "L1_DoubleIsoTau26er2p1_Jet55_RmOvlp_dR0p5", 5, 7),
        ("L1Menu_Collisions2024_v1_0_0_data_test.txt", "L1_AnyOfThem", 66, 7),
        ("L1Menu_Collisions2024_v1_0_0_data.txt", "L1_AnyOfThem", 67, 7),
        ("L1Menu_Collisions2016_v6.txt", "L1_DoubleJet30_Mj30j30_360_Mu6", 5, 7),
        ("L1Menu_HeavyIons2016_v3_module0.txt", "L1_AnyOfThem", 5, 7),
        ("L1Menu_Collisions2018_v2_1_0.txt", "L1_DoubleIsoTau26er2p1_Jet55_RmOvlp_dR0p5", 5, 0),
    ],
)
def test_compared_bit_by_bit(vectors: str, name: str, index: int, expected: int) -> None:
    assert not documented(vectors, name, index, expected)


def test_entries_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "allow.yaml"
    path.write_text("- {algorithm: L1_*, reason: why, bits: [67, 80], unset: true}\n")
    (entry,) = read_known(read_yaml(path))
    assert entry == Known(algorithm="L1_*", reason="why", bits=(67, 80), unset=True)
    for bits in ("[80, 67]", "[0, 512]", "[1]"):
        path.write_text(f"- {{algorithm: L1_*, reason: why, bits: {bits}}}\n")
        with pytest.raises(InputError, match="expected a list of the first and the last algorithm bit"):
            read_known(read_yaml(path))
