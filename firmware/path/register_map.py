"""The register map of a trigger path: one list from which Verilog, C header, JSON and table are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import ALGORITHMS, CompiledMenu
from l1forge.emulator.path import registers as limits
from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.path.registers import RegisterValues
from l1forge.emulator.path.thresholds import Threshold, thresholds_of
from l1forge.firmware.menu.verilog import bits_of
from l1forge.firmware.rtl.ports import identifier

WORD = 32
ADDRESS_BITS = 20
MASK_BASE, MASK_PAGE, MASK_CROSSING = 0x80000, 1 << 18, 1 << 6
"""Bytes: the bunch-crossing masks, one of their two pages, one crossing of a page."""
FINOR, VETO, PRESCALE, BEFORE, AFTER, ACCEPTED, THRESHOLD = (
    0x400,
    0x440,
    0x1000,
    0x2000,
    0x3000,
    0x4000,
    0x5000,
)
ARM, NEW_SECTION = 1, 2
"""Bits of ``apply``: the written values take effect at the next section; the next orbit begins a section."""
REASONS = ("dead_time", *(f"rule_{i}" for i in range(limits.RULES)), "buffer")
"""What may close a crossing, in the order in which it is counted."""


@dataclass(frozen=True)
class PathRegister:
    """One word: ``access`` is ``rw`` or ``ro``; values from ``least`` to ``most``, ``zero``: also 0;
    ``bits``: any of these bits."""

    name: str
    address: int
    access: str
    width: int
    about: str
    reset: int = 0
    least: int = 0
    most: int = 0
    zero: bool = False
    bits: int | None = None

    @property
    def signed(self) -> bool:
        """Two's complement in 32 bits."""
        return self.least < 0

    def word(self, value: int) -> int:
        """The 32 bits of a value."""
        return value & ((1 << WORD) - 1)

    def value(self, word: int) -> int:
        """The number that 32 bits are."""
        return word - (1 << WORD) if self.signed and word >> (WORD - 1) else word

    def accepts(self, word: int) -> bool:
        """Can the register hold this word? The Verilog refuses others."""
        if self.access == "ro":
            return False
        if self.bits is not None:
            return not word & ~self.bits
        return self.least <= self.value(word) <= self.most or (self.zero and word == 0)


def _rw(
    name: str,
    address: int,
    most: int,
    about: str,
    reset: int = 0,
    *,
    least: int = 0,
    zero: bool = False,
    bits: int | None = None,
) -> PathRegister:
    width = bits_of(min(least, 0), most)
    return PathRegister(name, address, "rw", width, about, reset, least, most, zero, bits)


def _ro(name: str, address: int, about: str) -> PathRegister:
    return PathRegister(name, address, "ro", WORD, about)


