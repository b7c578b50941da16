"""Packed words: every width and sign comes back as it went in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from l1forge.firmware.rtl import Port
from l1forge.testbench.drivers.packing import pack, unpack, words_of


@settings(max_examples=60, deadline=None)
@given(
    kinds=st.lists(st.tuples(st.integers(1, 64), st.booleans()), min_size=1, max_size=12),
    seed=st.integers(0, 1000),
)
def test_round_trip(kinds: list[tuple[int, bool]], seed: int) -> None:
    ports = [
        Port(f"p{i}", "x", i, f"{'' if signed else 'u'}fixed<{width},{width}>")
        for i, (width, signed) in enumerate(kinds)
        if signed or width < 64
    ]
    if not ports:
        return
    generator = np.random.default_rng(seed)
    values = np.stack(
        [generator.integers(p.fixed.minimum, p.fixed.maximum, 50, endpoint=True) for p in ports], axis=1
    )
    words = pack(values, ports)
    assert words.shape == (50, words_of(ports))
    np.testing.assert_array_equal(unpack(words, ports), values)


def test_first_port_in_the_low_bits() -> None:
    ports = [Port("a", "x", 0, "ufixed<4,4>"), Port("b", "x", 1, "fixed<8,8>")]
    np.testing.assert_array_equal(pack(np.array([[5, -1]]), ports), [[0xFF5, 0, 0]])
