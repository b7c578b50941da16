"""Bunch crossings through the whole trigger path: models, menu, prescales, trigger rules, accept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.ugt_vectors import FULL
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.sink import format_of, write_any
from l1forge.emulator.events.source import EventSource, open_events
from l1forge.emulator.lhc import LHC, FillingScheme, load_scheme
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.excluded import Excluded
from l1forge.emulator.menu.language.load import DEFAULT, load_menu
from l1forge.emulator.path.counters import PathReport
from l1forge.emulator.path.description import PathDescription, check_models, load_description
from l1forge.emulator.path.path import Decision, TriggerPath
from l1forge.emulator.path.profile import seed_costs
from l1forge.emulator.path.registers import RegisterValues, load_registers
from l1forge.emulator.path.run_settings import load_run_settings
from l1forge.emulator.path.trigger_control import RULES, TriggerControl
from l1forge.emulator.scoring.given import GivenScores
from l1forge.emulator.scoring.trained_inputs import Comparison
from l1forge.emulator.stream.blocks import Recipe, ReplayStream
from l1forge.emulator.stream.filled import FilledStream
from l1forge.emulator.stream.injection import Injection, Noise, probability
from l1forge.emulator.stream.open import STANDARD_INPUT, Stream, carried_columns, open_source, open_stream
from l1forge.screen.outputs import check_outputs
from l1forge.simulation import SAMPLE
from l1forge.studies.figures import Picture
from l1forge.studies.html import html_lines, html_table
from l1forge.studies.latencies import model_latencies
from l1forge.studies.path_inputs import (
    evaluable,
    given_scores,
    graph_files,
    score_stages,
    trained_part,
    used_models,
)
from l1forge.studies.trained_inputs import compare_events

DENSE_ORBITS, SPARSE_ORBITS = 8, 128
"""Orbits of a block."""
ZERO_BIAS = SAMPLE / "zerobias.parquet"
DRAWN = 30
"""Algorithms that a plot shows, those of the highest rate."""

Watch = Callable[[TriggerPath, Iterable[Decision]], Iterator[Decision]]
"""Passes decisions on, and may stop; commands show a bar."""


@dataclass(frozen=True)
class PathRun:
    """What a run of the trigger path counted.

    ``report``: rates, accepts, dead time. ``latency``: clocks and ns of each model's Verilog, if any.
    ``compared``: first events against those that each model was trained on. ``costs``: CPU ns per crossing of
    each seed alone, None if not asked for. ``interrupted``: stopped before its last orbit.
    """

    report: PathReport
    source: str
    latency: Mapping[str, Mapping[str, float]]
    compared: Mapping[str, Comparison | None]
    notes: Mapping[str, int]
    left_out_crossings: int
    trained_on: bool
    scores: str | None = None
    costs: Mapping[str, float] | None = None
    interrupted: bool = False

    @property
    def accept_rate(self) -> float:
        """Level-1 accepts, Hz."""
        return self.report.accept_rate

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; what ``l1forge path --json`` writes."""
        document = self.report.as_json() | {
            "latency": {model: dict(values) for model, values in self.latency.items()},
            "inputs": {
                name: made.to_dict() if made else {"compared": 0, "differ": None}
                for name, made in self.compared.items()
                if self.source != str(STANDARD_INPUT)
            },
            "scores": self.scores,
            "notes": dict(self.notes),
            "left_out_crossings": self.left_out_crossings,
            "trained_on": self.trained_on,
        }
        if self.costs is not None:
            document["cost_ns_per_crossing"] = dict(self.costs)
        return document

    def plot(self) -> Picture:
        """Rates of the algorithms that fire most often: before prescale with error, and accepted."""
        rows = sorted(self.report.algorithms(), key=lambda row: row.before)[-DRAWN:]
        figure = Picture(figsize=(8, 1.5 + 0.25 * len(rows)), layout="constrained")
        axis, places = figure.subplots(), range(len(rows))
        before, errors = [row.before / 1e3 for row in rows], [row.error / 1e3 for row in rows]
        axis.barh(places, before, xerr=errors, label="before prescale", alpha=0.5)
        axis.barh(places, [row.accepted / 1e3 for row in rows], height=0.4, label="accepted")
        axis.set_yticks(places, [row.name for row in rows], fontsize=7)
        accepts = f"{self.accept_rate / 1e3:.1f} kHz of accepts"
        axis.set(xlabel="rate [kHz]", title=f"{self.report.menu}: {accepts}")
        axis.legend()
        return figure

    def _repr_html_(self) -> str:
        headings = ("bit", "algorithm", "prescale", "before [kHz]", "±", "after [kHz]", "accepted [kHz]")
        rows = []
        for row in self.report.algorithms():
            in_khz = (f"{rate / 1e3:.3f}" for rate in (row.before, row.error, row.after, row.accepted))
            rows.append((row.index, row.name, f"{row.prescale:g}", *in_khz))
        accounts = self.report.accounts
        summary = (
            ("accept rate", f"{self.accept_rate / 1e3:.2f} kHz ({accounts.accepts} accepts)"),
            ("simulated", f"{self.report.simulated:.4f} s"),
            ("dead time", f"{100 * accounts.dead_time:.3f} % of the colliding crossings"),
            ("seeds not evaluated", len(self.report.excluded)),
        )
        head = html_table(f"{self.report.menu}: {self.source}", ("quantity", "value"), summary)
        return (
            head
            + html_table("algorithms", headings, rows)
            + html_lines(f"{note}: {count:,}" for note, count in self.notes.items())
        )


