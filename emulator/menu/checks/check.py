"""A menu against test vectors: every algorithm bit of every crossing, and the FinOR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.ugt_vectors import read_test_vectors
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import Algorithm, CompiledMenu, Known
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, Scores, Words, algorithm_bit, finor

MATCH, KNOWN, UNSCORED, MISMATCH = "match", "known", "not evaluated", "MISMATCH"
PASS, INCOMPLETE, FAIL = "PASS", "INCOMPLETE", "FAIL"
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
    """Documented or not evaluated algorithms explain every FinOR difference."""
    undefined_bits: tuple[int, ...] = ()
    """Bits that are set in the vectors but belong to no algorithm of the menu."""
    notes: list[str] = field(default_factory=list)
    """What the file holds that the comparison does not see, or sees differently."""

    def count(self, status: str) -> int:
        """Number of algorithms with this status."""
        return sum(result.status == status for result in self.algorithms)

    @property
    def verdict(self) -> str:
        """FAIL: a disagreement that is not documented, in algorithm bits, undefined bits or FinOR.

        INCOMPLETE: none, but algorithms were not evaluated, or the FinOR differs where these or documented
        disagreements explain it. PASS: everything was compared and agrees or is documented.
        """
        unexplained = self.finor_differences and not self.finor_documented
        if self.count(MISMATCH) or self.undefined_bits or unexplained:
            return FAIL
        return INCOMPLETE if self.count(UNSCORED) or self.finor_differences else PASS

    @property
    def passed(self) -> bool:
        """Everything was compared, and every disagreement of an algorithm is documented."""
        return self.verdict == PASS

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def read_orbit(path: str | Path, notes: Counter[str] | None = None) -> Events:
    """All crossings of a test-vector file; ``notes`` as for ``read_test_vectors``.

    Raises
    ------
    InputError
        If the file is damaged or has no algorithm bits.
    """
    events = Events.concatenate(list(read_test_vectors(path, notes=notes)))
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
    read: Counter[str] = Counter()
    events = read_orbit(vectors, read)
    given = dict(scores or {})
    for name, values in given.items():
        if np.shape(values)[-1:] != (events.n,):
            raise InputError(
                f"{events.n} crossings, but scores of {np.shape(values)[-1]}",
                file=vectors,
                field=name,
                remedy="scores need one row for each row of the test vector",
            )
    missing = {name: np.zeros(events.n, np.int64) for name in menu.scores if name not in given}
    evaluator = MenuEvaluator(menu)
    ours = evaluator(events, {**given, **missing}, "orbit")
    expected: Words = events["algo"].astype(np.uint64, copy=False)
    documented = [k for k in (*menu.known, *allow) if fnmatch(Path(vectors).name, k.vectors)]
    result = CheckResult(menu.name, str(vectors), events.n)
    result.notes = [f"{count} {note}" for note, count in sorted(read.items())]
    if events.n % ORBIT:
        result.notes.append(_partial_orbit(events.n, evaluator.halo))
    for algorithm in menu.algorithms:
        result.algorithms.append(_compare(menu, algorithm, ours, expected, documented, missing))
    ours = _without(ours, [item.index for item in result.algorithms if item.status == UNSCORED])
    result.finor_differences = int((finor(ours) != events["finor"][0].astype(bool)).sum())
    result.finor_documented = result.count(MATCH) < len(result.algorithms) and _finor_explained(
        result, ours, expected, events
    )
    defined = {algorithm.index for algorithm in menu.algorithms}
    result.undefined_bits = tuple(
        index for index in range(512) if index not in defined and algorithm_bit(expected, index).any()
    )
    return result


def _partial_orbit(rows: int, halo: int) -> str:
    seeds = "seeds that look at other crossings may differ there" if halo else "no seed looks across them"
    return (
        f"{rows} rows are not a multiple of the {ORBIT} of an orbit: "
        f"the last row is taken as the neighbour of the first; {seeds}"
    )


def _without(words: Words, indices: Iterable[int]) -> Words:
    """``words`` without these algorithm bits: what was not evaluated is not in the FinOR."""
    kept = words.copy()
    for index in indices:
        kept[index >> 6] &= ~np.uint64(1 << (index & 63))
    return kept


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
