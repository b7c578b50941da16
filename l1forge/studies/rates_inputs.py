"""What a rate study is given: files and lists of them, rates with units, seeds that can be evaluated."""

from __future__ import annotations

import glob
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import WEIGHT
from l1forge.emulator.events.remote import is_remote, listed
from l1forge.emulator.menu.compiled import CompiledMenu, External, condition_names
from l1forge.emulator.menu.excluded import Excluded, absent_inputs, of_models, without
from l1forge.emulator.path.external_signals import OrbitSignals
from l1forge.emulator.rates.sampling import objects_of_neighbours
from l1forge.simulation import SAMPLE
from l1forge.studies.rates_counting import Skipped, open_input

ZERO_BIAS = SAMPLE / "zerobias.parquet"
Seen = Callable[[int], None]


def is_menu(name: str) -> bool:
    """Is ``name`` the file of a menu (YAML, XML, compiled JSON), not a model?"""
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml", ".xml"):
        return True
    if suffix != ".json" or not path.is_file():
        return False
    with path.open("rb") as file:
        return b'"l1forge-menu"' in file.read(4096)


def input_files(names: Sequence[str | Path]) -> tuple[str, ...]:
    """The files of ``names``: patterns (``run*.parquet``) and lists (``@runs.txt``) become their files.

    A list has one name, pattern or address in each line; empty lines and those that begin with # are
    passed over. Patterns give their files in order.

    Raises
    ------
    InputError
        If a list cannot be read, a pattern matches nothing, or a file is named twice: its crossings would
        count twice.
    """
    files: list[str] = []
    for name in _unlisted(names):
        if is_remote(name):
            found = listed(name)
        elif not Path(name).exists() and glob.has_magic(name):
            found = sorted(glob.glob(name, recursive=True))
        else:
            found = [name]
        if not found:
            raise InputError("matches no file", field="INPUT", value=name, remedy="check the pattern")
        files += found
    seen: set[str] = set()
    for file in files:
        same = file if is_remote(file) else str(Path(file).resolve())
        if same in seen:
            raise InputError("is given twice", file=file, remedy="name every input once")
        seen.add(same)
    return tuple(files)


def _unlisted(names: Sequence[str | Path]) -> Iterator[str]:
    for name in map(str, names):
        if not name.startswith("@") or Path(name).exists():
            yield name
            continue
        try:
            text = Path(name[1:]).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("list cannot be read", file=name[1:], remedy="one name in each line") from error
        lines = [line.strip() for line in text.splitlines()]
        yield from (line for line in lines if line and not line.startswith("#"))


def parse_target(text: str) -> tuple[str, float]:
    """Seed and rate in kHz of ``L1_SingleMu22=1kHz``; units Hz, kHz, MHz, none is kHz.

    Raises
    ------
    InputError
        If it is not of this form.
    """
    seed, separator, value = text.rpartition("=")
    if not separator or not seed:
        raise InputError("SEED=RATE expected", field="--target", value=text, remedy="such as L1_Mu22=1kHz")
    return seed, parse_rate(value, "--target", text, "SEED=RATE expected", "such as L1_Mu22=1kHz")


def parse_rate(
    value: str, option: str, text: str, problem: str = "rate expected", remedy: str = "such as 100kHz"
) -> float:
    """A rate in kHz; units Hz, kHz, MHz, none is kHz.

    Raises
    ------
    InputError
        If it is none: of ``option`` with ``text``.
    """
    units = {"mhz": 1e3, "khz": 1.0, "hz": 1e-3}
    lower = value.strip().lower()
    unit = next((unit for unit in ("khz", "mhz", "hz") if lower.endswith(unit)), "")
    try:
        rate = float(lower.removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise InputError(problem, field=option, value=text, remedy=remedy)
    return rate


def opened(names: Sequence[str], skip_bad: bool) -> tuple[dict[str, EventSource], list[Skipped]]:
    """The sources of all files that can be read, and those that cannot.

    Raises
    ------
    InputError
        If one cannot be read and ``skip_bad`` is not set, or none can.
    """
    found, skipped = {}, []
    for name in names:
        try:
            found[name] = open_input(name)
        except InputError as error:
            if not skip_bad:
                if len(names) == 1:
                    raise
                raise InputError(f"{error}; --skip-bad leaves such files out") from error
            skipped.append(Skipped(name, str(error)))
    if not found:
        raise InputError("no file can be read", field="INPUT", value=skipped[0].reason)
    return found, skipped


def evaluable(
    menu: CompiledMenu, sources: Sequence[EventSource], signals: OrbitSignals, without_models: Sequence[str]
) -> tuple[CompiledMenu, tuple[Excluded, ...]]:
    """The menu without seeds on inputs that are absent, also external signals that cannot be derived."""
    common = set.intersection(*(set(source.columns) for source in sources)) if sources else set()
    given = "ext" in common and "bx" in common
    reasons = absent_inputs(menu, common | {"ext"})
    if not given:
        for algorithm in menu.algorithms:
            if any(
                isinstance(condition, External) and condition.index in signals.unknown_bits
                for condition in map(menu.conditions.__getitem__, condition_names(algorithm.expression))
            ):
                reasons.setdefault(
                    algorithm.index, "an external signal does not follow from the filling scheme"
                )
    if any(WEIGHT in source.optional for source in sources):
        for algorithm in menu.algorithms:
            if any(
                objects_of_neighbours(menu.conditions[name]) for name in condition_names(algorithm.expression)
            ):
                reasons.setdefault(algorithm.index, "weighted events have no neighbouring crossings")
    return without(menu, reasons | of_models(menu, without_models))
