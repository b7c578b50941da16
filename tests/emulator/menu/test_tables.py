"""Every entry of the integer tables against its formula, and some entries written out."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal, localcontext

import numpy as np
import pytest

from l1forge.emulator.menu import correlation_tables as tables

CALO, MUON = tables.calo_geometry(), tables.muon_geometry()
GEOMETRIES = {"calo": (CALO, 0.0435, 144, 1000), "muon": (MUON, 0.010875, 576, 10000)}


def _near(value: float) -> int:
    return math.floor(value + 0.5)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_angles(name: str) -> None:
    table, step, bins, _ = GEOMETRIES[name]
    assert table.deta.tolist() == [_near((i * step) * 1000) for i in range(len(table.deta))]
    turn = 2 * math.pi / bins
    assert table.dphi.tolist() == [_near((i * turn) * 1000) for i in range(bins // 2 + 1)]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_hyperbolic_and_plain_cosines(name: str) -> None:
    table, step, bins, unit = GEOMETRIES[name]
    turn = 2 * math.pi / bins
    assert table.cosh.tolist() == [_near(math.cosh(i * step) * unit) for i in range(len(table.cosh))]
    assert table.cos.tolist() == [_near(math.cos(i * turn) * unit) for i in range(bins // 2 + 1)]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_directions_at_bin_centres(name: str) -> None:
    table, _, bins, unit = GEOMETRIES[name]
    turn = 2 * math.pi / bins
    assert table.cos_phi.tolist() == [_near(math.cos((i + 0.5) * turn) * unit) for i in range(bins)]
    assert table.sin_phi.tolist() == [_near(math.sin((i + 0.5) * turn) * unit) for i in range(bins)]


@pytest.mark.parametrize(("name", "step", "bins"), [("calo", 0.0435, 144), ("muon", 0.02175, 288)])
def test_inverse_dr2(name: str, step: float, bins: int) -> None:
    """Muon indices are halved, so that their steps are twice as wide."""
    table, turn = GEOMETRIES[name][0].inverse, 2 * math.pi / bins
    assert table[0, 0] == 0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            if i or j:
                assert table[i, j] == _near(1e5 / ((i * step) ** 2 + (j * turn) ** 2))


def test_momenta() -> None:
    flat = tables.flat_tables()
    calo, muon, upt = (flat[14], flat[15], flat[16])
    assert flat[calo : calo + 4096].tolist() == [5 * code + 3 for code in range(4096)]
    assert flat[muon : muon + 512].tolist() == [0] + [5 * (code - 1) + 3 for code in range(1, 512)]
    assert flat[upt : upt + 256].tolist() == [0] + [10 * (code - 1) + 5 for code in range(1, 256)]
    assert len(flat) == upt + 256


def test_flat_table_holds_all_the_others() -> None:
    flat = tables.flat_tables()
    for g, geometry in enumerate((CALO, MUON)):
        pieces = ("deta", "dphi", "cosh", "cos", "cos_phi", "sin_phi", "inverse")
        for k, piece in enumerate(pieces):
            wanted = getattr(geometry, piece).ravel()
            start = flat[tables.GEOMETRY_WORDS * g + k]
            np.testing.assert_array_equal(flat[start : start + len(wanted)], wanted)


def test_entries_written_out() -> None:
    """Worked out by hand."""
    assert CALO.deta[[1, 23, 92]].tolist() == [44, 1001, 4002]
    assert CALO.dphi[[1, 11, 72]].tolist() == [44, 480, 3142]
    assert MUON.deta[[1, 100]].tolist() == [11, 1088]
    assert MUON.dphi[[1, 288]].tolist() == [11, 3142]
    assert CALO.cosh[[0, 1, 100]].tolist() == [1000, 1001, 38746]
    assert CALO.cos[[0, 36, 72]].tolist() == [1000, 0, -1000]
    assert MUON.cosh[[0, 10]].tolist() == [10000, 10059]
    assert MUON.cos[[144, 288]].tolist() == [0, -10000]


def test_ties_go_up_and_the_order_of_products_decides_them() -> None:
    """43.5 -> 44; (5 * 0.0435) * 1000 is 217.5 in doubles or just not: the table has what the order gives."""
    assert tables.rounded(43.5) == 44
    assert tables.rounded(-0.5) == 0
    differing = [i for i in range(256) if _near((i * 0.0435) * 1000) != _near(i * (0.0435 * 1000))]
    assert all(CALO.deta[i] == _near((i * 0.0435) * 1000) for i in differing)


def test_cosines_are_right_to_the_last_digit_where_no_tie_is_near() -> None:
    """The double-precision entries agree with 40-digit arithmetic."""
    with localcontext() as context:
        context.prec = 40
        for index in range(1, 200):
            power = (Decimal(index) * Decimal("0.0435")).exp()
            exact = (power + 1 / power) / 2 * 1000
            assert CALO.cosh[index] == int((exact + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def test_calorimeter_index_on_muon_bins() -> None:
    assert [tables.to_muon_bins(index) for index in (-115, -1, 0, 143)] == [-458, -2, 2, 574]
