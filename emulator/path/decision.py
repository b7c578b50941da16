"""What the path knows of one block: its algorithm bits, and what was decided on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import Events
from l1forge.emulator.path.prescale import ALGORITHMS, WORDS
from l1forge.emulator.stream.blocks import Block


@dataclass(frozen=True)
class Decision:
    """What the path decided on one block of n crossings.

    ``finor`` and ``accept`` (n,) bool. Algorithm bits are kept of the crossings ``places`` (k,) only, no
    other has any: ``algorithm_words`` (8, k) uint64 before any prescale, ``fired_words`` (8, k) behind masks
    and prescales.
    """

    block: Block
    places: NDArray[np.int64]
    algorithm_words: NDArray[np.uint64]
    fired_words: NDArray[np.uint64]
    finor: NDArray[np.bool_]
    accept: NDArray[np.bool_]

    @property
    def algorithms(self) -> NDArray[np.uint64]:
        """Bits before any prescale of all crossings, (8, n)."""
        return self._spread(self.algorithm_words)

    @property
    def fired(self) -> NDArray[np.uint64]:
        """Bits behind masks and prescales of all crossings, (8, n)."""
        return self._spread(self.fired_words)

    def _spread(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        if self.places.size == self.block.n:
            return words
        out = np.zeros((WORDS, self.block.n), np.uint64)
        out[:, self.places] = words
        return out

    def events(self) -> Events:
        """The block's own crossings with ``bx``, ``algo`` and ``finor``, before prescales as test vectors."""
        if self.block.parts is not None:
            raise ValueError("a sparse block does not hold every crossing")
        halo, n = self.block.halo, self.block.n
        own = self.block.events.select(slice(halo, halo + n))
        words = self.algorithms
        any_bit = (np.bitwise_or.reduce(words, axis=0) != 0).astype(np.uint8)
        columns = {**own, "bx": self.block.bx[None], "algo": words, "finor": any_bit[None]}
        return Events(columns, n)


@dataclass
class Worked:
    """A block whose bits are known and whose decision is not: that needs the crossings before it.

    ``words`` (8, k) uint64: bits of the crossings ``places`` (k,) before any prescale; ``seconds``: CPU time
    by stage.
    """

    block: Block
    places: NDArray[np.int64]
    words: NDArray[np.uint64]
    seconds: dict[str, float] = field(default_factory=dict)


def merged_parts(
    found: list[tuple[NDArray[np.int64], NDArray[np.uint64]]],
    places: list[NDArray[np.int64]],
    n: int,
    empty: NDArray[np.uint64],
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Crossings with bits and their words, in order, from those of the parts of a sparse block.

    ``found`` counts within its part, whose crossings lie at ``places`` of the block. A later part takes the
    place of an earlier one. Crossings without a bit are dropped if an empty crossing has none.
    """
    if empty.any():
        every = np.empty((WORDS, n), np.uint64)
        every[:] = empty
        for (chosen, words), at in zip(found, places, strict=True):
            every[:, at] = 0
            every[:, at[chosen]] = words
        return np.arange(n), every
    taken, owners, kept = np.zeros(n, bool), [], []
    for (chosen, words), at in reversed(list(zip(found, places, strict=True))):
        fired = np.flatnonzero(np.bitwise_or.reduce(words, axis=0))
        owner = at[chosen[fired]]
        free = ~taken[owner]
        owners.append(owner[free])
        kept.append(words[:, fired[free]])
        if at is not places[0]:
            taken[at] = True
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return owner[order], np.ascontiguousarray(np.concatenate(kept, axis=1)[:, order])


def count_bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How often each of the 512 bits is set in (8, n) words."""
    flags = np.unpackbits(np.ascontiguousarray(words.T).view(np.uint8), axis=1, bitorder="little")
    return np.bincount(np.flatnonzero(flags.view(bool)) % ALGORITHMS, minlength=ALGORITHMS)
