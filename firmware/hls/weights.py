"""Weights as the compiled C++ holds them: text to double, double to the weight's type (with its rounding)."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulator.fixed import FixedType, cast
from emulator.graph import Constant
from firmware.hls.source import Source


def snap(value: float | int, target: FixedType) -> int:
    """The integer that ``ap_fixed(value)`` stores: exact value of the double, then the type's cast."""
    # ap_fixed reads an infinity's exponent as any other: 2^1024
    fraction = Fraction(2**1024 if value > 0 else -(2**1024)) if math.isinf(value) else Fraction(value)
    bits = fraction.denominator.bit_length() - 1  # a double's denominator is a power of two
    return int(cast(np.array([fraction.numerator], dtype=object), bits, target)[0])


def constant(values: Any, target: FixedType, shape: tuple[int, ...] | None = None) -> Constant:
    """A graph constant from numbers, snapped as C++ snaps them."""
    flat = [snap(v, target) for v in np.asarray(values, dtype=object).ravel()]
    data: NDArray[Any] = np.array(flat, dtype=object if target.width > 62 else np.int64)
    plain = FixedType(target.width, target.integer, target.signed)  # its modes have done their work
    return Constant(plain, data.reshape(shape if shape is not None else np.shape(values)))


def read_weight(source: Source, name: str, target: FixedType, size: int) -> Constant:
    """The weight ``name`` of a project: its text file where the program loads one, else its header.

    Raises
    ------
    InputError
        If the file is missing or does not hold ``size`` numbers.
    """
    folder = source.folder / "firmware" / "weights"
    file = folder / source.weight_files.get(name, f"{name}.h")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise source.error(f"cannot read weights: {error.strerror}", f"weight {name}", str(file)) from error
    if file.suffix == ".h":
        match = re.search(rf"\b{re.escape(name)}\s*\[[^\]]*\]\s*=\s*\{{(.*?)\}}\s*;", text, flags=re.S)
        if match is None:
            raise source.error("header holds no initial values", f"weight {name}", str(file))
        text = match.group(1)
    words = [word for word in text.replace("\n", " ").split(",") if word.strip()]
    if len(words) != size:
        raise source.error(f"expected {size} numbers in {file.name}", f"weight {name}", len(words))
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise source.error(f"not a number in {file.name}", f"weight {name}", str(error)) from error
    if not np.isfinite(values).all():
        raise source.error(
            f"a weight in {file.name} is not finite",
            f"weight {name}",
            remedy="check the layer's scale for zeros",
        )
    return constant(values, target, (size,))
