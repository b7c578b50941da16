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

        rows = [row.cells(name) for name, row in self.table.rows.items()]
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
        Crossings on which the netlist of every new run is simulated (Yosys; a design with a graph).
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
            not_run[name] = str(error.problem)
            continue
        for part in asked or known.parts_of(name) or (FAMILY,):
            label = key(name, part)
            row = known.rows.get(label)
            if row is not None and row.run == _digest(project, part) and not fresh:
                rows[label] = row
                again.append(label)
                on_row(label, row)
            else:
                waiting.append(_Run(label, model, part))

    def done(run: _Run, file: Path, exact: bool) -> None:
        row = Row.of(Synthesis.load(file))
        rows[run.label] = replace(row, netlist=netlist if exact else None)
        on_row(run.label, rows[run.label])

    cores = jobs or len(os.sched_getaffinity(0))
    not_run |= _side_by_side(waiting, cores, fresh, netlist, progress, done)
    table = Table({name: rows[name] for name in sorted(rows)}, not_run)
    return judged(table, before, again, complete=models is None and parts is None)


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
    progress: Callable[[str], None],
    done: Callable[[_Run, Path, bool], None],
) -> dict[str, str]:
    """Run `l1forge synth` for every design and part, ``jobs`` at a time; why those failed that did.

    A run that left a result but failed afterwards, in the simulation of its netlist, has both: a row that
    does not say "exact", and the reason.
    """
    from l1forge.firmware.tools.children import Child

    failed: dict[str, str] = {}
    queue = list(waiting)
    running: dict[_Run, Child] = {}
    with tempfile.TemporaryDirectory(prefix="l1forge_synth_") as place, ExitStack() as stack:
        folder = Path(place)
        while queue or running:
            while queue and len(running) < jobs:
                run = queue.pop(0)
                command = run.command(folder / f"{run.label}.json", fresh, netlist)
                log = stack.enter_context(open(folder / f"{run.label}.log", "w", encoding="utf-8"))
                running[run] = stack.enter_context(Child(command, stdout=log, stderr=log))
            progress(f"running: {', '.join(run.label for run in running)}; {len(queue)} waiting")
            time.sleep(POLL_S)
            for run in [run for run, child in running.items() if child.poll() is not None]:
                code, file = running.pop(run).returncode, folder / f"{run.label}.json"
                lines = (folder / f"{run.label}.log").read_text(encoding="utf-8").splitlines()
                if file.exists():
                    done(run, file, code == 0 and run.simulated(netlist))
                if code:
                    failed[run.label] = lines[-1] if lines else "ended without a message"
    return failed