@dataclass(frozen=True)
class PreparedPath:
    """A trigger path with its stream, ready to run.

    ``menu``: the whole menu, ``excluded`` its seeds that are not evaluated. ``given``: scores that were read
    from a file. ``graphs``: graph file of every model that runs.
    """

    source: Path
    events: EventSource
    menu: CompiledMenu
    excluded: tuple[Excluded, ...]
    trigger: TriggerPath
    stream: Stream
    given: Mapping[str, Any]
    graphs: Mapping[str, Path]
    scores: Path | None
    trained_on: bool
    orbits: int | None
    output: Path | None

    @property
    def total(self) -> int | None:
        """Orbits to expect; None where nobody knows."""
        return None if self.source == STANDARD_INPUT else self.orbits

    def compare(self, strict: bool = False) -> dict[str, Comparison | None]:
        """Compare the first events with those that each model was trained on."""
        return compare_events(self.source, dict(self.graphs), strict)

    def run(
        self,
        compared: Mapping[str, Comparison | None] | None = None,
        watch: Watch | None = None,
        stopped: Callable[[], bool] = lambda: False,
        profile: bool = False,
    ) -> PathRun:
        """Stream all orbits; ``profile`` also measures the cost of every seed."""
        running = self.trigger.run(self._recipes())
        decisions = watch(self.trigger, running) if watch else running
        if self.output is not None:
            self._write(self.output, decisions)
        else:
            for _ in decisions:
                pass
        running.close()
        interrupted = stopped()
        report = self.trigger.report()
        if isinstance(self.stream, FilledStream) and self.events.n:
            report = replace(report, repeats=max(1.0, report.colliding / self.events.n))
        return PathRun(
            report,
            str(self.source),
            model_latencies(self.graphs),
            compared or {},
            dict(self.events.notes),
            self.events.first,
            self.trained_on,
            str(self.scores) if self.scores else None,
            seed_costs(self.trigger, self.stream) if profile else None,
            interrupted,
        )

    def _recipes(self) -> Iterator[Recipe]:
        """Blocks of the crossings that are not empty, unless neighbours matter or all are to be written.

        A sparse block copies nothing and may be large, if there are enough to keep all threads busy.
        """
        halo, orbits = self.trigger.halo, self.orbits
        if isinstance(self.stream, ReplayStream) or halo or self.output is not None:
            return self.stream.recipes(orbits, DENSE_ORBITS, halo)
        most = SPARSE_ORBITS if orbits is None else orbits // (4 * self.trigger.threads)
        return self.stream.recipes(orbits, min(max(most, DENSE_ORBITS), SPARSE_ORBITS), halo, sparse=True)

    def _write(self, output: Path, decisions: Iterator[Decision]) -> None:
        """Test vectors keep the layout of the rows they came from."""
        excluded = [seed.name for seed in self.excluded]
        metadata = {"menu": self.menu.name} | ({"not_evaluated": excluded} if excluded else {})
        blocks = (decision.events() for decision in decisions)
        write_any(output, blocks, format_of(output), metadata, columns=self.events.row_columns or FULL)


