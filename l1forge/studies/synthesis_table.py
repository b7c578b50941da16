"""All designs through Yosys, several side by side, and held against what they were: the table of designs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.bars import bars
from l1forge.studies.html import html_lines, html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    as_before: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    on_row: Callable[[str, Row], None] = lambda _name, _row: None,
) -> Compared:
    """Synthesise ``models`` with Yosys, each in a process of its own, and compare with ``before``.

    Parameters
    ----------
    models
        Names of models, or graph files; default: all models, and no other may be in ``before``.
    before
        The table to hold them against; a row of it stands for a run that would be the same.
    jobs
        Designs side by side, default one for each processor that this process may use.
    fresh
        Also run what ``before`` or the cache has.
    skip
        Models that are named as not run.
    as_before
        Do not run either what ``before`` names as not run; its reason is repeated.
    progress, on_row
        Called with what is running; with each design that is known.

    Raises
    ------
    InputError
        If Yosys is missing, or two graphs have one name.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.synth import yosys
    from l1forge.firmware.synth.result import Synthesis
    from l1forge.firmware.synth.table import Row, Table
    from l1forge.models import available, graph_path
    from l1forge.studies.limits import check_pipelined
    from l1forge.studies.synthesis import _design

    yosys.check_installed()
    known = before or Table()
    rows: dict[str, Row] = {}
    not_run: dict[str, str] = {}
    again: list[str] = []
    waiting: dict[str, str] = {}
    seen: dict[str, str] = {}
    for model in available() if models is None else models:
        graph = Graph.load(graph_path(model))
        if graph.name in seen:
            raise InputError(
                f"two graphs have this name: {seen[graph.name]} and {model}",
                field="name",
                value=graph.name,
                remedy="rename one",
            )
        seen[graph.name] = model
        if model in skip or graph.name in skip:
            not_run[graph.name] = "not asked for (--skip)"
            continue
        if as_before and graph.name in known.not_run:
            not_run[graph.name] = known.not_run[graph.name]
            continue
        progress(f"{graph.name}: writing Verilog")
        try:
            check_pipelined(graph)
            project, _ = _design(graph, None, None, True)
        except InputError as error:
            not_run[graph.name] = str(error.problem)
            continue
        row = known.rows.get(graph.name)
        if row is not None and row.run == yosys.run_digest(project) and not fresh:
            rows[graph.name] = row
            again.append(graph.name)
            on_row(graph.name, row)
        else:
            waiting[graph.name] = model

    def done(name: str, file: Path) -> None:
        rows[name] = Row.of(Synthesis.load(file))
        on_row(name, rows[name])

    not_run |= _side_by_side(waiting, jobs or len(os.sched_getaffinity(0)), fresh, progress, done)
    table = Table({name: rows[name] for name in sorted(rows)}, not_run)
    return judged(table, before, again, complete=models is None)


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


def _side_by_side(
    waiting: dict[str, str],
    jobs: int,
    fresh: bool,
    progress: Callable[[str], None],
    done: Callable[[str, Path], None],
) -> dict[str, str]:
    """Run `l1forge synth` for every model, ``jobs`` at a time; why those failed that did."""
    from l1forge.firmware.tools.children import Child

    failed: dict[str, str] = {}
    queue = list(waiting.items())
    running: dict[str, Child] = {}
    with tempfile.TemporaryDirectory(prefix="l1forge_synth_") as place, ExitStack() as stack:
        folder = Path(place)
        while queue or running:
            while queue and len(running) < jobs:
                name, model = queue.pop(0)
                command = [sys.executable, "-m", "l1forge", "synth", model, "--tool", "yosys"]
                command += ["--json", str(folder / f"{name}.json"), *(["--fresh"] if fresh else [])]
                log = stack.enter_context(open(folder / f"{name}.log", "w", encoding="utf-8"))
                running[name] = stack.enter_context(Child(command, stdout=log, stderr=log))
            progress(f"Yosys: {', '.join(running)}; {len(queue)} waiting")
            time.sleep(POLL_S)
            for name in [name for name, child in running.items() if child.poll() is not None]:
                if running.pop(name).returncode == 0:
                    done(name, folder / f"{name}.json")
                else:
                    lines = (folder / f"{name}.log").read_text(encoding="utf-8").splitlines()
                    failed[name] = lines[-1] if lines else "ended without a message"
    return failed