class RegisterMap:
    """The registers of the path of ``menu``; ``reset``: what they hold after a reset."""

    def __init__(self, menu: CompiledMenu, reset: RegisterValues) -> None:
        self.menu, self.reset = menu, reset
        self.thresholds: tuple[Threshold, ...] = thresholds_of(menu)
        self.words = sorted({algorithm.index // WORD for algorithm in menu.algorithms})
        """Numbers of the 32-bit words of 512 bits that hold an algorithm."""
        self.algorithm_names = _unique(algorithm.name for algorithm in menu.algorithms)
        """Verilog name of every algorithm, in the order of the menu."""
        self.threshold_names = _unique(f"threshold_{one.condition}" for one in self.thresholds)

    def present(self, word: int) -> int:
        """Bits of a word that are algorithms."""
        return sum(1 << a.index % WORD for a in self.menu.algorithms if a.index // WORD == word)

    @cached_property
    def registers(self) -> tuple[PathRegister, ...]:
        """All of them, by address; masks of crossings lie behind ``MASK_BASE``."""
        return tuple(sorted([*self._control(), *self._algorithms()], key=lambda r: r.address))

    def _control(self) -> Iterator[PathRegister]:
        yield _ro("map_id", 0x0, "first 32 bits of the SHA-256 of this map: which design answers")
        yield _rw(
            "apply",
            0x4,
            ARM | NEW_SECTION,
            "1: take what is written at the next section; 2: the next orbit begins one",
        )
        top = (1 << limits.ORBIT_BITS) - 1
        yield _rw(
            "orbits_per_section",
            0x8,
            top,
            "orbits of a luminosity section",
            self.reset.orbits_per_section,
            least=1,
        )
        yield _rw("bx_mask_page", 0xC, 1, "page of the bunch-crossing masks in use; write to the other one")
        rules = [*self.reset.rules, *[(1, 0)] * (limits.RULES - len(self.reset.rules))]
        for number, rule in enumerate(rules):
            about = "bits 17-16: accepts - 1, bits 15-0: crossings; 0 crossings: off"
            yield _rw(
                f"rule_{number}", 0x10 + 4 * number, (1 << limits.RULE_BITS + 2) - 1, about, rule_word(*rule)
            )
        dead, limit, service = (
            (1 << limits.DEAD_BITS) - 2,
            (1 << limits.LIMIT_BITS) - 1,
            (1 << limits.SERVICE_BITS) - 1,
        )
        yield _rw("dead_time", 0x20, dead, "crossings closed after every accept", self.reset.dead_time)
        depth, time = self.reset.buffer
        yield _rw("buffer_limit", 0x24, limit, "(places - 1) x buffer_service", max(depth - 1, 0) * time)
        yield _rw(
            "buffer_service", 0x28, service, "crossings to read one event; 0: no buffer", time if depth else 0
        )
        yield _ro("section", 0x40, "number of the section that is being counted")
        for number, name in enumerate(("crossings", "requests", "accepts")):
            yield _ro(name, 0x44 + 4 * number, f"{name} of the section before")
        for number, reason in enumerate(REASONS):
            yield _ro(f"lost_{reason}", 0x50 + 4 * number, f"requests of the section before lost to {reason}")
        for number, reason in enumerate(REASONS):
            yield _ro(
                f"dead_{reason}", 0x70 + 4 * number, f"crossings of the section before closed by {reason}"
            )

    def _algorithms(self) -> Iterator[PathRegister]:
        for word in self.words:
            bits = self.present(word)
            names = f"algorithms {WORD * word} to {WORD * word + WORD - 1}"
            yield _rw(f"finor_{word}", FINOR + 4 * word, bits, f"FinOR mask of {names}", bits, bits=bits)
            yield _rw(f"veto_{word}", VETO + 4 * word, bits, f"veto mask of {names}", bits=bits)
        for name, algorithm in zip(self.algorithm_names, self.menu.algorithms, strict=True):
            offset = 4 * algorithm.index
            about = f"100 x prescale of {algorithm.name}; 0: off"
            yield _rw(
                f"prescale_{name}", PRESCALE + offset, (1 << WORD) - 1, about, 100, least=100, zero=True
            )
            yield _ro(f"before_{name}", BEFORE + offset, f"{algorithm.name} behind the mask, section before")
            yield _ro(
                f"after_{name}", AFTER + offset, f"{algorithm.name} behind the prescale, section before"
            )
            yield _ro(
                f"accepted_{name}",
                ACCEPTED + offset,
                f"{algorithm.name} in accepted crossings, section before",
            )
        for number, (name, one) in enumerate(zip(self.threshold_names, self.thresholds, strict=True)):
            about = f"{one.subject} of {', '.join(one.seeds)}"
            yield _rw(name, THRESHOLD + 4 * number, one.most, about, one.value, least=one.least)

    @cached_property
    def by_name(self) -> dict[str, PathRegister]:
        """Registers by name."""
        return {register.name: register for register in self.registers}

    @cached_property
    def identity(self) -> int:
        """What the register ``map_id`` holds."""
        text = repr([asdict(register) for register in self.registers])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")

    def mask_address(self, page: int, crossing: int, word: int) -> int:
        """Byte address of 32 algorithms of the bunch-crossing mask in one crossing."""
        return MASK_BASE + page * MASK_PAGE + crossing * MASK_CROSSING + 4 * word

    def writes(
        self, values: RegisterValues, page: int = 0, old: RegisterValues | None = None
    ) -> list[tuple[int, int]]:
        """(address, word) that load ``values``, without the ``apply`` behind them.

        ``page`` of the masks is written and chosen; ``old`` is what the design holds, so that only what
        differs is written (the page's masks count as open if it is None).
        """
        wanted, before = self.words_of(values, page), self.words_of(old, 1 - page) if old else {}
        found = [
            (self.by_name[name].address, word) for name, word in wanted.items() if before.get(name) != word
        ]
        return self.mask_writes(values, page) + found

    def mask_writes(self, values: RegisterValues, page: int) -> list[tuple[int, int]]:
        """(address, word) of every crossing in which an algorithm is shut."""
        words = np.packbits(
            values.settings.closed.reshape(ALGORITHMS // WORD, WORD, ORBIT), axis=1, bitorder="little"
        )
        shut = np.ascontiguousarray(words.transpose(0, 2, 1)).view("<u4")[..., 0]
        return [
            (self.mask_address(page, int(crossing), word), int(shut[word, crossing]) & self.present(word))
            for word in self.words
            for crossing in np.flatnonzero(shut[word])
        ]

    def words_of(self, values: RegisterValues, page: int = 0) -> dict[str, int]:
        """Register to word for ``values``."""
        settings, (depth, service) = values.settings, values.buffer
        words = {
            "orbits_per_section": values.orbits_per_section,
            "bx_mask_page": page,
            "dead_time": values.dead_time,
        }
        words |= {"buffer_limit": max(depth - 1, 0) * service, "buffer_service": service if depth else 0}
        for number in range(limits.RULES):
            words[f"rule_{number}"] = rule_word(*values.rules[number]) if number < len(values.rules) else 0
        for word in self.words:
            for name, flags in (("finor", settings.finor), ("veto", settings.veto)):
                bits = flags[WORD * word : WORD * word + WORD]
                words[f"{name}_{word}"] = sum(1 << i for i in np.flatnonzero(bits).tolist()) & self.present(
                    word
                )
        for name, algorithm in zip(self.algorithm_names, self.menu.algorithms, strict=True):
            words[f"prescale_{name}"] = int(settings.factors[algorithm.index])
        for name, one in zip(self.threshold_names, self.thresholds, strict=True):
            words[name] = self.by_name[name].word(values.thresholds.get(one.condition, one.value))
        return words

    def values_of(self, words: Mapping[str, int], closed: NDArray[np.bool_]) -> RegisterValues:
        """The inverse of ``words_of``; ``closed`` (512, 3564) is the page of masks in use."""
        settings = PrescaleSettings.default(())
        settings.closed[:] = closed
        for name, algorithm in zip(self.algorithm_names, self.menu.algorithms, strict=True):
            word, bit = divmod(algorithm.index, WORD)
            settings.factors[algorithm.index] = words[f"prescale_{name}"]
            settings.finor[algorithm.index] = words[f"finor_{word}"] >> bit & 1
            settings.veto[algorithm.index] = words[f"veto_{word}"] >> bit & 1
        rules = [divmod(words[f"rule_{number}"], 1 << limits.RULE_BITS) for number in range(limits.RULES)]
        limit, service = words["buffer_limit"], words["buffer_service"]
        if service and limit % service:
            raise ValueError("the limit of the buffer is no multiple of its service time")
        return RegisterValues(
            settings,
            {
                one.condition: self.by_name[name].value(words[name])
                for name, one in zip(self.threshold_names, self.thresholds, strict=True)
            },
            tuple((accepts + 1, crossings) for accepts, crossings in rules if crossings),
            words["dead_time"],
            (limit // service + 1, service) if service else (0, 0),
            words["orbits_per_section"],
        )


def rule_word(accepts: int, crossings: int) -> int:
    """The word of a trigger rule."""
    return (accepts - 1) << limits.RULE_BITS | crossings


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    """Verilog identifiers, no two alike."""
    found: dict[str, None] = {}
    for text in names:
        name = base = identifier(text)
        count = 1
        while name in found:
            count += 1
            name = f"{base}_copy{count}"
        found[name] = None
    return tuple(found)
