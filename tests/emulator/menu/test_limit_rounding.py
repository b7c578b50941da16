"""Limits of functions as integers: official rounding, and tenths of delta R as the editor stores them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l1forge.emulator.menu.compiled import Combination, Correlation
from l1forge.emulator.menu.language.cuts import editor_limit
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.menu.language.scales import limit

# what the deployed firmware of L1Menu_Collisions2024_v1_1_0 compares with, in units of 1e-6 (or 1e-3)
FIRMWARE = {
    "DR_MAX_0p4": (0, 161_000),
    "DR_MAX_0p6": (0, 361_000),
    "DR_MAX_0p8": (0, 641_000),
    "DR_MAX_1p2": (0, 1_441_000),
    "DR_MAX_1p4": (0, 1_961_000),
    "DR_MAX_1p6": (0, 2_561_000),
    "DR_0p3to11p8": (90_000, 139_240_000),
    "DETA_MAX_0p3": (0, 300),
    "DETA_MAX_1p2": (0, 1200),
    "DETA_MAX_1p6": (0, 1600),
    "DPHI_0p8to1p2": (800, 1200),
    "DPHI_2p618to3p142": (2618, 3142),
}


def _limits(tmp_path: Path, seed: str, cuts: str = "") -> tuple[int | None, int | None]:
    path = tmp_path / "menu.yaml"
    path.write_text(f'cuts: {{{cuts}}}\nalgorithms:\n  - {{name: L1_One, seed: "{seed}"}}\n')
    (condition,) = load_menu(path).conditions.values()
    assert isinstance(condition, Combination | Correlation)
    (limit,) = condition.overlap.limits if condition.overlap else condition.limits  # type: ignore[union-attr]
    return limit.lower, limit.upper


@pytest.mark.parametrize("name", FIRMWARE)
def test_built_in_names_give_the_constants_of_the_firmware(tmp_path: Path, name: str) -> None:
    assert _limits(tmp_path, f"dist{{JET30,JET30}}[{name}]") == FIRMWARE[name]


@pytest.mark.parametrize(
    ("name", "upper"), [("ORMDR_0p2", 41_000), ("ORMDR_0p5", 250_000), ("ORMDR_0p6", 361_000)]
)
def test_overlap_removal(tmp_path: Path, name: str, upper: int) -> None:
    assert _limits(tmp_path, f"dist_orm{{JET30,TAU30}}[{name}]") == (0, upper)


@pytest.mark.parametrize(
    ("cut", "limits"),
    [
        ("min: 0, max: 1.2", (0, 1_441_000)),
        ("min: 1.4, max: 9", (1_960_000, 81_000_000)),
        ("min: 0, max: 1.2000000000000002", (0, 1_441_000)),
        ("min: 0, max: 1.25", (0, 1_563_000)),
        ("min: 0, max: 1", (0, 1_000_000)),
    ],
)
def test_defined_cuts(tmp_path: Path, cut: str, limits: tuple[int, int]) -> None:
    assert _limits(tmp_path, "dist{JET30,JET30}[X]", f"X: {{type: DR, {cut}}}") == limits


def test_table_of_the_documentation() -> None:
    """Every row of docs/menu.md, and no other tenth that is affected."""
    text = (
        (Path(__file__).parents[3] / "docs" / "menu.md")
        .read_text(encoding="utf-8")
        .partition("### Limits of ΔR")[2]
        .partition("\n## ")[0]
    )
    rows = re.findall(r"^\| ([0-9.]+) \|(.*)\|$", text, re.MULTILINE)
    listed = {float(value): [int(n.replace(",", "")) for n in numbers.split("|")] for value, numbers in rows}
    affected = {}
    for value in (n / 10 for n in range(1, 60)):
        official = editor_limit("DR", value)
        pairs = [limit(x * x, 3, upwards) * 10**6 for upwards in (False, True) for x in (value, official)]
        if pairs[0] != pairs[1] or pairs[2] != pairs[3]:
            affected[value] = pairs
    assert listed == affected
    assert listed[1.2] == [1_440_000, 1_440_000, 1_440_000, 1_441_000]
    assert len(listed) == 22


def test_which_tenths_the_editor_moves() -> None:
    """n * 0.1 is not the number nearest to n / 10 for these; docs/menu.md lists what becomes of them."""
    moved = [n for n in range(1, 60) if editor_limit("DR", n / 10) != n / 10]
    assert moved == [3, 6, 7, 12, 14, 17, 19, 23, 24, 28, 29, 33, 34, 38, 39, 41, 46, 48, 51, 53, 56, 58]
    assert [editor_limit(kind, 1.2) for kind in ("DETA", "DPHI", "MASS", "ORMDETA")] == [1.2] * 4
    assert editor_limit("DR", 1e308) == 1e308