@dataclass(frozen=True)
class Conditions:
    """The machine and the detector: filling scheme, signal to inject, noise, and the seed of both.

    ``cross_section`` of the signal in pb, ``luminosity`` in 1/cm²/s, ``noise`` jets per crossing without
    collision.
    """

    scheme: Path | None = None
    signal: Path | None = None
    cross_section: float = 1000.0
    luminosity: float = 2e34
    noise: float = 1e-3
    seed: int = 1

    def injection(self, columns: Sequence[str], filling: FillingScheme) -> Injection | None:
        """The signal's events and how often they come."""
        if self.signal is None:
            return None
        source = open_events(self.signal)
        events = Events.concatenate(list(source.blocks(source.has(columns))))
        if not events.n:
            raise InputError("holds no events", file=self.signal, remedy="leave --signal out")
        return Injection(events, probability(self.cross_section, self.luminosity, filling))


@dataclass(frozen=True)
class Readout:
    """What follows the menu: prescales, and the dead time of the readout.

    ``dead_time``: crossings after an accept. ``buffer``: places of the de-randomiser and crossings to serve
    one event; (0, 0) is none. ``registers``: a register file, in place of all others.
    """

    prescales: Path | None = None
    column: str | None = None
    dead_time: int = 0
    buffer: tuple[int, int] = (0, 0)
    registers: Path | None = None

    def values(self, menu: CompiledMenu) -> RegisterValues | None:
        """What the registers hold; None: no register file is given."""
        if self.registers is None:
            return None
        given = {"--prescales": self.prescales, "--column": self.column, "--dead-time": self.dead_time}
        given["--buffer"] = self.buffer[0]
        for option, value in given.items():
            if value:
                raise InputError(
                    "is in the register file, too",
                    field=option,
                    value=str(value),
                    remedy="give --registers alone",
                )
        return load_registers(self.registers, menu)

    def settings(self, menu: CompiledMenu) -> Any:
        """Prescales of the menu's algorithms; None: all 1."""
        algorithms = {algorithm.name: algorithm.index for algorithm in menu.algorithms}
        settings = load_run_settings([self.prescales], algorithms, self.column) if self.prescales else None
        if self.column and not self.prescales:
            raise InputError("needs --prescales", field="--column", value=self.column)
        return settings


PLAIN, LHC_BEAM = Readout(), Conditions()


def prepare(
    source: Path,
    menu: Path | CompiledMenu | None = None,
    *,
    description: Path | None = None,
    orbits: int = 100,
    readout: Readout = PLAIN,
    conditions: Conditions = LHC_BEAM,
    models: Sequence[str] = (),
    scores: Path | None = None,
    without_models: Sequence[str] = (),
    trained_on: bool = False,
    threads: int | None = None,
    output: Path | None = None,
    summary: Path | None = None,
) -> PreparedPath:
    """Everything of ``run_path`` but the running; ``models`` holds ``name=graph.json``.

    ``description``: file of a path (docs/path-rtl.md), which names menu and graphs.

    Raises
    ------
    InputError
        As ``run_path``.
    """
    own_menu = menu if isinstance(menu, Path) else None
    files = (conditions.signal, own_menu, scores, readout.prescales, description, readout.registers)
    check_outputs(output, summary, inputs=[source, *(file for file in files if file)])
    target = format_of(output) if output else None
    described = None if description is None else _described(description, menu)
    chosen = described.menu if described else menu
    complete = chosen if isinstance(chosen, CompiledMenu) else load_menu(chosen or DEFAULT)
    values = readout.values(complete)
    settings, complete = (
        (values.settings, values.menu(complete)) if values else (readout.settings(complete), complete)
    )
    opened = open_source(source)
    compiled, excluded = evaluable(complete, carried_columns(opened), without_models)
    if not trained_on and compiled.scores:
        opened = trained_part(opened, ZERO_BIAS)
    given = given_scores(scores, compiled, opened, conditions.signal, without_models) if scores else {}
    computed = tuple(score for score in compiled.scores if score not in given)
    used = sorted({score.partition(".")[0] for score in computed})
    if described:
        check_models(described, used_models(complete))
    own = (
        [f"{name}={choice.graph}" for name, choice in described.models.items() if choice.graph]
        if described
        else []
    )
    graphs = graph_files([*(text for text in own if text.partition("=")[0] in used), *models], used)
    followed = GivenScores(given) if given else None
    trigger = TriggerPath(
        compiled,
        score_stages(computed, graphs, compiled.score_types),
        settings,
        values.control() if values else TriggerControl(RULES, readout.dead_time, *readout.buffer),
        threads or os.cpu_count() or 1,
        followed,
        excluded,
    )
    filling = load_scheme(conditions.scheme) if conditions.scheme else LHC
    stream, events = open_stream(
        opened,
        None if output else trigger.columns,
        filling,
        conditions.seed,
        conditions.injection(trigger.columns, filling),
        Noise(conditions.noise) if conditions.noise else None,
        keep=target not in (None, "parquet"),
    )
    if followed:
        if isinstance(stream, ReplayStream):
            stream.turn = next(iter(given.values())).shape[-1]
        followed.follow(stream.source_rows)
    running = {name: graphs[name] for name in used}
    limit = orbits or None
    return PreparedPath(
        source, events, complete, excluded, trigger, stream, given, running, scores, trained_on, limit, output
    )


