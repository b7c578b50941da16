"""A menu against test vectors: every algorithm bit of every crossing, and the FinOR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from emulator.errors import InputError
from emulator.events.objects import Events
from emulator.events.test_vectors import read_test_vectors
from emulator.menu.compiled import Algorithm, CompiledMenu, Known
from emulator.menu.evaluate import MenuEvaluator, Scores, Words, algorithm_bit, finor

MATCH, KNOWN, UNSCORED, MISMATCH = "match", "known", "not evaluated", "MISMATCH"
SHOWN = 8


@dataclass(frozen=True)
class AlgorithmResult:
    """One algorithm's comparison; ``crossings`` are the row numbers of the first disagreements."""

    index: int
    name: str
    expected: int
    ours: int
    differences: int
    crossings: tuple[int, ...]
    status: str
    reason: str = ""


@dataclass
class CheckResult:
    """The match table of one menu and one file."""

    menu: str
    vectors: str
    crossings: int
    algorithms: list[AlgorithmResult] = field(default_factory=list)
    finor_differences: int = 0
    finor_documented: bool = False
    undefined_bits: tuple[int, ...] = ()
    """Bits that are set in the vectors but belong to no algorithm of the menu."""

    def count(self, status: str) -> int:
        return sum(result.status == status for result in self.algorithms)

    @property
    def passed(self) -> bool:
        """No disagreement that is not documented, in algorithm bits, undefined bits and FinOR."""
        finor_good = self.finor_differences == 0 or self.finor_documented
        return not (self.count(MISMATCH) or self.undefined_bits) and finor_good


def read_orbit(path: str | Path) -> Events:
    """All crossings of a test-vector file.

    Raises
    ------
    InputError
        If the file is damaged or has no algorithm bits.
    """
    events = Events.concatenate(list(read_test_vectors(path)))
    if "algo" not in events:
        raise InputError("the file has no algorithm bits to compare with", file=path)
    return events


def check_menu(
    menu: CompiledMenu,
    vectors: str | Path,
    allow: Iterable[Known] = (),
    scores: Scores | None = None,
) -> CheckResult:
    """Compare bit by bit; tolerance zero.

    Parameters
    ----------
    vectors : test-vector file, taken as one turn of an endless orbit: its ends are neighbours
    allow : documented disagreements, in addition to the menu's own
    scores : raw model scores by name, shape (n,); algorithms whose scores are not given are not evaluated
    """
    events = read_orbit(vectors)
    given = dict(scores or {})
    missing = {name: np.zeros(events.n, np.int64) for name in menu.scores if name not in given}
    ours = MenuEvaluator(menu)(events, {**given, **missing}, "orbit")
    expected: Words = events["algo"].astype(np.uint64, copy=False)
    documented = [k for k in (*menu.known, *allow) if fnmatch(Path(vectors).name, k.vectors)]
    result = CheckResult(menu.name, str(vectors), events.n)
    for algorithm in menu.algorithms:
        result.algorithms.append(_compare(menu, algorithm, ours, expected, documented, missing))
    result.finor_differences = int((finor(ours) != events["finor"][0].astype(bool)).sum())
    result.finor_documented = result.count(MATCH) < len(result.algorithms) and _finor_explained(
        result, ours, expected, events
    )
    defined = {algorithm.index for algorithm in menu.algorithms}
    result.undefined_bits = tuple(
        index for index in range(512) if index not in defined and algorithm_bit(expected, index).any()
    )
    return result


def _compare(
    menu: CompiledMenu,
    algorithm: Algorithm,
    ours: Words,
    expected: Words,
    documented: list[Known],
    missing: Mapping[str, object],
) -> AlgorithmResult:
    mine, theirs = algorithm_bit(ours, algorithm.index), algorithm_bit(expected, algorithm.index)
    differing = np.flatnonzero(mine != theirs)
    status, reason = (MISMATCH if len(differing) else MATCH), ""
    lacking = sorted(menu.needs(algorithm) & set(missing))
    if lacking:
        status, reason = UNSCORED, f"needs scores of {', '.join(lacking)}"
    elif len(differing):
        for entry in documented:
            if entry.covers(algorithm, int(theirs.sum())):
                status, reason = KNOWN, entry.reason
    return AlgorithmResult(
        algorithm.index,
        algorithm.name,
        int(theirs.sum()),
        int(mine.sum()),
        len(differing),
        tuple(int(row) for row in differing[:SHOWN]),
        status,
        reason,
    )


def _finor_explained(result: CheckResult, ours: Words, expected: Words, events: Events) -> bool:
    """Does every FinOR difference come from algorithms that are documented or not evaluated?

    Their expected bits in place of ours must give the expected FinOR.
    """
    patched = ours.copy()
    for item in result.algorithms:
        if item.status in (KNOWN, UNSCORED):
            word, bit = item.index >> 6, np.uint64(1 << (item.index & 63))
            patched[word] = (patched[word] & ~bit) | (expected[word] & bit)
    return bool((finor(patched) == events["finor"][0].astype(bool)).all())
