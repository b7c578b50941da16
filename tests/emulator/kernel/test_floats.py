"""Floats are cast with the declared type; what did not fit is counted; NaN is refused unless asked for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, cast
from l1forge.emulator.scoring.floats import Counts, from_float


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("fixed<8,6>", 1.3, 5),
        ("fixed<8,6>", -1.3, -6),
        ("fixed<8,6,RND_CONV,SAT>", 0.375, 2),
        ("fixed<8,6,RND_CONV,SAT>", 0.625, 2),
        ("fixed<8,6,RND,SAT>", 0.375, 2),
        ("fixed<8,6,RND_ZERO,SAT>", 0.375 + 2**-40, 2),
        ("fixed<8,6,RND_ZERO,SAT>", 0.375, 1),
        ("fixed<8,6,RND,SAT>", 1e30, 127),
        ("fixed<8,6>", 33.0, -124),
        ("ufixed<8,8,TRN,SAT>", -0.1, 0),
    ],
)
def test_literal_values(text, value, expected):
    assert from_float(np.array([value]), FixedType.parse(text))[0][0] == expected


@pytest.mark.parametrize("rounding", list(Rounding))
def test_every_mode_against_rational_arithmetic(rounding):
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [rng.normal(0, 40, 300), rng.integers(-200, 200, 300) / 16, [2.0**-60, -(2.0**-60)]]
    )
    for overflow in (Overflow.WRAP, Overflow.SAT, Overflow.SAT_SYM, Overflow.SAT_ZERO):
        kind = FixedType(9, 6, True, rounding, overflow)
        fine = [Fraction(v) * 2**1100 for v in values]
        expected = cast(np.array([int(v) for v in fine], dtype=object), 1100, kind)
        np.testing.assert_array_equal(from_float(values, kind)[0], expected.astype(np.int64))


def test_counts():
    values = np.array([[0.0, 31.9, 40.0], [np.nan, -40.0, np.inf]])
    with pytest.raises(InputError, match=r"jet.et: value is not finite \(got nan\)"):
        from_float(values, FixedType.parse("fixed<8,6>"), field="jet.et")
    saturating, wrapping = FixedType.parse("fixed<8,6,TRN,SAT>"), FixedType.parse("fixed<8,6>")
    integers, counts = from_float(values, saturating, not_finite_to=0.0)
    assert counts == Counts(saturated=2, wrapped=0, not_finite=2, rounded=1)
    assert integers.tolist() == [[0, 127, 127], [0, -128, 0]]
    assert from_float(values, wrapping, not_finite_to=0.0)[1] == Counts(0, 2, 2, 1)


def test_wide_types_are_refused():
    with pytest.raises(InputError, match="53 bits"):
        from_float(np.zeros(1), FixedType(60, 60))
