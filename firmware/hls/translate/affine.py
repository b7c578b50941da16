"""Affine forms over fixed-point atoms, exact: what most statements of distributed arithmetic compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from l1forge.emulator.graph.fixed import FixedType

ZERO = Fraction(0)


@dataclass(frozen=True)
class Affine:
    """``constant + Σ terms[a] · value of atom a``."""

    terms: Mapping[int, Fraction]
    constant: Fraction = ZERO

    @staticmethod
    def atom(number: int) -> Affine:
        return Affine({number: Fraction(1)})

    @staticmethod
    def number(value: Fraction) -> Affine:
        return Affine({}, value)

    def plus(self, other: Affine, factor: int = 1) -> Affine:
        """``self + factor · other``."""
        terms = dict(self.terms)
        for atom, coefficient in other.terms.items():
            total = terms.get(atom, ZERO) + factor * coefficient
            if total:
                terms[atom] = total
            else:
                terms.pop(atom, None)
        return Affine(terms, self.constant + factor * other.constant)

    def times(self, factor: Fraction) -> Affine:
        if not factor:
            return Affine({})
        return Affine({a: c * factor for a, c in self.terms.items()}, self.constant * factor)

    def ends(self, types: Sequence[FixedType]) -> tuple[Fraction, Fraction]:
        """Least and largest value; the atoms are independent."""
        low = high = self.constant
        for atom, coefficient in self.terms.items():
            a, b = (
                coefficient * Fraction(end) * Fraction(2) ** -types[atom].fraction
                for end in (types[atom].minimum, types[atom].maximum)
            )
            low, high = low + min(a, b), high + max(a, b)
        return low, high

    def fraction(self, types: Sequence[FixedType]) -> int:
        """Fractional bits that hold every value."""
        steps = [c * Fraction(2) ** -types[a].fraction for a, c in self.terms.items()]
        return max(v.denominator.bit_length() - 1 for v in (*steps, self.constant))

    def fits(self, target: FixedType, types: Sequence[FixedType]) -> bool:
        """Whether a cast to ``target`` changes no value."""
        scale = Fraction(2) ** target.fraction
        if any(
            (c * scale * Fraction(2) ** -types[a].fraction).denominator != 1 for a, c in self.terms.items()
        ):
            return False
        if (self.constant * scale).denominator != 1:
            return False
        low, high = self.ends(types)
        return target.minimum <= low * scale and high * scale <= target.maximum
