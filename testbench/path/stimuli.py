"""What a path is tried with: orbits with everything that may happen in them, and values for its registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import CompiledMenu, External, Score
from l1forge.emulator.path.path import ScoreStage
from l1forge.emulator.path.prescale import PrescaleSettings
from l1forge.emulator.path.registers import RegisterValues
from l1forge.firmware.path.generate import PathProject
from l1forge.firmware.path.register_map import ARM, MASK_BASE, MASK_CROSSING, NEW_SECTION, RegisterMap
from l1forge.testbench.path.coverage import FOLLOWED
from l1forge.testbench.path.emulator import score_rows
from l1forge.testbench.path.planted import FIRST, KEPT, LENGTH, Planted, crossing_numbers
from l1forge.testbench.path.register_model import NEVER, Access, both_ways
from l1forge.testbench.path.scenario import Scenario

CARRIED = (*COLUMNS, "ext", "link")
PRESCALES = (0, *FOLLOWED)
"""100 times the prescales that registers are given, and any other now and then."""
SHUT_CROSSINGS = KEPT // 2
"""Crossings in which a mask shuts half of the algorithms."""
WIDE = 0.3
"""Share of the sections in which some thresholds are far from the menu's."""
FIRST_ACCESS, MOST_SECTION, BEFORE_RESET = 400, 4, 100
ENDS = (0, ORBIT // 2 - 1, ORBIT // 2, 2047, 2048, ORBIT - 1, ORBIT, 4095)
"""Crossings of masks that are tried at their ends; those from ``ORBIT`` on do not exist."""
QUIET = 100
"""Crossings without external signals at the end of an orbit."""
PARTIAL = ((1, 0), (2, 0), (4, 0), (8, 0), (7, 0), (14, 0), (0, 0), (15, 1), (15, 2), (15, 3))
"""Bytes that a write holds, and how far it is beside the address of a word."""
REFUSED = 12
"""Writes of each section that the design must refuse or may take: drawn addresses and values."""


def complete(events: Events) -> Events:
    """All columns that words are made of; what the events lack is 0, external signals included."""
    columns = {name: events.column(name) for name in CARRIED}
    return Events.of_rows(columns, events.n)


def with_externals(events: Events, menu: CompiledMenu, seed: int) -> Events:
    """External signals of the menu drawn at random, each with its own rate; what is there already stays."""
    random = np.random.default_rng(seed)
    words = np.array(events.column("ext"))
    used = sorted({c.index for c in menu.conditions.values() if isinstance(c, External)})
    for index in used:
        word, bit = divmod(index, 64)
        drawn = random.random(events.n) < 0.5 ** random.integers(1, 10)
        words[word] |= drawn.astype(words.dtype) << np.uint64(bit)
    columns = {name: events.column(name) for name in CARRIED if name != "ext"}
    return Events.of_rows({**columns, "ext": words}, events.n)


def port_scores(
    project: PathProject, stages: Sequence[ScoreStage], events: Events
) -> dict[str, NDArray[np.int64]]:
    """Scores that enter by ports, (objects, n), as ``stages`` compute them."""
    wanted = {s.name: len(s.ports) for part in project.parts if not part.project for s in part.scores}
    found: dict[str, NDArray[np.int64]] = {}
    for stage in stages:
        for name, values in stage(events).items():
            if name in wanted:
                found[name] = score_rows(values, wanted[name], events.n)
    return found


def drawn_values(registers: RegisterMap, random: np.random.Generator, load: int = 0) -> RegisterValues:
    """Values for every register: prescales, masks, thresholds near those of the menu, rules, buffer.

    ``load``: their number in a run. Masks, prescales, vetoes, dead time, rules and buffer go through their
    kinds with it, so that a few loads show all; one bit far up in a register must be seen to do something.
    """
    reset, settings = registers.reset, PrescaleSettings.default(())
    wide = random.random() < WIDE  # then thresholds are anything: seeds that are always true, or never
    shut = FIRST + load % 2 * SHUT_CROSSINGS  # where directed crossings stand
    for place, algorithm in enumerate(registers.menu.algorithms):
        index = algorithm.index
        turn = (place + load) % (2 * len(PRESCALES))
        if turn < len(PRESCALES):
            settings.factors[index] = PRESCALES[turn]
        else:  # without its highest bit it is 1
            settings.factors[index] = 100 + (1 << 7 + (place + 3 * load) % 25)
        settings.finor[index] = (place + load) % 4 != 0
        settings.veto[index] = (place + load) % 16 == 5
        if random.random() < 0.05:
            start = int(random.integers(ORBIT))
            settings.closed[index, start : start + int(random.integers(1, 40))] = True
        elif (place + load // 2) % 2:
            settings.closed[index, shut : shut + SHUT_CROSSINGS] = True
    thresholds = {}
    for one in registers.thresholds:
        near = one.value + int(random.integers(-4, 5)) if random.random() < 0.6 else one.value
        if wide and random.random() < 0.3:
            drawn = int(random.integers(one.least, one.most + 1))
            near = (one.least, one.most, drawn)[int(random.integers(3))]
        thresholds[one.condition] = min(max(near, one.least), one.most)
    return RegisterValues(settings, thresholds, *_control(reset.rules, random, load))


def _control(
    usual: tuple[tuple[int, int], ...], random: np.random.Generator, load: int
) -> tuple[tuple[tuple[int, int], ...], int, tuple[int, int], int]:
    """Rules, dead time, buffer, orbits of a section."""
    far = 1 << int(random.integers(6, 16))
    rules = tuple(
        (n, int(random.integers(n, 60 * n)) if random.random() < 0.8 else far)
        for n in ((place + load) % 4 + 1 for place in range(4))
        if random.random() < 0.8
    )
    dead_time = 0 if load % 2 else int(random.integers(1, 12)) if random.random() < 0.7 else far
    buffer = (0, 0)
    if load % 3 != 2:
        buffer = int(random.integers(1, 9)), int(random.integers(1, 200))
        if random.random() < 0.3:
            power = int(random.integers(24))
            service = 1 << min(power, int(random.integers(4, 9)))
            buffer = (1 << power) // service + 1, service
    sections = int(random.integers(1, MOST_SECTION))
    if load % 4 == 1:  # the next load asks for a section; without its highest bit it is one orbit
        sections = 1 + (1 << int(random.integers(2, 32)))
    return rules or usual, dead_time, buffer, sections


def section_accesses(
    registers: RegisterMap, values: RegisterValues, page: int, clock: int, random: np.random.Generator
) -> list[Access]:
    """Load ``values`` from ``clock`` on, try writes that are refused, read every register back."""
    writes = registers.writes(values, page)
    for _ in range(REFUSED):
        mask = MASK_BASE + int(random.integers(1 << 16)) * 4
        known = registers.registers[int(random.integers(len(registers.registers)))].address
        address = (mask, known, int(random.integers(1 << 15)) * 4)[int(random.integers(3))]
        if address not in (registers.by_name["apply"].address, *_needed(registers)):
            writes.insert(int(random.integers(len(writes) + 1)), (address, int(random.integers(1 << 32))))
    crossing = FIRST + int(random.integers(LENGTH))  # one that is open to all, and one that is shut to all
    for word in registers.words:
        shut = registers.mask_address(page, crossing, word)
        writes += [(shut, 0), (shut + MASK_CROSSING, registers.present(word))]
    found = [Access(clock, address, word) for address, word in writes]
    found.append(Access(clock, registers.by_name["apply"].address, ARM))
    found += [Access(clock, register.address) for register in registers.registers]
    found += [Access(clock, int(random.integers(1 << 18)) * 4) for _ in range(REFUSED)]
    found += [Access(clock, address) for address, _ in registers.mask_writes(values, page)[:16]]
    return found


def walk(registers: RegisterMap, clock: int) -> list[Access]:
    """Write every bit of every register 0 and 1 and read it back, none of it to take effect.

    And what lies at the ends of its range and beside them, where it must be refused.
    """
    found = [Access(clock, registers.by_name["apply"].address, word) for word in (0, 4, 5, 6, 7, 1 << 31)]
    for register in registers.registers:
        if register.access == "rw" and register.name != "apply":
            for word in both_ways(register).words:
                found += [Access(clock, register.address, word), Access(clock, register.address)]
            highest = 1 << register.width - 1
            for value in (0, register.least - 1, register.least, register.most, register.most + 1, highest):
                found += [Access(clock, register.address, register.word(value))]
            found.append(Access(clock, register.address))
    for number in registers.words:
        for page in (0, 1):
            for crossing in ENDS:
                place = registers.mask_address(page, crossing, number)
                found += [Access(clock, place, registers.present(number)), Access(clock, place)]
    return found


def _parts(registers: RegisterMap, clock: int, random: np.random.Generator) -> list[Access]:
    """Writes of some bytes of a word, or beside its address, which must change nothing, each read back."""
    found = []
    words = [r for r in registers.registers if r.access == "rw" and r.name != "apply"]
    for strobe, beside in PARTIAL:
        register = words[int(random.integers(len(words)))]
        allowed = both_ways(register).words
        word, place = allowed[int(random.integers(len(allowed)))], register.address
        found += [Access(clock, place + beside, word, strobe=strobe), Access(clock, place)]
        number = registers.words[int(random.integers(len(registers.words)))]
        for page in (0, 1):
            place = registers.mask_address(page, int(random.integers(ORBIT)), number)
            bits = registers.present(number)
            found += [Access(clock, place + beside, bits, strobe=strobe), Access(clock, place)]
    return found


def _needed(registers: RegisterMap) -> tuple[int, ...]:
    """Registers that no drawn word may hold: sections would have no end, the buffer no whole places."""
    names = (
        "orbits_per_section",
        "bx_mask_page",
        "buffer_limit",
        "buffer_service",
        *(f"rule_{i}" for i in range(4)),
    )
    return tuple(registers.by_name[name].address for name in names)


def eventful(
    project: PathProject,
    stages: Sequence[ScoreStage],
    events: Events,
    seed: int,
    *,
    disturbed: bool = True,
    directed: Planted | None = None,
    every: int = 1,
    partial: bool = True,
) -> Scenario:
    """Orbits of ``events`` with register accesses; ``disturbed``: gaps, resets, lost orbit marks.

    The first orbit runs with the values after a reset; every orbit, or each of ``every`` orbits, loads new
    values, which take effect when the section ends, or the orbit if a new section is asked for. ``directed``
    crossings stand in place of some events of each orbit. ``partial``: also every bit
    of every register, and parts of words, for which a slow bus has no time.
    """
    random, n = np.random.default_rng(seed), events.n
    valid, reset, start = np.ones(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    orbits = n // ORBIT
    resets: list[int] = []
    if disturbed and orbits >= 4:
        valid &= random.random(n) >= 0.02
        valid[ORBIT // 2 : ORBIT // 2 + 100] = False
        resets = [
            int(random.integers(ORBIT // 2, ORBIT - 200)) + ORBIT * o for o in (orbits // 6, orbits // 3)
        ]
        for at in resets:
            reset[at : at + int(random.integers(project.latency, 4 * project.latency))] = True
            start[min(n - 1, int(np.flatnonzero(reset[at:] < 1)[0]) + at + 1)] = at == resets[0]
        for orbit in {orbits // 2, max(orbits // 2, orbits - 2), max(orbits // 2, orbits - 3)}:
            lost = min(n - 2, orbit * ORBIT + int(random.integers(1500, ORBIT)))
            start[lost : lost + 2] = True  # two orbits in two crossings
    accesses = _loads(project, orbits, every, resets, random, partial)
    columns: dict[str, NDArray[Any]] = {name: np.array(events.column(name)) for name in CARRIED}
    numbers = crossing_numbers(reset, start)
    columns["ext"][:, numbers > ORBIT - QUIET] = 0  # no rule closes what happens where a section ends
    ends = np.isin(numbers, (0, ORBIT - 1)) & (random.random(n) < 0.5)
    columns["ext"][:, ends] = np.iinfo(np.uint64).max
    places, rows = _places(directed, reset, start)
    for name, column in columns.items():
        if directed is not None:
            column[:, places] = directed.events.column(name)[:, rows]
    silent = ~valid | reset
    for column in columns.values():
        column[:, silent] = 0
    shown = Events.of_rows(columns, n)
    scores = port_scores(project, stages, shown)
    for name, score in scores.items():
        if directed is not None and name in directed.scores:
            score[:, places] = directed.scores[name][:, rows]
        score[:, silent] = 0
    return Scenario(shown, scores, valid, reset, start, tuple(accesses))


def _places(
    directed: Planted | None, reset: NDArray[np.bool_], start: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Crossings that directed rows replace, and which rows."""
    places, rows = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    if directed is not None:
        for orbit, first in enumerate(np.flatnonzero(crossing_numbers(reset, start) == FIRST).tolist()):
            chosen = directed.choice(orbit)[: len(reset) - first]
            places.append(first + np.arange(len(chosen)))
            rows.append(chosen)
    return np.concatenate(places), np.concatenate(rows)


ACCESS_CLOCKS = 3
"""Of the compiled harness, whose master is not always ready: 2.6 on average."""


def _loads(
    project: PathProject,
    orbits: int,
    every: int,
    resets: Sequence[int],
    random: np.random.Generator,
    partial: bool,
) -> list[Access]:
    """New values for all registers in each of ``every`` orbits; most of them ask for a new section."""
    registers, accesses, page, busy = project.registers, list[Access](), 0, 0
    for load, orbit in enumerate(range(0, max(1, orbits - every), every)):  # the last one must end in time
        clock = orbit * ORBIT + int(random.integers(ORBIT))
        ahead = [at for at in resets if at > clock - 4 * project.latency]
        until = ahead[0] - BEFORE_RESET if ahead else NEVER
        page = 1 - page
        values = drawn_values(registers, random, load)
        found = section_accesses(registers, values, page, clock, random)
        if load == 0 and partial:  # nothing waits for a section yet
            found = walk(registers, clock) + found
        if partial:
            found += _parts(registers, clock, random)
        if load % 4 != 3:
            found.append(Access(clock, registers.by_name["apply"].address, NEW_SECTION))
        busy = max(busy, clock) + ACCESS_CLOCKS * len(found)
        if load and busy > orbits * ORBIT:
            break  # a large menu has more registers than an orbit has time: the bus is behind by now
        accesses += [replace(access, until=until) for access in found]
    return accesses


def quiet(
    project: PathProject, stages: Sequence[ScoreStage], events: Events, accesses: Sequence[Access] = ()
) -> Scenario:
    """Crossings as they are."""
    n = events.n
    shown = complete(events)
    return Scenario(
        shown,
        port_scores(project, stages, shown),
        np.ones(n, bool),
        np.zeros(n, bool),
        np.zeros(n, bool),
        accesses,
    )


class DrawnScores:
    """Scores of models that nobody has here: random integers, half of them next to the menu's limits."""

    columns: tuple[str, ...] = ()

    def __init__(
        self, menu: CompiledMenu, scores: Sequence[str], objects: Mapping[str, int], seed: int
    ) -> None:
        self.random, self.objects = np.random.default_rng(seed), objects
        self.edges: dict[str, list[int]] = {}
        for name in scores:
            type_ = FixedType.parse(menu.score_types[name])
            conditions = [c for c in menu.conditions.values() if isinstance(c, Score) and c.score == name]
            near = {
                end + step
                for c in conditions
                for end in (c.lower, c.upper)
                if end is not None
                for step in (-1, 0, 1)
            }
            inside = sorted(value for value in near if type_.minimum <= value <= type_.maximum)
            self.edges[name] = [type_.minimum, *inside, type_.maximum]

    def __call__(self, events: Events) -> dict[str, NDArray[np.int64]]:
        """One value for each object and crossing."""
        found = {}
        for name, edges in self.edges.items():
            shape = (self.objects.get(name, 1), events.n)
            near = self.random.choice(np.array(edges, np.int64), shape)
            far = self.random.integers(edges[0], edges[-1], shape, endpoint=True)
            found[name] = np.where(self.random.random(shape) < 0.5, near, far)
        return found
