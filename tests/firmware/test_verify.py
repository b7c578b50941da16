"""The comparer: every kind of difference is told; nothing but equal integers is exact."""

from __future__ import annotations

import numpy as np
import pytest

from l1forge.firmware.verify import compare, differences

VALUES = np.arange(12).reshape(4, 3)


def test_equal_integers_are_exact_whatever_their_width() -> None:
    assert differences(VALUES, VALUES.astype(np.int16)).exact
    assert compare("y", VALUES, VALUES.copy()).exact


def test_one_flipped_bit_is_found_with_its_place() -> None:
    wrong = VALUES.copy()
    wrong[2, 1] ^= 1
    found = differences(VALUES, wrong)
    assert (found.exact, found.values, found.wrong_events.tolist()) == (False, 1, [2])
    assert list(found.listed(5)) == [(2, 1, 7, 6)]
    assert compare("y", VALUES, wrong).first == "event 2, element 1: expected 7, found 6"


def test_events_are_counted_once() -> None:
    wrong = VALUES.copy()
    wrong[1:3] += 1
    found = differences(VALUES, wrong)
    assert (found.values, found.wrong_events.tolist()) == (6, [1, 2])
    assert len(list(found.listed(4))) == 4
    assert list(found.listed(0)) == []


@pytest.mark.parametrize(("shape", "missing"), [((3, 3), 1), ((5, 3), 1), ((4, 2), 4), ((4, 4), 4)])
def test_too_few_or_too_many_are_no_match(shape: tuple[int, ...], missing: int) -> None:
    found = differences(VALUES, np.zeros(shape, np.int64))
    assert (found.exact, found.missing) == (False, missing)
    assert not compare("y", VALUES, np.zeros(shape, np.int64)).exact


def test_nothing_equals_nothing() -> None:
    assert differences(np.empty((0, 3), np.int64), np.empty((0, 3), np.int64)).exact


def test_floating_point_is_refused() -> None:
    with pytest.raises(TypeError, match="integers are compared, not float64"):
        differences(VALUES, VALUES.astype(np.float64))
