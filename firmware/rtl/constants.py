"""Checks that alkaid can hold a constant exactly; it would silently truncate others, so they are refused."""

from __future__ import annotations

from typing import Any

from l1forge.emulator.errors import InputError

Variable = Any  # alkaid.trace.FVariable

CONSTANT_BITS = 31  # alkaid keeps the mantissa of an added constant in 32 bits
WEIGHT_BITS = 24  # and the weights of a matrix product in single precision
VALUE_BITS = 53  # its intervals are doubles


def exact(value: float, bits: int = CONSTANT_BITS) -> float:
    """``value``, if its mantissa fits ``bits``.

    Raises
    ------
    InputError
        Without the place; ``lower`` adds the node.
    """
    mantissa = abs(float(value).as_integer_ratio()[0])
    mantissa >>= max((mantissa & -mantissa).bit_length() - 1, 0)
    if mantissa.bit_length() > bits:
        raise InputError(
            f"needs a constant of more than {bits} significant bits", value=value, remedy="narrow the type"
        )
    return value
