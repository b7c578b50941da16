"""The whole trigger path as Verilog, and its co-simulation against the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.lhc import BUNCH_SPACING_NS, ORBIT
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.language.load import DEFAULT as DEFAULT_MENU
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.path.description import DEFAULT, PathDescription, check_models, load_description
from l1forge.models.registry import models
from l1forge.simulation import SAMPLE
from l1forge.studies.html import html_table
from l1forge.studies.menu_firmware import MUON_SLOTS, netlist_of
from l1forge.studies.path_control import control_path
from l1forge.studies.path_inputs import graph_files, score_stages, used_models
from l1forge.studies.path_results import COSIM, keep

if TYPE_CHECKING:
    from l1forge.emulator.events.objects import Events
    from l1forge.firmware.path import PathProject
    from l1forge.testbench.path.coverage import PathCoverage
    from l1forge.testbench.path.scenario import Scenario
    from l1forge.testbench.path.scoreboard import PathOutcome

SIGNAL_SHARE = 0.2
"""Collisions that a signal event replaces in a co-simulation."""
DEEP_ORBITS = 8
"""Orbits that are in memory at a time in a deep co-simulation."""


@dataclass(frozen=True)
class PathFirmware:
    """The Verilog of a path and what it was made from."""

    project: PathProject

    @property
    def budget(self) -> list[tuple[str, int, int]]:
        """(stage, crossings, crossings since the inputs) from the objects to the accept."""
        project = self.project
        from l1forge.firmware.path.top import STAGES_BEHIND_MENU

        inside = [f"{part.model} {part.latency}" for part in project.parts if part.project]
        outside = [f"{part.model} (port) {part.latency}" for part in project.parts if not part.project]
        stages = [
            (f"models, side by side: {', '.join([*inside, *outside]) or 'none'}", project.delay),
            ("menu", project.menu_latency),
            ("bunch-crossing masks, prescales", 1),
            ("FinOR, veto", 1),
            ("trigger rules, accept", STAGES_BEHIND_MENU - 2),
        ]
        done, rows = 0, []
        for name, crossings in stages:
            done += crossings
            rows.append((name, crossings, done))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        project = self.project
        return {
            "path": project.rtl.name,
            "menu": project.menu.name,
            "folder": str(project.rtl.folder),
            "circuit": project.rtl.circuit,
            "algorithms": len(project.menu.algorithms),
            "models": {
                part.model: {"rtl": "pipeline" if part.project else "port", "latency_crossings": part.latency}
                for part in project.parts
            },
            "latency_crossings": project.latency,
            "latency_ns": project.latency * BUNCH_SPACING_NS,
            "budget": [{"stage": n, "crossings": c, "since_inputs": s} for n, c, s in self.budget],
            "registers": len(project.registers.registers),
            "map_id": project.registers.identity,
        }

    def _repr_html_(self) -> str:
        return html_table(
            f"{self.project.rtl.name}: latency", ("stage", "crossings", "since the inputs"), self.budget
        )


@dataclass(frozen=True)
class PathCosimulation:
    """What the co-simulation of a path found; ``drivers`` in the order in which they ran."""

    firmware: PathFirmware
    outcomes: dict[str, PathOutcome]

    @property
    def passed(self) -> bool:
        """Every driver compared something, and nothing differed."""
        return bool(self.outcomes) and all(outcome.passed for outcome in self.outcomes.values())

    @property
    def never(self) -> list[str]:
        """Algorithms that were never both true and false, by all drivers together."""
        crossings = sum(outcome.crossings for outcome in self.outcomes.values())
        algorithms = self.firmware.project.menu.algorithms
        found = []
        for place, algorithm in enumerate(algorithms):
            true = sum(int(outcome.before[place]) for outcome in self.outcomes.values())
            if true in (0, crossings):
                found.append(algorithm.name)
        return found

    @property
    def coverage(self) -> PathCoverage:
        """What the drivers have shown together."""
        from l1forge.testbench.path.coverage import merged

        found = [outcome.coverage for outcome in self.outcomes.values() if outcome.coverage is not None]
        return merged(found, self.firmware.project)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        names = [algorithm.name for algorithm in self.firmware.project.menu.algorithms]
        found = {}
        for driver, o in self.outcomes.items():
            found[driver] = {
                "passed": o.passed,
                "crossings": o.crossings,
                "values_compared": o.total,
                "mismatches": o.mismatches,
                "wrong": o.wrong,
                "misplaced": o.misplaced,
                "register_answers": o.registers,
                "wrong_answers": o.wrong_answers + o.unanswered,
                "gaps": o.gaps,
                "resets": o.resets,
                "sections": o.sections,
                "accepts": o.accepts,
                "true_before": dict(zip(names, map(int, o.before), strict=True)),
                "true_after": dict(zip(names, map(int, o.after), strict=True)),
                "examples": o.examples,
            }
        return self.firmware.to_dict() | {
            "passed": self.passed,
            "drivers": found,
            "never_both": self.never,
            "coverage": self.coverage.to_dict(),
        }

    def _repr_html_(self) -> str:
        rows = [(name, o.crossings, o.total, o.mismatches) for name, o in self.outcomes.items()]
        return html_table(
            f"{self.firmware.project.rtl.name}: {'equal' if self.passed else 'differs'}",
            ("driver", "crossings", "values compared", "mismatches"),
            rows,
        )


def described(description: str | Path | PathDescription | None) -> tuple[PathDescription, CompiledMenu]:
    """A description and its menu; None: the default path; ``control``: its trigger control alone.

    Raises
    ------
    InputError
        If a file cannot be used, or the description names a model that the menu does not use.
    """
    if description == "control":
        return control_path(load_menu(DEFAULT_MENU), DEFAULT_MENU)
    chosen = (
        description if isinstance(description, PathDescription) else load_description(description or DEFAULT)
    )
    menu = load_menu(chosen.menu)
    check_models(chosen, used_models(menu))
    return chosen, menu


def chosen_graphs(description: PathDescription, menu: CompiledMenu) -> dict[str, Path]:
    """Graph file of every model that the path runs; ports without a model here are left out.

    Raises
    ------
    InputError
        If a model is neither given nor committed.
    """
    from l1forge.models import available

    given = [f"{name}={choice.graph}" for name, choice in description.models.items() if choice.graph]
    known = {*available(), *(text.partition("=")[0] for text in given)}
    used = [
        model for model in used_models(menu) if model in known or description.choice(model).rtl == "pipeline"
    ]
    return graph_files(given, used)


def write_path_firmware(
    description: str | Path | PathDescription | None = None, folder: str | Path | None = None
) -> PathFirmware:
    """Write a trigger path as Verilog, with its register map.

    Parameters
    ----------
    description
        Description file (docs/path-rtl.md), or one that was loaded; None: the default path.
    folder
        Folder of the project; None: ``hls_projects/NAME``.

    Raises
    ------
    InputError
        If the parts do not fit each other or cannot be made; nothing is written then.
    """
    from l1forge.firmware.path import generate_path

    chosen, menu = described(description)
    objects = {name: MUON_SLOTS for name, model in models().items() if model.stage is not None}
    target = Path(folder) if folder else Path("hls_projects") / chosen.name
    parts = build_folder() / "rtl" / "path_parts"
    graphs = chosen_graphs(chosen, menu)
    return PathFirmware(generate_path(chosen, menu, graphs, target, parts, objects=objects))


def cosimulate_path(
    description: str | Path | PathDescription | None = None,
    *,
    orbits: int = 20,
    vectors: Sequence[str | Path] = (),
    drivers: Sequence[str] = ("cocotb", "harness"),
    seed: int = 1,
    folder: str | Path | None = None,
    netlist: bool = False,
    progress: Callable[[int], None] | None = None,
) -> PathCosimulation:
    """Compare the Verilog of a trigger path with the emulator: every output, counter and register.

    Parameters
    ----------
    description, folder
        As ``write_path_firmware``.
    orbits
        Orbits of zero bias mixed with all signals of the sample; with gaps, resets and register writes.
    vectors
        Test vectors, sent behind them.
    drivers
        ``cocotb``; ``harness``: the same crossings, compiled; ``deep``: without gaps and resets, in constant
        memory, for many orbits.
    seed
        Of signals, gaps, resets, register values.
    netlist
        Simulate the netlist that Yosys makes of the Verilog, without DSP blocks, in its place.
    progress
        Called with the crossings done since the last call.

    Raises
    ------
    InputError
        If a file cannot be used or a tool is missing: a check that cannot run has failed.
    """
    from l1forge.testbench.path.cocotb_driver import PathCocotb
    from l1forge.testbench.path.harness import PathHarness
    from l1forge.testbench.path.run import cosimulate

    firmware = write_path_firmware(description, folder)
    project = firmware.project
    tested = replace(project, rtl=netlist_of(project.rtl)) if netlist else project
    inside, outside = _stages(project, seed)
    outcomes: dict[str, PathOutcome] = {}
    for name in drivers:
        driver = PathCocotb(tested) if name == "cocotb" else PathHarness(tested)
        if name == "deep":
            margin = _margin(project)
            scenarios = _deep(project, outside, orbits, seed, margin)
        else:
            # a cocotb bus with pauses needs more than an orbit for all registers
            every = 3 if name == "cocotb" else 1
            margin, scenarios = 0, iter([_scenario(project, outside, orbits, vectors, seed, every)])
        outcomes[name] = cosimulate(
            project, inside, scenarios, driver, margin=margin, seed=seed, progress=progress
        )
    result = PathCosimulation(firmware, outcomes)
    keep(COSIM, project.rtl.name, {**result.to_dict(), "verilog": "netlist" if netlist else "Verilog"})
    return result


def path_scenario(project: PathProject, orbits: int, seed: int = 1) -> tuple[list[Any], Scenario]:
    """What computes the scores inside, and orbits with everything that a co-simulation does on the way."""
    inside, outside = _stages(project, seed)
    return inside, _scenario(project, outside, orbits, (), seed)


def _stages(project: PathProject, seed: int) -> tuple[list[Any], list[Any]]:
    """What computes the scores of the models inside, and of those behind ports."""
    from l1forge.testbench.path.stimuli import DrawnScores

    menu, graphs = project.menu, chosen_graphs(project.description, project.menu)
    inside = [s.name for part in project.parts if part.project for s in part.scores]
    ports = [s for part in project.parts if not part.project for s in part.scores]
    known = tuple(s.name for s in ports if s.name.partition(".")[0] in graphs)
    rest = [s.name for s in ports if s.name not in known]
    outside = score_stages(known, graphs, menu.score_types)
    if rest:
        outside.append(DrawnScores(menu, rest, {s.name: len(s.ports) for s in ports}, seed))
    return score_stages(tuple(inside), graphs, menu.score_types), outside


def _margin(project: PathProject) -> int:
    """Crossings of the neighbouring blocks that a block needs."""
    from l1forge.emulator.menu.engine.plan import make_plan

    return max([make_plan(project.menu).halo, *(part.latency for part in project.parts if not part.project)])


def _stream(seed: int) -> Any:
    """Zero bias in which a share of the collisions is replaced by events of every signal of the sample."""
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.events.source import open_events
    from l1forge.emulator.stream.filled import FilledStream
    from l1forge.emulator.stream.injection import Injection, Noise

    zero_bias = SAMPLE / "zerobias.parquet"
    if not zero_bias.is_file():
        raise InputError("the committed sample is needed", file=zero_bias, remedy="make data")
    files = sorted(file for file in SAMPLE.glob("*.parquet") if file != zero_bias)
    signals = [block for file in files for block in open_events(file).blocks()]
    return FilledStream(
        open_events(zero_bias),
        None,
        seed=seed,
        signal=Injection(Events.concatenate(signals), SIGNAL_SHARE),
        noise=Noise(),
    )


def _scenario(
    project: PathProject,
    outside: Sequence[Any],
    orbits: int,
    vectors: Sequence[str | Path],
    seed: int,
    every: int = 1,
) -> Scenario:
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.events.source import open_events
    from l1forge.testbench.path.planted import planted
    from l1forge.testbench.path.stimuli import complete, eventful, with_externals

    blocks: list[Events] = [
        with_externals(complete(recipe().events), project.menu, seed)
        for recipe in _stream(seed).recipes(orbits, orbits, 0)
    ]
    for path in vectors:
        rows = Events.concatenate([complete(block) for block in open_events(Path(path)).blocks()])
        blocks.append(rows.select(slice(0, rows.n - rows.n % ORBIT or rows.n)))
    return eventful(
        project,
        outside,
        Events.concatenate(blocks),
        seed,
        directed=planted(project),
        every=every,
        partial=every == 1,  # cocotb's bus master makes whole words of parts
    )


def _deep(
    project: PathProject, outside: Sequence[Any], orbits: int, seed: int, margin: int
) -> Iterator[Scenario]:
    import numpy as np

    from l1forge.testbench.path.stimuli import FIRST_ACCESS, complete, drawn_values, quiet, section_accesses

    random = np.random.default_rng(seed)
    for number, recipe in enumerate(_stream(seed).recipes(orbits, DEEP_ORBITS, margin)):
        values = drawn_values(project.registers, random)
        accesses = section_accesses(project.registers, values, 1 - number % 2, FIRST_ACCESS, random)
        yield quiet(project, outside, complete(recipe().events), accesses)
