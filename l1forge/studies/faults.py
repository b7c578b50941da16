"""Fault campaigns: single faults in generated Verilog, and how many the co-verification notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.studies.html import html_table
from l1forge.studies.path_results import FAULTS, keep

if TYPE_CHECKING:
    from l1forge.testbench.faults import Campaign, Subject, Verdict
    from l1forge.testbench.faults.campaign import Design
    from l1forge.testbench.faults.path import PathSubject

ENOUGH = 0.99
"""Share of the faults that can be seen at all which the co-verification must notice."""
SHARES = {"menu": 0.3, "control": 0.3, "vae": 0.15, "tau_id": 0.1, "eg_iso": 0.05, "event_bdt": 0.1}
"""Subjects of ``l1forge faults`` without arguments, and their shares of the faults."""
MENU_CROSSINGS, TREE_CROSSINGS, NETWORK_CROSSINGS = 30_000, 20_000, 100_000
"""As many as the tests drive."""
CONTROL_ALGORITHMS = 4
"""Algorithms of the trigger control that is tried; every algorithm has the same modules."""
PATH_ORBITS = 8
"""Orbits of the path, as in the tests."""
MENUS = (".yaml", ".yml", ".xml", ".json")


@dataclass(frozen=True)
class FaultStudy:
    """The campaigns on several designs."""

    campaigns: tuple[Campaign, ...]

    @property
    def faults(self) -> int:
        return sum(len(campaign.verdicts) for campaign in self.campaigns)

    @property
    def equivalent(self) -> int:
        """Survivors that are proven to change no output of the design: no check can see them."""
        return sum(campaign.equivalent for campaign in self.campaigns)

    @property
    def caught(self) -> int:
        return sum(campaign.caught for campaign in self.campaigns)

    @property
    def share(self) -> float:
        """Caught of those that are not proven equivalent."""
        visible = self.faults - self.equivalent
        return self.caught / visible if visible else 0.0

    @property
    def passed(self) -> bool:
        return self.share >= ENOUGH

    @property
    def survivors(self) -> list[tuple[str, Verdict]]:
        """Design and verdict of every fault that was not noticed."""
        return [(campaign.subject, v) for campaign in self.campaigns for v in campaign.survivors]

    def rows(self) -> list[tuple[str, ...]]:
        """Design, crossings, faults, noticed, proven equivalent, left."""
        made = []
        for c in self.campaigns:
            left = len(c.verdicts) - c.caught - c.equivalent
            numbers = (c.crossings, len(c.verdicts), c.caught, c.equivalent, left)
            made.append((c.subject, *(f"{number:,}" for number in numbers)))
        left = self.faults - self.caught - self.equivalent
        return [*made, ("all", "", *(f"{n:,}" for n in (self.faults, self.caught, self.equivalent, left)))]

    def kinds(self) -> list[tuple[str, ...]]:
        """Kind of fault, how many, noticed, proven equivalent, left."""
        total, caught, equal = Counter[str](), Counter[str](), Counter[str]()
        for campaign in self.campaigns:
            for verdict in campaign.verdicts:
                kind = verdict.fault.kind
                total[kind] += 1
                caught[kind] += verdict.caught is not None
                equal[kind] += verdict.reason.startswith("equivalent")
        return [
            (
                kind,
                *(
                    f"{n:,}"
                    for n in (
                        total[kind],
                        caught[kind],
                        equal[kind],
                        total[kind] - caught[kind] - equal[kind],
                    )
                ),
            )
            for kind in total
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON, with the verdict on every fault."""
        return {
            "faults": self.faults,
            "caught": self.caught,
            "equivalent": self.equivalent,
            "share": self.share,
            "passed": self.passed,
            "campaigns": [campaign.to_dict() for campaign in self.campaigns],
        }

    def _repr_html_(self) -> str:
        return html_table(f"{self.share:.2%} of the visible faults noticed", HEADINGS, self.rows())


KIND_HEADINGS = ("kind of fault", "faults", "noticed", "proven equivalent", "left")
HEADINGS = ("design", "crossings", "faults", "noticed", "proven equivalent", "left")


def model_subject(name: str, folder: Path, crossings: int | None = None) -> Subject:
    """A model's Verilog with the stimuli of its co-verification: by name, or the path of its graph."""
    from l1forge.firmware.rtl import generate
    from l1forge.studies.sources import load_graph
    from l1forge.testbench.cosim import emulator_of
    from l1forge.testbench.directed import directed
    from l1forge.testbench.faults import Subject
    from l1forge.testbench.stimuli import Plan, sample_files

    graph = load_graph(name)
    project = generate(graph, folder / graph.name)
    trees = any(node.op == "tree_ensemble" for node in graph.nodes)
    n = crossings or (TREE_CROSSINGS if trees else NETWORK_CROSSINGS)
    kinds = Plan(n).stimuli(graph, sample_files(), 1, directed(graph, proofs=False))
    blocks = tuple(block for blocks in kinds.values() for block in blocks if len(block))
    return Subject(graph.name, project, emulator_of(graph), blocks)


