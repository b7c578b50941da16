"""A trigger menu as Verilog, and its co-simulation against the emulator and test vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.menu.checks.check import FAIL, CheckResult
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.studies.html import html_table
from l1forge.studies.menu import check_menu
from l1forge.studies.path_results import MENU, keep

if TYPE_CHECKING:
    from l1forge.emulator.events.objects import Events
    from l1forge.firmware.rtl.project import RtlProject
    from l1forge.testbench.menu import MenuOutcome

MUON_SLOTS = 8
"""Objects of the scores that a model gives for every muon."""


@dataclass(frozen=True)
class MenuFirmware:
    """The Verilog of a menu: its project, and how many seeds, conditions and input ports it has."""

    menu: CompiledMenu
    project: RtlProject

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "menu": self.menu.name,
            "judge": self.menu.judge,
            "folder": str(self.project.folder),
            "top": self.project.name,
            "seeds": len(self.project.outputs),
            "conditions": self.project.operations,
            "input_ports": len(self.project.inputs),
            "latency_crossings": self.project.latency,
            "circuit": self.project.circuit,
        }

    def _repr_html_(self) -> str:
        return html_table(f"{self.menu.name} as Verilog", ("what", "value"), list(self.to_dict().items()))


@dataclass(frozen=True)
class MenuCosimulation:
    """Verilog, emulator and published bits of a menu, compared crossing by crossing, seed by seed.

    ``outcome`` compares Verilog with emulator; ``vectors`` compares the emulator with each test-vector file,
    on the same crossings that were sent through the Verilog.
    """

    firmware: MenuFirmware
    outcome: MenuOutcome
    vectors: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Nothing differs: Verilog, emulator and, but for documented seeds, the published bits."""
        return self.outcome.passed and not any(result.verdict == FAIL for result in self.vectors)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the crossings in which every seed was true."""
        found = self.outcome
        return {
            **self.firmware.to_dict(),
            "passed": self.passed,
            "crossings": found.crossings,
            "mismatches": found.mismatches,
            "missing": found.missing,
            "misplaced": found.misplaced,
            "examples": found.examples,
            "true": dict(zip(found.seeds, map(int, found.true), strict=True)),
            "never_both": found.holes,
            "coverage": found.coverage.to_dict() if found.coverage else None,
            "vectors": [result.to_dict() for result in self.vectors],
        }

    def _repr_html_(self) -> str:
        rows = [(kind, count) for kind, count in self.outcome.crossings.items()]
        verdict = "equal" if self.passed else f"{self.outcome.mismatches} mismatches"
        return html_table(f"{self.firmware.menu.name}: {verdict}", ("stimuli", "crossings"), rows)


def score_slots(menu: CompiledMenu) -> dict[str, int]:
    """Objects per crossing of every score: a model that runs on stubs has one value for each muon.

    Of models that are not here, a score with a dot in its name is taken for one of these.
    """
    from l1forge.models.registry import models

    known, found = models(), {}
    for name in menu.scores:
        model = known.get(name.partition(".")[0])
        many = "." in name if model is None else model.stage is not None
        found[name] = MUON_SLOTS if many else 1
    return found


def write_menu_firmware(menu: CompiledMenu, folder: str | Path | None = None) -> MenuFirmware:
    """Write a menu as Verilog: one crossing per clock, one output bit for every seed.

    Parameters
    ----------
    menu
        A loaded menu (``l1forge.load_menu``); its judge decides whose behaviour the hardware has.
    folder
        Folder to write, replaced as a whole; None: ``build/rtl/menu_NAME``.

    Raises
    ------
    InputError
        If the menu has no seed, or a score has no declared type.
    """
    from l1forge.firmware.menu import generate_menu
    from l1forge.firmware.rtl.ports import identifier

    if not menu.algorithms:
        raise InputError("the menu has no seed", value=menu.name, remedy="there is nothing to write")
    target = Path(folder) if folder else build_folder() / "rtl" / identifier(f"menu_{menu.name}")
    return MenuFirmware(menu, generate_menu(menu, target, score_slots=score_slots(menu)))


def cosimulate_menu(
    menu: CompiledMenu,
    *,
    n: int = 20_000,
    events: Sequence[str | Path] = (),
    vectors: Sequence[str | Path] = (),
    seed: int = 1,
    folder: str | Path | None = None,
    directed: bool = True,
    netlist: bool = False,
    progress: Callable[[int], None] | None = None,
) -> MenuCosimulation:
    """Send crossings through the Verilog of a menu and compare every seed with the emulator.

    Parameters
    ----------
    menu
        A loaded menu.
    n
        Crossings of each kind: around the menu's limits, and of every event file.
    events, vectors
        Event files; test-vector files, of which all rows are used and whose algorithm bits are compared, too.
    seed
        Of the drawn crossings and of model scores, which are drawn around the menu's limits.
    folder
        Where the Verilog is written; None: as ``write_menu_firmware``.
    directed
        Also search crossings that make every seed true and false by each of its conditions, and send them
        first; what all crossings have shown is counted in ``outcome.coverage``.
    netlist
        Simulate the netlist that Yosys makes of the Verilog, without DSP blocks, in its place.
    progress
        Called with the number of crossings done since the last call.

    Raises
    ------
    InputError
        If a file cannot be read, or Verilator is missing: a check that cannot run has failed.
    """
    from l1forge.emulator.events.source import open_events
    from l1forge.testbench.directed.menu import MenuCoverage, directed_menu
    from l1forge.testbench.menu import cosimulate_menu as compare
    from l1forge.testbench.menu import menu_stimuli
    from l1forge.testbench.stimuli import Plan

    firmware = write_menu_firmware(menu, folder)
    project = firmware.project
    files: dict[str, Iterable[Events]] = {}
    for number, path in enumerate([*vectors, *events]):
        whole = number < len(vectors)
        source = open_events(Path(path))
        files[Path(path).name] = _first(source.blocks(), (source.n or n) if whole else n)
    tested = netlist_of(project) if netlist else project
    found = directed_menu(menu, project) if directed else None
    coverage = found.coverage() if found else MenuCoverage(menu, project)
    stimuli = menu_stimuli(menu, project, Plan(n), files, seed, found)
    outcome = compare(menu, tested, stimuli, seed=seed, coverage=coverage, progress=progress)
    published = check_menu(menu, list(vectors)).results if vectors else ()
    result = MenuCosimulation(firmware, outcome, published)
    keep(MENU, menu.name, {**result.to_dict(), "verilog": "netlist" if netlist else "Verilog"})
    return result


def netlist_of(project: RtlProject) -> RtlProject:
    """The synthesised netlist of a design, in a folder beside its Verilog."""
    from l1forge.firmware.synth.yosys import netlist_project, synthesise

    folder = project.folder.with_name(f"{project.folder.name}-netlist")
    synthesise(project, folder, dsp=False)  # Yosys has no model of DSP blocks
    return netlist_project(project, folder)


def _first(blocks: Iterator[Events], n: int) -> Iterator[Events]:
    """The first ``n`` crossings of some blocks."""
    left = n
    for block in islice(blocks, n):
        if left <= 0:
            return
        yield block.rows(0, min(block.n, left))
        left -= block.n
