"""Every rounding and overflow mode as logic, on every value of the source type."""

import numpy as np
import pytest
from alkaid.trace import FVariable, HWConfig, trace

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.emulator.graph.fixed import cast as cast_integers
from l1forge.firmware.rtl.casts import cast
from l1forge.firmware.rtl.lowering import HARDWARE

SOURCES = [FixedType(7, 3), FixedType(7, 3, False), FixedType(6, -2), FixedType(6, 9)]
TARGETS = [(4, 3, 1), (4, 3, 0), (5, 1, 1), (3, 4, 1), (9, 4, 0), (2, 3, 1), (1, 1, 0), (4, -1, 1), (3, 9, 1)]


MODES = [
    *((mode, 0) for mode in Overflow),
    *((mode, n) for mode in (Overflow.WRAP, Overflow.WRAP_SM) for n in (1, 2, 3)),
]


@pytest.mark.parametrize(("overflow", "bits"), MODES)
@pytest.mark.parametrize("rounding", Rounding)
def test_cast_equals_the_contract(rounding: Rounding, overflow: Overflow, bits: int) -> None:
    inputs, outputs, expected, values = [], [], [], []
    for source in SOURCES:
        integers = np.arange(1 << 7) % (1 << source.width) + source.minimum
        for width, integer, signed in TARGETS:
            if bits > width or (overflow is Overflow.WRAP_SM and not signed):
                continue  # not a type
            target = FixedType(width, integer, bool(signed), rounding, overflow, bits)
            x = FVariable.from_kif(
                int(source.signed),
                source.integer - source.signed,
                source.fraction,
                hwconf=HWConfig(*HARDWARE),
            )
            inputs.append(x)
            outputs.append(cast(x, target))
            values.append(integers * source.lsb)
            result = cast_integers(integers.astype(object), source.fraction, target)
            expected.append(result.astype(np.float64) * target.lsb)
    found = trace(inputs, outputs).predict(np.stack(values, axis=1), n_threads=1)
    np.testing.assert_array_equal(found, np.stack(expected, axis=1))