def menu_subject(path: Path, folder: Path, crossings: int | None = None) -> Subject:
    """A menu's Verilog with directed crossings and others around its limits."""
    from l1forge.emulator.menu.language.load import load_menu
    from l1forge.studies.menu_firmware import write_menu_firmware
    from l1forge.testbench.directed.menu import directed_menu
    from l1forge.testbench.drivers.harness import GAP_PROBABILITY
    from l1forge.testbench.faults import Subject
    from l1forge.testbench.menu import menu_emulator, menu_stimuli, neighbours
    from l1forge.testbench.stimuli import Plan

    menu = load_menu(path)
    project = write_menu_firmware(menu, folder / "menu").project
    plan = Plan(crossings or MENU_CROSSINGS)
    kinds = menu_stimuli(menu, project, plan, {}, 1, directed_menu(menu, project))
    blocks = tuple(block for blocks in kinds.values() for block in blocks)
    gaps = 0.0 if neighbours(menu) else GAP_PROBABILITY
    return Subject(menu.name, project, menu_emulator(menu, project), blocks, gaps)


def path_subject(folder: Path, crossings: int | None = None) -> PathSubject:
    """The top of the default path, with the crossings of its co-simulation."""
    from l1forge.emulator.lhc import ORBIT
    from l1forge.studies.path_firmware import path_scenario, write_path_firmware
    from l1forge.testbench.faults.path import PathSubject

    project = write_path_firmware(None, folder / "path").project
    orbits = max(1, -(-crossings // ORBIT)) if crossings else PATH_ORBITS
    stages, scenario = path_scenario(project, orbits)
    return PathSubject(project.rtl.name, project, tuple(stages), scenario)


def control_subject(folder: Path, crossings: int | None = None) -> PathSubject:
    """Trigger control with some algorithms of the default menu: masks, prescales, rules, registers, time."""
    from l1forge.emulator.events.objects import Events
    from l1forge.emulator.lhc import ORBIT
    from l1forge.emulator.menu.language.load import DEFAULT, load_menu
    from l1forge.firmware.path import generate_path
    from l1forge.studies.path_control import control_path
    from l1forge.testbench.faults.path import PathSubject
    from l1forge.testbench.path.stimuli import complete, eventful, with_externals

    menu = load_menu(DEFAULT)
    algorithms = menu.algorithms[:: max(1, len(menu.algorithms) // CONTROL_ALGORITHMS)]
    description, bits = control_path(menu.model_copy(update={"algorithms": algorithms}), DEFAULT)
    project = generate_path(description, bits, {}, folder / "path", folder / "parts")
    orbits = max(1, -(-crossings // ORBIT)) if crossings else PATH_ORBITS
    events = with_externals(complete(Events({}, orbits * ORBIT)), bits, 1)
    return PathSubject(project.rtl.name, project, (), eventful(project, [], events, 1))


def subject(name: str, folder: Path, crossings: int | None = None) -> Design:
    """The design called ``name``: ``menu``, ``path``, ``control``, a menu's file, a model, a graph's file."""
    from l1forge.emulator.menu.language.load import DEFAULT

    if name == "control":
        return control_subject(folder, crossings)
    if name == "path":
        return path_subject(folder, crossings)
    if name == "menu":
        return menu_subject(DEFAULT, folder, crossings)
    if Path(name).suffix in MENUS and not _is_graph(Path(name)):
        return menu_subject(Path(name), folder, crossings)
    return model_subject(name, folder, crossings)


def _is_graph(path: Path) -> bool:
    try:
        return '"l1forge-graph"' in path.read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return False


def run_faults(
    names: Sequence[str] = (),
    *,
    n: int = 500,
    seed: int = 1,
    crossings: int | None = None,
    prove: bool = True,
    copies: bool = True,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
) -> FaultStudy:
    """Put single faults into the Verilog of designs, one at a time, and co-verify each.

    Parameters
    ----------
    names
        ``menu``, ``path`` (the default ones), ``control`` (of the trigger), files of menus, models;
        none: those of ``SHARES``.
    n, seed
        Faults in all, and the seed of their kinds and places.
    crossings
        Length of the co-verification; None: that of the tests.
    prove
        Whether survivors are given to a SAT solver.
    copies
        Whether a fault in a loop of the Verilog is in all its copies, or in one of them.
    fresh
        Whether verdicts that an earlier run found on the same faults, Verilog and crossings are left aside.
    progress
        Called with the name of each design, and with the faults done.

    Raises
    ------
    InputError
        If a design is not known, differs from its emulator without a fault, or a tool is missing.
    """
    from l1forge.testbench.faults import run_campaign

    if n < 1:
        raise InputError("nothing to inject", field="-n", value=n, remedy="give a positive number")
    shares = dict.fromkeys(names, 1 / len(names)) if names else SHARES
    tell = progress or (lambda text: None)
    found = []
    with TemporaryDirectory(prefix="l1forge-faults-") as folder:
        for name, share in shares.items():
            count, done = max(1, round(n * share)), [0]

            def step(more: int, name: str = name, count: int = count, done: list[int] = done) -> None:
                done[0] += more
                tell(f"{name}: {done[0]} of {count} faults")

            tell(f"{name}: building")
            chosen = subject(name, Path(folder) / name.replace("/", "_"), crossings)
            found.append(
                run_campaign(
                    chosen,
                    count,
                    seed,
                    copies=copies,
                    prove=prove,
                    kept=None if fresh else build_folder() / "faults",
                    progress=step,
                )
            )
    result = FaultStudy(tuple(found))
    if not names:
        keep(FAULTS, "path", result.to_dict())
    return result
