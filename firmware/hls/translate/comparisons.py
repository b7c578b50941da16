"""How ap_fixed's headers compare a signed with an unsigned number: by C's rules, so not always by value."""

from __future__ import annotations

from l1forge.emulator.graph.fixed import FixedType


def ignores_sign(signed: FixedType, unsigned: FixedType) -> bool:
    """Whether a negative ``signed`` number compares as larger than every ``unsigned`` one.

    Both are aligned to the finer LSB; from 32 bits on, the bits are compared as unsigned unless the signed
    side is the wider one (``ap_private::operator<`` and its like in hls4ml's ap_types).
    """
    if not signed.signed or unsigned.signed:
        return False
    shift = signed.fraction - unsigned.fraction
    first = signed.width if shift >= 0 else signed.width - shift + 1
    second = unsigned.width + max(shift, 0)
    return max(first, second) >= 32 and second >= first
