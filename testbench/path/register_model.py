"""The registers as software sees them: what every write and read must be answered, what is in effect when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import ALGORITHMS
from l1forge.emulator.path.registers import RegisterValues
from l1forge.firmware.path.register_map import (
    ARM,
    MASK_BASE,
    MASK_CROSSING,
    MASK_PAGE,
    NEW_SECTION,
    WORD,
    PathRegister,
    RegisterMap,
)

OKAY, SLVERR = 0, 2
NEVER = (1 << 62) - 1
WHOLE = 15


@dataclass(frozen=True)
class Access:
    """One access to the bus. ``clock``: when it may begin, or was accepted. ``data`` None: a read.

    ``until``: not to be begun after this clock, since a reset comes. ``strobe``: bytes that a write holds.
    """

    clock: int
    address: int
    data: int | None = None
    until: int = NEVER
    strobe: int = WHOLE


class RegisterModel:
    """Shadow words, pages of masks, marks of ``apply``; the values in effect after the last ``begin``."""

    def __init__(self, registers: RegisterMap) -> None:
        self.map = registers
        self.by_address = {register.address: register for register in registers.registers}
        self.masks = np.zeros((2, ORBIT, ALGORITHMS // WORD), np.uint32)
        self.reset()

    def reset(self) -> None:
        """As a reset leaves it: the memory of masks stays."""
        self.shadow = self.map.words_of(self.map.reset)
        self.page = self.apply = 0
        self.taken = self._values()

    def begin(self) -> bool:
        """A section begins: are new values taken?"""
        taken, self.apply = bool(self.apply & ARM), 0
        if taken:
            self.page = self.shadow["bx_mask_page"]
            self.taken = self._values()
        return taken

    @property
    def wants_section(self) -> bool:
        """Does the next orbit begin a section?"""
        return bool(self.apply & NEW_SECTION)

    def _values(self) -> RegisterValues:
        self.taken_words = dict(self.shadow)
        bits = np.unpackbits(
            self.masks[self.page].view(np.uint8).reshape(ORBIT, -1), axis=1, bitorder="little"
        )
        return self.map.values_of(self.shadow, bits.T.astype(bool))

    def write(self, address: int, word: int, strobe: int = WHOLE) -> int:
        """The response to a write; of a part of a word it is refused."""
        if address % 4 or strobe != WHOLE:
            return SLVERR
        if address >= MASK_BASE:
            return self._write_mask(address, word)
        register = self.by_address.get(address)
        if register is None or not register.accepts(word):
            return SLVERR
        if register.name == "apply":
            self.apply |= word
        else:
            self.shadow[register.name] = word
        return OKAY

    def _place(self, address: int) -> tuple[int, int, int]:
        page, rest = divmod(address - MASK_BASE, MASK_PAGE)
        crossing, byte = divmod(rest, MASK_CROSSING)
        return page, crossing, byte // 4

    def _write_mask(self, address: int, word: int) -> int:
        page, crossing, number = self._place(address)
        if number not in self.map.words or crossing >= ORBIT or page == self.page:
            return SLVERR
        if word & ~self.map.present(number):
            return SLVERR
        self.masks[page, crossing, number] = word
        return OKAY

    def read(self, address: int, counts: dict[str, int]) -> tuple[int, int]:
        """Word and response of a read; ``counts`` holds what the design counts, by register."""
        if address >= MASK_BASE:
            page, crossing, number = self._place(address)
            if number not in self.map.words or crossing >= ORBIT:
                return 0, SLVERR
            return int(self.masks[page, crossing, number]), OKAY
        register = self.by_address.get(address)
        if register is None:
            return 0, SLVERR
        if register.name == "map_id":
            return self.map.identity, OKAY
        if register.name == "apply":
            return self.apply, OKAY
        return (counts if register.access == "ro" else self.shadow)[register.name], OKAY


@dataclass(frozen=True)
class BothWays:
    """``words`` that a register accepts, and the ``bits`` (number, value) that they show."""

    words: tuple[int, ...]
    bits: tuple[tuple[int, int], ...]


def both_ways(register: PathRegister) -> BothWays:
    """Words that write each bit of a register 0 and 1, as far as it accepts such words."""
    ones = (1 << register.width) - 1
    ends = [register.word(register.least), register.word(register.most)]
    if register.bits is not None:
        ends = [0, register.bits]
    words: list[int] = []
    bits: dict[tuple[int, int], None] = {}

    def take(word: int) -> None:
        fresh = {(bit, word >> bit & 1) for bit in range(register.width)} - set(bits)
        if fresh and register.accepts(word):
            words.append(word)
            bits.update(dict.fromkeys(sorted(fresh)))

    for word in (*ends, ends[1] & 0x55555555, ends[1] & 0xAAAAAAAA):
        take(word)
    for bit in range(register.width):
        below = (1 << bit) - 1
        for end in ends:
            take(end ^ 1 << bit)
            take((end | 1 << bit) & ~below)
            take((end & ~(1 << bit) | below) & (ones if not register.signed else (1 << WORD) - 1))
    return BothWays(tuple(words), tuple(sorted(bits)))
