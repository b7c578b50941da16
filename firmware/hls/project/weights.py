"""Weights as the compiled C++ holds them: text to double, double to the weight's type (with its rounding)."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, cast
from l1forge.emulator.graph.graph import Constant
from l1forge.firmware.hls.project.preprocess import SYNTHESIS, Macros, preprocess
from l1forge.firmware.hls.project.source import Source

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def snap(value: float | int, target: FixedType) -> int:
    """The integer that ``ap_fixed(value)`` stores: exact value of the double, then the type's cast."""
    # ap_fixed reads an infinity's exponent as any other: 2^1024
    fraction = Fraction(2**1024 if value > 0 else -(2**1024)) if math.isinf(value) else Fraction(value)
    bits = fraction.denominator.bit_length() - 1  # a double's denominator is a power of two
    return int(cast(np.array([fraction.numerator], dtype=object), bits, target)[0])


def constant(values: ArrayLike, target: FixedType, shape: tuple[int, ...] | None = None) -> Constant:
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
    text, file = _read(source, name)
    words = [word for word in text.replace("\n", " ").split(",") if word.strip()]
    values = _numbers(source, name, file, words, size)
    if not np.isfinite(values).all():
        raise source.error(
            f"a weight in {file.name} is not finite",
            f"weight {name}",
            remedy="check the layer's scale for zeros",
        )
    return constant(values, target, (size,))


def read_exponents(source: Source, name: str, size: int) -> Constant:
    """Weights ±2^e, stored as ``{sign, e}`` with sign 1 for plus, as exact fixed-point numbers."""
    text, file = _read(source, name)
    words = [word for word in re.split(r"[{},\s]+", text) if word]
    numbers = [int(v) for v in _numbers(source, name, file, words, 2 * size)]
    signs, exponents = numbers[::2], numbers[1::2]
    fraction = max(0, -min(exponents))
    data = [(1 if s == 1 else -1) << (e + fraction) for s, e in zip(signs, exponents, strict=True)]
    width = FixedType.integers(min(*data, -1), max(data))
    kind = FixedType(width.width, width.width - fraction)
    return Constant(kind, np.array(data, dtype=object if kind.width > 62 else np.int64))


def _read(source: Source, name: str) -> tuple[str, Path]:
    folder = source.firmware / "weights"
    file = folder / source.weight_files.get(name, f"{name}.h")
    if name not in source.weight_files:
        file = source.weight_headers.get(name, file)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise source.error(f"cannot read weights: {error.strerror}", f"weight {name}", str(file)) from error
    if file.suffix != ".txt":
        macros = Macros(dict(source.defines))
        match = _initial(text, name, file, macros)
        source.notes += macros.notes()
        if match is None and SYNTHESIS not in source.defines:
            match = _initial(text, name, file, Macros(source.defines | {SYNTHESIS: "1"}))
            source.notes.append(
                f"weight {name}: {file.name} has values for synthesis only, and no text file is loaded: "
                "the synthesised circuit is read, the simulated C++ has zeros"
            )
        if match is None:
            raise source.error("header holds no initial values", f"weight {name}", str(file))
        text = match.group(1)
    return text, file


def _initial(text: str, name: str, file: Path, macros: Macros) -> re.Match[str] | None:
    """The initial values of an array, where they are compiled."""
    compiled = preprocess(text, file, macros)
    return re.search(rf"\b{re.escape(name)}\s*\[[^\]]*\]\s*=?\s*\{{(.*?)\}}\s*;", compiled, flags=re.S)


def _numbers(source: Source, name: str, file: Path, words: list[str], size: int) -> list[float]:
    if len(words) != size:
        raise source.error(f"expected {size} numbers in {file.name}", f"weight {name}", len(words))
    try:
        return [float(word.strip().rstrip("fF")) for word in words]
    except ValueError as error:
        raise source.error(f"not a number in {file.name}", f"weight {name}", str(error)) from error
