"""Scales of ``alpha='auto_po2'`` with exponents that hold them.

hls4ml 1.3 gives the powers of two as many bits as their largest exponent is, which cuts some of the largest
off: a scale of 2 becomes 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any


@contextmanager
def exponents_that_hold() -> Iterator[None]:
    """Within the block hls4ml's quantiser of scales has bits for exponents of both signs."""
    import hls4ml.model.optimizer.passes.qkeras as passes

    earlier = passes.QKerasPO2Quantizer

    def wider(config: dict[str, Any]) -> Any:
        changed = deepcopy(config)
        given = int(config["config"]["bits"])  # the largest magnitude of an exponent, plus one
        # n bits hold −2^(n−2) … 2^(n−2)−1, one of them being a sign that a scale does not have
        changed["config"]["bits"] = max(given, (given - 1).bit_length() + 2, 3)
        return earlier(changed)

    passes.QKerasPO2Quantizer = wider
    try:
        yield
    finally:
        passes.QKerasPO2Quantizer = earlier
