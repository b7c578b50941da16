"""All designs through Yosys, several side by side, and held against what they were: the table of designs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.screen.ci import Check
from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l1forge.firmware.rtl import RtlProject
    from l1forge.firmware.synth.table import Row, Table

POLL_S = 0.1


@dataclass(frozen=True)
class Compared:
    """Designs as they are now, and what became worse than in the table before.

    ``again`` names those whose numbers were taken from the table, because the run would be the same: equal
    Verilog, options and tool. ``worse`` has a line for each design that grew, is not in the table or cannot
    be synthesised any more; ``notes`` what changed otherwise.
    """

    table: Table
    again: tuple[str, ...]
    worse: dict[str, str]
    notes: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing became worse."""
        return bool(self.table.rows) and not self.worse

    @property
    def verdict(self) -> str:
        """The one line that matters."""
        count = len(self.table.rows)
        return (
            f"{len(self.worse)} of {count} designs became worse ({len(self.again)} unchanged, not run again)"
        )

    def checks(self, table: str) -> list[Check]:
        """One for each design that was compared or is worse; ``table``: the file of the rows before."""
        found = []
        for name in sorted({*self.table.rows, *self.worse}):
            row = self.table.rows.get(name)
            numbers = "" if row is None else f"{row.lut} LUT, {row.ff} FF, {row.latency_clocks} clocks"
            verdict = self.worse.get(name, numbers)
            seconds = 0.0 if row is None or name in self.again else row.seconds
            found.append(Check("synthesis", name, name not in self.worse, verdict, seconds, table))
        if not found:
            found.append(
                Check("synthesis", "all", False, "nothing was compared, so nothing is proven", 0.0, table)
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        from dataclasses import asdict

        return {
            "passed": self.passed,
            "designs": {name: asdict(row) for name, row in self.table.rows.items()},
            "not_run": dict(self.table.not_run),
            "unchanged": list(self.again),
            "worse": self.worse,
            "notes": self.notes,
        }

    def plot(self) -> Figure:
        """LUT of every design, as bars."""
        return bars({name: row.lut for name, row in self.table.rows.items()}, "LUT", "synthesised designs")

    def _repr_html_(self) -> str:
        from l1forge.firmware.synth.table import HEADINGS

        rows = self.table.texts()
        said = [f"{name}: {text}" for name, text in {**self.worse, **self.notes}.items()]
        return html_table("synthesised designs", HEADINGS, rows) + html_lines([*said, self.verdict])


def synthesise_all(
    models: Sequence[str] | None = None,
    before: Table | None = None,
    *,
    jobs: int | None = None,
    fresh: bool = False,
    skip: Sequence[str] = (),
    parts: Sequence[str] | None = None,
    netlist: int = 0,
    limit_s: float | None = None,
    as_before: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    on_row: Callable[[str, Row], None] = lambda _name, _row: None,
) -> Compared:
    """Synthesise ``models`` for ``parts``, each run in a process of its own, and compare with ``before``.

    Parameters
    ----------
    models
        Names of models, graph files or folders of Verilog; default: all models and ``WITHOUT_GRAPH``, and no
        other may be in ``before``.
    before
        The table to hold them against; a row of it stands for a run that would be the same.
    jobs
        Designs side by side, default one for each processor that this process may use.
    fresh
        Also run what ``before`` or the cache has.
    skip
        Models that are named as not run.
    parts
        Families of Yosys, or ECP5 parts, for which nextpnr places and routes. Default: every part that
        ``before`` has of a design, or UltraScale+.
    netlist
        Crossings on which netlists are simulated (Yosys; a design with a graph): those of new runs, and those
        that ``before`` does not call exact on as many.
    limit_s
        Seconds after which a run is ended and named as not run; with its netlist still in simulation, the row
        stays and says nothing of the netlist.
    as_before
        Do not run either what ``before`` names as not run; its reason is repeated.
    progress, on_row
        Called with what is running; with each design that is known.

    Raises
    ------
    InputError
        If a part is not known, a tool is missing, or two graphs have one name.
    """
    from l1forge.firmware.synth.result import Synthesis
    from l1forge.firmware.synth.table import FAMILY, Row, Table, key
    from l1forge.models import available
    from l1forge.studies.designs import WITHOUT_GRAPH

    known = before or Table()
    asked = tuple(_spelt(part) for part in parts or ())
    for part in asked or (FAMILY,):
        tool_of(part)
    rows: dict[str, Row] = {}
    not_run: dict[str, str] = {}
    again: list[str] = []
    waiting: list[_Run] = []
    seen: dict[str, str] = {}
    for model in [*available(), *WITHOUT_GRAPH] if models is None else models:
        name = _name(model)
        if name in seen:
            raise InputError(
                f"two graphs have this name: {seen[name]} and {model}",
                field="name",
                value=name,
                remedy="rename one",
            )
        seen[name] = model
        if model in skip or name in skip:
            not_run[name] = "not asked for (--skip)"
            continue
        if as_before and name in known.not_run:
            not_run[name] = known.not_run[name]
            continue
        progress(f"{name}: writing Verilog")
        try:
            project = _project(model)
        except InputError as error:
            not_run[name] = str(error.problem) + _expected(model)
            continue
        for part in asked or known.parts_of(name) or (FAMILY,):
            label = key(name, part)
            row = known.rows.get(label)
            run = _Run(label, model, part)
            same = row is not None and row.run == _digest(project, part)
            proven = not run.simulated(netlist) or (row is not None and (row.netlist or 0) >= netlist)
            if row is not None and same and proven and not fresh:
                rows[label] = replace(row, clock_period_ns=project.clock_period_ns)
                again.append(label)
                on_row(label, rows[label])
            else:
                waiting.append(run)

    def done(run: _Run, file: Path, exact: bool) -> None:
        row = Row.of(Synthesis.load(file))
        old = known.rows.get(run.label)
        if not exact and not fresh and old is not None and old.run == row.run:
            row = replace(row, netlist=old.netlist)  # nothing new about the same netlist
        rows[run.label] = replace(row, netlist=netlist) if exact else row
        on_row(run.label, rows[run.label])

    cores = jobs or len(os.sched_getaffinity(0))
    failed = _side_by_side(waiting, cores, fresh, netlist, limit_s, progress, done)
    late = {label: reason for label, reason in failed.items() if reason.late and label in rows}
    not_run |= {
        label: reason.text + (_expected(reason.model) if reason.late else "")
        for label, reason in failed.items()
        if label not in late
    }
    table = Table({name: rows[name] for name in sorted(rows)}, not_run)
    found = judged(table, before, again, complete=models is None and parts is None)
    for label, reason in late.items():
        found.notes[label] = f"netlist not simulated: {reason.text}"
    return found


def judged(table: Table, before: Table | None, again: Sequence[str] = (), complete: bool = True) -> Compared:
    """Compare ``table`` with ``before``; ``complete``: every row of ``before`` must be in it."""
    from l1forge.firmware.synth.table import SHOWN, grown

    worse: dict[str, str] = {}
    notes: dict[str, str] = {}
    if before is not None:
        for name, row in table.rows.items():
            old = before.rows.get(name)
            if old is None:
                worse[name] = "is not in the table: write it again with l1forge synth-table"
                continue
            if growth := grown(old, row):
                worse[name] = "; ".join(growth)
            if old.circuit != row.circuit:
                notes[name] = f"another circuit: {old.circuit[:SHOWN]} -> {row.circuit[:SHOWN]}"
            elif old.run != row.run:
                notes[name] = f"same circuit, other tool or options: {old.tool} -> {row.tool}"
        for name, reason in table.not_run.items():
            if name in before.rows:
                worse[name] = f"was in the table, not run now: {reason}"
        if complete:
            for name in before.rows.keys() - table.rows.keys() - table.not_run.keys():
                worse[name] = "is in the table, but there is no such model: write the table again"
    return Compared(table, tuple(again), worse, notes)


def _expected(model: str) -> str:
    """What the fast estimate says of a design that was not synthesised; empty without a graph."""
    from l1forge.studies.designs import WITHOUT_GRAPH
    from l1forge.studies.estimate import estimate

    if model in WITHOUT_GRAPH or Path(model).is_dir():
        return ""
    found = estimate(model).result
    beyond = ", far beyond the designs that the estimate learnt from" if found.outside else ""
    lut, ff = (f"{number:,}".replace(",", " ") for number in (found.lut, found.ff))
    return f"; estimated from the graph alone: {lut} LUT, {ff} FF{beyond}"


@dataclass(frozen=True)
class _Failed:
    """Why a run has no result, or not all of it; ``late``: it took longer than was allowed."""

    model: str
    text: str
    late: bool = False


@dataclass(frozen=True)
class _Run:
    """One design for one part: its name in the table, what `l1forge synth` calls it."""

    label: str
    model: str
    part: str

    def command(self, file: Path, fresh: bool, netlist: int) -> list[str]:
        """`l1forge synth`, whose result is written to ``file``."""
        command = [sys.executable, "-m", "l1forge", "synth", self.model, "--tool", tool_of(self.part)]
        command += ["--part", self.part, "--json", str(file), *(["--fresh"] if fresh else [])]
        return command + (["--netlist", str(netlist)] if self.simulated(netlist) else [])

    def simulated(self, netlist: int) -> bool:
        """Whether the run simulates its netlist."""
        from l1forge.studies.designs import WITHOUT_GRAPH

        has_graph = self.model not in WITHOUT_GRAPH and not Path(self.model).is_dir()
        return bool(netlist) and has_graph and tool_of(self.part) == "yosys"


def tool_of(part: str) -> str:
    """The tool that makes the rows of a part: Yosys for its families, nextpnr for ECP5.

    Raises
    ------
    InputError
        If it is neither, or the tool is not installed.
    """
    from l1forge.firmware.synth import nextpnr, yosys

    if part in yosys.FAMILIES:
        yosys.check_installed()
        return "yosys"
    if nextpnr.PART_NAME.fullmatch(part) is None:
        raise InputError(
            "is neither a family of Yosys nor an ECP5 part",
            field="--part",
            value=part,
            remedy=f"{', '.join(yosys.FAMILIES)} or a part such as {nextpnr.PART}",
        )
    nextpnr.check_installed()
    return "nextpnr"


def _spelt(part: str) -> str:
    """An ECP5 part in capital letters, as the rows have it."""
    from l1forge.firmware.synth import nextpnr

    return part.upper() if nextpnr.PART_NAME.fullmatch(part) else part


def _digest(project: RtlProject, part: str) -> str:
    """Identifies the run that `l1forge synth` would make."""
    from l1forge.firmware.synth import nextpnr, yosys

    if tool_of(part) == "yosys":
        return yosys.run_digest(project, part)
    return nextpnr.run_digest(project, part)


def _name(model: str) -> str:
    """What a design is called in the table."""
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import RtlProject
    from l1forge.models import graph_path
    from l1forge.studies.designs import WITHOUT_GRAPH

    if model in WITHOUT_GRAPH:
        return model
    return RtlProject.load(model).name if Path(model).is_dir() else Graph.load(graph_path(model)).name


def _project(model: str) -> RtlProject:
    """The Verilog of a design, at the default clock."""
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.studies.designs import project_of
    from l1forge.studies.limits import check_pipelined
    from l1forge.studies.synthesis import _design

    written = project_of(model)
    if written is not None:
        return written
    graph = Graph.load(graph_path(model))
    check_pipelined(graph)
    return _design(graph, None, None, True)[0]


def _side_by_side(
    waiting: Sequence[_Run],
    jobs: int,
    fresh: bool,
    netlist: int,
    limit_s: float | None,
    progress: Callable[[str], None],
    done: Callable[[_Run, Path, bool], None],
) -> dict[str, _Failed]:
    """Run `l1forge synth` for every design and part, ``jobs`` at a time; why those failed that did.

    A run that left a result but failed afterwards, in the simulation of its netlist, has both: a row that
    does not say "exact", and the reason.
    """
    from l1forge.firmware.tools.children import Child

    failed: dict[str, _Failed] = {}
    queue = list(waiting)
    running: dict[_Run, tuple[Child, float]] = {}
    with tempfile.TemporaryDirectory(prefix="l1forge_synth_") as place, ExitStack() as stack:
        folder = Path(place)
        while queue or running:
            while queue and len(running) < jobs:
                run = queue.pop(0)
                command = run.command(folder / f"{run.label}.json", fresh, netlist)
                log = stack.enter_context(open(folder / f"{run.label}.log", "w", encoding="utf-8"))
                child = stack.enter_context(Child(command, stdout=log, stderr=log))
                running[run] = child, time.monotonic()
            progress(f"running: {', '.join(run.label for run in running)}; {len(queue)} waiting")
            time.sleep(POLL_S)
            for run, (child, start) in list(running.items()):
                late = limit_s is not None and time.monotonic() - start > limit_s and child.poll() is None
                if late:
                    child.end()
                if child.poll() is None:
                    continue
                del running[run]
                file = folder / f"{run.label}.json"
                lines = (folder / f"{run.label}.log").read_text(encoding="utf-8").splitlines()
                if file.exists():
                    done(run, file, child.returncode == 0 and run.simulated(netlist))
                if late:
                    failed[run.label] = _Failed(run.model, f"not finished in {_duration(limit_s)}", True)
                elif child.returncode:
                    failed[run.label] = _Failed(run.model, lines[-1] if lines else "ended without a message")
    return failed


def _duration(seconds: float | None) -> str:
    seconds = seconds or 0.0
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} minutes"
