"""The table of synthesised designs, docs/synthesis.json: what a later run is held against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.synth.result import Synthesis
from l1forge.firmware.synth.routing import calibration

FORMAT, VERSION = "l1forge-synthesis", 1
MOST_GROWTH = 0.05
"""What LUT, FF or latency of a design may grow by before ``grown`` says so."""
WATCHED = {"lut": "LUT", "ff": "FF", "latency_clocks": "latency"}
BEGIN, END = "<!-- made by l1forge synth-table: begin -->", "<!-- made by l1forge synth-table: end -->"
HEADINGS = (
    "design", "part", "LUT", "passing", "FF", "DSP", "BRAM", "carry", "latency",
    "longest path", "depth", "routed period", "routed / estimate", "netlist", "tool time", "circuit",
)  # fmt: skip
AT = "@"
"""Between a design and a part that is not the usual one."""
FAMILY = "xcup"
"""The usual family, UltraScale+."""
SHOWN = 12
"""Digits of a circuit's hash in tables."""


@dataclass(frozen=True)
class Row:
    """One design for one part: ``circuit`` identifies its Verilog, ``run`` Verilog, options and tool.

    ``delay_ns`` is the longest path, with routing if ``routed``. ``netlist``: crossings on which the netlist
    was simulated and exact, ``through`` as in ``Synthesis``; None if not known.
    """

    circuit: str
    run: str
    tool: str
    family: str
    lut: int
    ff: int
    dsp: int
    bram: int
    carry: int
    latency_clocks: int
    clock_period_ns: float
    delay_ns: float | None
    seconds: float
    depth: int | None = None
    routed: bool = False
    netlist: int | None = None
    through: int | None = None

    @staticmethod
    def of(found: Synthesis) -> Row:
        """The row of a result."""
        return Row(
            circuit=found.design,
            run=found.digest,
            tool=found.tool,
            family=found.family,
            lut=found.lut,
            ff=found.ff,
            dsp=found.dsp,
            bram=found.bram,
            carry=found.carry,
            latency_clocks=found.latency_clocks,
            clock_period_ns=found.clock_period_ns,
            delay_ns=found.delay_ns,
            seconds=round(found.seconds, 1),
            depth=found.depth,
            routed=found.routed,
            through=found.through,
        )

    def cells(self, name: str, unrouted: Row | None = None) -> tuple[str, ...]:
        """Texts in the order of ``HEADINGS``; ``unrouted``: the row whose path is the estimate's."""
        numbers = (self.lut, self.through, self.ff, self.dsp, self.bram, self.carry)
        return (
            f"`{name.split(AT)[0]}`",
            self.family,
            *("-" if number is None else f"{number:,}".replace(",", " ") for number in numbers),
            f"{self.latency_clocks} clocks, {self.latency_clocks * self.clock_period_ns:.1f} ns",
            *self._paths(),
            self._ratio(unrouted),
            "-" if self.netlist is None else f"exact in {self.netlist:,}".replace(",", " "),
            f"{self.seconds:.0f} s",
            f"`{self.circuit[:SHOWN]}`",
        )

    def _paths(self) -> tuple[str, str, str]:
        """Path without routing, its depth, routed period with the clock that it allows."""
        depth = "-" if self.depth is None else str(self.depth)
        if self.delay_ns is None:
            return "-", depth, "-"
        if self.routed:
            missed = " (missed)" if self.delay_ns > self.clock_period_ns else ""
            return "-", depth, f"{self.delay_ns:.2f} ns, {1000 / self.delay_ns:.0f} MHz{missed}"
        known = calibration()
        low, high = known.within(self.delay_ns)
        about = f"about {known.estimate(self.delay_ns):.1f} ns ({low:.1f} to {high:.1f})"
        return f"{self.delay_ns:.2f} of {self.clock_period_ns:.2f} ns", depth, about

    def _ratio(self, unrouted: Row | None) -> str:
        """Routed period over what is estimated from the path without routing of the same circuit."""
        if not self.routed or self.delay_ns is None or unrouted is None or unrouted.delay_ns is None:
            return "-"
        if unrouted.circuit != self.circuit:
            return "-"
        return f"{self.delay_ns / calibration().estimate(unrouted.delay_ns):.2f}"