def _described(file: Path, menu: Path | CompiledMenu | None) -> PathDescription:
    """The description of a path, which names its menu itself."""
    if menu is not None:
        raise InputError(
            "the description names the menu", field="--menu", value=str(menu), remedy="give one of them"
        )
    return load_description(file)


def run_path(
    source: str | Path | None = None,
    *,
    menu: str | Path | CompiledMenu | None = None,
    description: str | Path | None = None,
    orbits: int = 100,
    prescales: str | Path | None = None,
    column: str | None = None,
    registers: str | Path | None = None,
    models: Mapping[str, str | Path] | None = None,
    scores: str | Path | None = None,
    without_models: Sequence[str] = (),
    trained_on: bool = False,
    scheme: str | Path | None = None,
    signal: str | Path | None = None,
    cross_section: float = 1000.0,
    luminosity: float = 2e34,
    noise: float = 1e-3,
    dead_time: int = 0,
    buffer: tuple[int, int] | None = None,
    threads: int | None = None,
    seed: int = 1,
    output: str | Path | None = None,
    strict: bool = False,
    profile: bool = False,
) -> PathRun:
    """Stream bunch crossings through objects, models, menu, prescales, trigger rules to the accept.

    Parameters
    ----------
    source
        Event file, test vector or pattern file; None: the committed zero-bias sample. Files with BX numbers
        are replayed, all others fill the colliding crossings of the filling scheme.
    menu
        Menu file (YAML, official XML, compiled JSON) or a loaded menu; None: the default menu.
    description
        Description of a path (YAML) that names menu and graphs, in place of ``menu``.
    orbits
        LHC orbits (3564 crossings each) to stream, at least 1.
    prescales, column
        CSV of prescale columns, and the column; None: every prescale is 1, the first column.
    registers
        Register file: prescales, masks, thresholds and trigger rules, as the Verilog of the path loads it.
    models
        Graph file by the menu's name of a model, in place of the shipped one.
    scores
        Raw model scores, .parquet or .npz, one row per row of ``source``, in place of the models.
    without_models
        Models whose seeds are left out; they are listed in the report.
    trained_on
        Also use the crossings of the sample that trained the models.
    scheme
        Filling scheme, JSON or CSV; None: 2748 colliding crossings of the LHC.
    signal, cross_section, luminosity
        Signal events to inject, their cross-section in pb, the instantaneous luminosity in 1/cm²/s.
    noise
        Noise jets per crossing without collision.
    dead_time, buffer
        Fixed dead time after an accept in crossings; depth of the de-randomiser and crossings per event read.
    threads, seed
        Threads (None: all cores); seed of signal and noise.
    output
        Write the crossings with the emulated algorithm bits: .txt, .emp, .apx or .parquet.
    strict
        Refuse events unlike those that the models were trained on.
    profile
        Also measure the cost of every seed.

    Raises
    ------
    InputError
        If a file cannot be used, or menu, models, scores and events do not fit each other.

    Examples
    --------
    >>> import l1forge
    >>> run = l1forge.run_path(orbits=2)
    >>> run.report.crossings
    7128
    """
    if orbits < 1:
        raise InputError("must be at least 1", field="orbits", value=orbits)
    path = ZERO_BIAS if source is None else Path(source)
    ready = prepare(
        path,
        menu if menu is None or isinstance(menu, CompiledMenu) else Path(menu),
        description=_path(description),
        orbits=orbits,
        readout=Readout(_path(prescales), column, dead_time, buffer or (0, 0), _path(registers)),
        conditions=Conditions(_path(scheme), _path(signal), cross_section, luminosity, noise, seed),
        models=[f"{name}={file}" for name, file in (models or {}).items()],
        scores=_path(scores),
        without_models=without_models,
        trained_on=trained_on,
        threads=threads,
        output=_path(output),
    )
    return ready.run(ready.compare(strict), profile=profile)


def _path(name: str | Path | None) -> Path | None:
    return None if name is None else Path(name)
