"""Tail tables, codes, pair tables: expected values written out."""

import numpy as np
import pytest

from l1forge.models.anomaly import tails
from l1forge.models.anomaly.pairs import PAIR_LISTS, count, quantities_of
from l1forge.models.anomaly.quantities import QUANTITIES


def test_a_tail_is_the_fraction_at_or_beyond() -> None:
    values = np.repeat([0, 1, 2, 3], [9000, 900, 90, 10])
    found = tails.tail(values, 8)
    np.testing.assert_allclose(found.decades[:3], [0, 1, 2])
    assert found.counted == 2  # only ten crossings have 3
    np.testing.assert_allclose(found.decades[3:], 2 + 1.0 * np.arange(1, 6))  # the last decade goes on
    assert found.code.tolist() == [0, 2, 6, 9, 12, 14, 15, 15]
    assert found.at_code[[0, 2, 6, 9, 12]].tolist() == pytest.approx([0, 1, 2, 3, 4])
    assert found.at_code[1] == tails.EDGES[1]  # no value has this code


def test_values_beyond_the_table_count_as_its_last() -> None:
    values = np.repeat([0, 500], [900, 100])
    assert tails.tail(values, 4).decades[3] == pytest.approx(1.0)


def test_weights_are_crossings() -> None:
    values = np.repeat([0, 1, 2], [4000, 400, 40])
    plain = tails.tail(np.repeat(values, 3), 4)
    weighted = tails.tail(values, 4, np.full(len(values), 3.0))
    np.testing.assert_allclose(weighted.decades, plain.decades)
    assert tails.effective(np.array([3.0, 3.0])) == 2.0
    assert tails.effective(np.array([])) == 0.0
    # 40 crossings of which one has all the weight are one crossing
    heavy = np.ones(len(values))
    heavy[-1] = 1e4
    assert tails.tail(values, 4, heavy).counted < 2


def test_independent_quantities_add_up_and_equal_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.geometric(0.5, 400_000) - 1, rng.geometric(0.5, 400_000) - 1
    single = tails.tail(a, 16), tails.tail(b, 16)
    codes = single[0].code[np.minimum(a, 15)], single[1].code[np.minimum(b, 15)]
    decades, counted = tails.joint_decades(*codes, single)
    assert decades[0, 0] == pytest.approx(0)
    i, j = single[0].code[3], single[1].code[4]
    assert counted[i, j]
    assert decades[i, j] == pytest.approx(7 * np.log10(2), abs=0.02)
    assert not counted[15, 15]
    assert decades[15, 15] == pytest.approx(single[0].at_code[15] + single[1].at_code[15], abs=0.3)
    same, _ = tails.joint_decades(codes[0], codes[0], (single[0], single[0]))
    assert same[i, i] == pytest.approx(3 * np.log10(2), abs=0.01)


def test_contents_and_magnitudes() -> None:
    q = np.array([0.0, 3.0, 3.1, 4.0, 5.0, 6.6, 7.0, 400.0])
    assert tails.softened(q, 32.0, 6).tolist() == [0, 0, 1, 3, 9, 62, 63, 63]
    assert tails.magnitudes(q)[[0, 3, 5, 7]].tolist() == pytest.approx([0, 99, 1994.26, 2047], abs=0.01)


def test_lists_of_pairs() -> None:
    assert {name: len(pairs) for name, pairs in PAIR_LISTS.items()} == {
        "slim": 31, "ten": 45, "nine": 36, "seven": 21,
    }  # fmt: skip
    for pairs in PAIR_LISTS.values():
        assert len(set(map(frozenset, pairs))) == len(pairs)
        assert all(name in QUANTITIES for pair in pairs for name in pair)
    assert [q.name for q in quantities_of([("eg2", "mu0")])] == ["mu0", "eg2"]


def test_tables_of_one_crossing_and_of_none_but_zeros() -> None:
    pairs = (("mu0", "eg0"),)
    for n in (1, 1000):
        zeros = {name: np.zeros(n, np.int16) for name in ("mu0", "eg0")}
        tables = count(zeros, pairs)
        assert np.isfinite(tables.decades["mu0", "eg0"]).all()
        assert tables.codes(zeros)["mu0"].tolist() == [0] * n
