"""The four networks by name: how many constituents, how wide, how many bits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Size and precision of a network.

    Parameters
    ----------
    constituents
        Leading constituents that enter.
    phi
        Widths of the layers that every constituent passes, with shared weights.
    rho
        Widths of the layers behind the sum over constituents; five classes follow.
    edges
        Width of the message between two constituents; 0: a deep set, where constituents only meet in the sum.
    weight_bits, activation_bits
        Bits of weights, and of what a layer gives to the next one.
    first_bits
        Bits of the weights of layers that read the features: those of angles are much larger than those of
        momenta, and one type holds both.
    """

    name: str
    constituents: int
    phi: tuple[int, ...]
    rho: tuple[int, ...]
    edges: int = 0
    weight_bits: int = 6
    activation_bits: int = 6
    first_bits: int = 6


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("jet_sets_8", 8, (16, 16), (16,), weight_bits=7, activation_bits=7, first_bits=8),
        Shape("jet_sets_16", 16, (16, 16), (16,)),
        Shape("jet_sets_32", 32, (16, 16), (16,)),
        Shape("jet_graph", 8, (16,), (16,), edges=8, weight_bits=7, activation_bits=7, first_bits=7),
    )
}
