"""Designs written by themselves: muon patterns, the default menu and path, networks folded in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from l1forge.emulator.errors import InputError

if TYPE_CHECKING:
    from l1forge.firmware.rtl import RtlProject

PATTERNS, MENU, CONTROL, PATH = "muon_patterns", "menu_default", "trigger_control", "trigger_path"


def muon_patterns(folder: Path) -> RtlProject:
    """The golden patterns of `l1forge cosim-muons`."""
    from l1forge.firmware.muon.patterns import PatternTables, generate_patterns
    from l1forge.models.muon_patterns import load_patterns
    from l1forge.simulation.muons import REFERENCE_LAYERS
    from l1forge.simulation.muons.layers import BENDING

    found = load_patterns()
    tables = PatternTables(
        found.offset, found.slope, found.shift, found.value, REFERENCE_LAYERS, BENDING.tolist()
    )
    return generate_patterns(tables, folder)


def menu(folder: Path) -> RtlProject:
    """The trigger menu that comes with l1forge, as `l1forge menu firmware` writes it."""
    import l1forge.emulator.menu
    from l1forge.studies.menu import load_menu
    from l1forge.studies.menu_firmware import write_menu_firmware

    (package,) = l1forge.emulator.menu.__path__
    return write_menu_firmware(load_menu(Path(package) / "default.yaml"), folder).project


FOLDED = {"jet_sets_8": 4, "jet_sets_16": 4, "jet_sets_32": 4, "jet_graph": 4}
"""Networks on sets -> clocks between two jets of their folded design."""


def folded(model: str, interval: int, folder: Path) -> RtlProject:
    """A network on a set, a part of the set each clock: what `l1forge cosim MODEL --interval` compares."""
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.sets.folded import generate_folded
    from l1forge.models import graph_path

    return generate_folded(Graph.load(graph_path(model)), folder, interval)


def control(folder: Path) -> RtlProject:
    """Trigger control of the default path, its algorithm bits as external signals."""
    from l1forge.studies.path_firmware import write_path_firmware

    return write_path_firmware("control", folder).project.rtl


def path(folder: Path) -> RtlProject:
    """The default trigger path, as `l1forge path --rtl` writes it."""
    from l1forge.studies.path_firmware import write_path_firmware

    return write_path_firmware(None, folder).project.rtl


WITHOUT_GRAPH: dict[str, Callable[[Path], RtlProject]] = {
    PATTERNS: muon_patterns,
    MENU: menu,
    CONTROL: control,
    PATH: path,
    **{f"{model}_folded": partial(folded, model, interval) for model, interval in FOLDED.items()},
}


def project_of(model: str) -> RtlProject | None:
    """A design written by itself: one of ``WITHOUT_GRAPH``, or the folder of a written Verilog project.

    None if ``model`` is neither, so that it must be a model or a graph file.

    Raises
    ------
    InputError
        If the folder holds no project that can be read.
    """
    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.rtl import RtlProject

    if model in WITHOUT_GRAPH:
        return WITHOUT_GRAPH[model](build_folder() / "rtl" / model)
    folder = Path(model)
    return RtlProject.load(folder) if folder.is_dir() else None


def refuse_cut(stages: int | None, period: float | None, model: str) -> None:
    """InputError if a design that is written already is asked to be cut otherwise."""
    for option, value in (("--stages", stages), ("--period", period)):
        if value is not None:
            raise InputError(
                "this design has no graph: its stages are fixed",
                field=option,
                value=value,
                remedy="leave it out",
            )