def key(name: str, part: str) -> str:
    """What a design is called in the table: its name for the usual family, else with the part."""
    return name if part == FAMILY else f"{name}{AT}{part}"


@dataclass(frozen=True)
class Table:
    """Rows by the name of the design, and why others were not run."""

    rows: Mapping[str, Row] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)

    def texts(self) -> list[tuple[str, ...]]:
        """The rows in the order of ``HEADINGS``."""
        return [self.rows[name].cells(name, self.rows.get(name.split(AT)[0])) for name in sorted(self.rows)]

    def parts_of(self, name: str) -> list[str]:
        """The parts for which a design has a row."""
        return [row.family for label, row in self.rows.items() if label.split(AT)[0] == name]

    def save(self, path: Path) -> None:
        document = {
            "format": FORMAT,
            "version": VERSION,
            "designs": {name: asdict(self.rows[name]) for name in sorted(self.rows)},
            "not_run": {name: self.not_run[name] for name in sorted(self.not_run)},
        }
        write_text(path, json.dumps(document, indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> Table:
        """Read a saved table.

        Raises
        ------
        InputError
            If the file cannot be read, or is no table of this version.
        """
        try:
            document = parse_json(path.read_text(encoding="utf-8"))
            if (document["format"], document["version"]) != (FORMAT, VERSION):
                raise ValueError(f"not {FORMAT} version {VERSION}")
            rows = {name: Row(**row) for name, row in document["designs"].items()}
            for name, row in rows.items():
                if not all(isinstance(getattr(row, what), int) for what in WATCHED):
                    raise ValueError(f"design {name}: {', '.join(WATCHED)} must be integers")
            return Table(rows, dict(document["not_run"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"is not a table of synthesised designs: {error}",
                file=path,
                remedy="write it with l1forge synth-table",
            ) from error


def grown(before: Row, now: Row) -> list[str]:
    """What of a design grew by more than ``MOST_GROWTH``, in words; empty if nothing did."""
    found = []
    for key, label in WATCHED.items():
        old, new = getattr(before, key), getattr(now, key)
        if new > old * (1 + MOST_GROWTH):
            growth = f"+{100 * (new - old) / old:.1f} %" if old else "from nothing"
            found.append(f"{label} {old} -> {new} ({growth}, at most {100 * MOST_GROWTH:.0f} % allowed)")
    return found


def merged(before: Table | None, now: Table) -> Table:
    """The designs of ``now``, and those of ``before`` that ``now`` says nothing about."""
    if before is None:
        return now
    spoken = {*now.rows, *now.not_run}
    rows = {name: row for name, row in before.rows.items() if name not in spoken}
    not_run = {name: reason for name, reason in before.not_run.items() if name not in spoken}
    return Table({**rows, **now.rows}, {**not_run, **now.not_run})


def markdown(table: Table) -> str:
    """The table as a page shows it."""
    rows = [HEADINGS, *table.texts()]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(HEADINGS))
    if table.not_run:
        lines += ["", "Not run:", ""]
        lines += [f"* `{name}`: {table.not_run[name]}" for name in sorted(table.not_run)]
    return "\n".join(lines)


def refresh(page: Path, between: tuple[str, str], text: str) -> None:
    """Replace what stands between two markers of ``page``; InputError as ``halves``."""
    before, after = halves(page, between)
    write_text(page, f"{before}{between[0]}\n\n{text}\n\n{between[1]}{after}")


def halves(page: Path, between: Iterable[str]) -> tuple[str, str]:
    """The text of ``page`` before and after the two markers.

    Raises
    ------
    InputError
        If the page or its markers are missing.
    """
    begin, end = between
    try:
        before, rest = page.read_text(encoding="utf-8").split(begin)
        _, after = rest.split(end)
    except (OSError, ValueError) as error:
        raise InputError(
            "no page with table markers", file=page, remedy=f"put {begin} and {end} in it"
        ) from error
    return before, after
