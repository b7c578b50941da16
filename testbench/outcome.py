"""The outcome of a co-verification: what was compared, what differed, how much of the logic moved."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.testbench.directed.coverage import Coverage
from l1forge.testbench.drivers.harness import Toggles

SHOWN = 5


@dataclass(frozen=True)
class Mismatch:
    """One output of one crossing on which an implementation differs from the emulator (integers)."""

    implementation: str
    crossing: int
    port: str
    expected: int
    got: int

    def __str__(self) -> str:
        return (
            f"{self.implementation}: crossing {self.crossing}, {self.port}: {self.got}, not {self.expected}"
        )


@dataclass
class Report:
    """A co-verification; ``passed`` only if nothing at all is wrong.

    ``checked``: crossings compared with the emulator, per further implementation; ``compared`` values in all;
    ``misplaced`` clocks on which a result came early or late; ``missing`` results too few or too many;
    ``directed`` what behind the inputs was reached (None if it was not counted).
    """

    name: str
    digest: str
    driver: str
    latency: int
    clock_period_ns: float
    crossings: int = 0
    stimuli: dict[str, int] = field(default_factory=dict)
    checked: dict[str, int] = field(default_factory=dict)
    compared: int = 0
    mismatches: int = 0
    clocks: int = 0
    misplaced: int = 0
    missing: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False
    examples: list[Mismatch] = field(default_factory=list)
    toggles: list[Toggles] = field(default_factory=list)
    directed: Coverage | None = None

    @property
    def passed(self) -> bool:
        return self.crossings > 0 and not (self.mismatches or self.misplaced or self.missing)

    @property
    def coverage(self) -> float | None:
        """Fraction of bits of ports and pipeline registers that both rose and fell; None if not watched."""
        width = sum(t.width for t in self.toggles)
        return sum(t.both for t in self.toggles) / width if width else None

    @property
    def verdict(self) -> str:
        """The one line that matters."""
        text = (
            f"{self.mismatches:,} mismatches in {self.crossings:,} crossings"
            f" × {1 + len(self.checked)} implementations"
        )
        fewer = [f"{name}: {n:,}" for name, n in self.checked.items() if n < self.crossings]
        text += f" ({', '.join(fewer)})" if fewer else ""
        if self.missing:
            text += f"; {self.missing:,} results missing or too many"
        if self.misplaced:
            text += f"; {self.misplaced:,} clocks off the latency of {self.latency}"
        return f"{text}; interrupted" if self.interrupted else text

    def merge(self, other: Report) -> None:
        """Add the outcome of another run on the same design."""
        for name in ("crossings", "compared", "mismatches", "clocks", "misplaced", "missing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, theirs in (
            (self.stimuli, other.stimuli),
            (self.checked, other.checked),
            (self.seconds, other.seconds),
        ):
            for key, value in theirs.items():
                mine[key] = mine.get(key, 0) + value  # type: ignore[operator, assignment]
        self.interrupted |= other.interrupted
        self.examples = (self.examples + other.examples)[:SHOWN]
        self.toggles = self.toggles or other.toggles
        if self.directed is not None and other.directed is not None:
            self.directed.merge(other.directed)
        self.directed = self.directed or other.directed

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(replace(self, directed=None))
        plain["directed"] = self.directed.to_dict() if self.directed is not None else None
        return {**plain, "passed": self.passed, "coverage": self.coverage, "verdict": self.verdict}

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")
