"""A trigger path as a Verilog project: models, menu, control and registers under one top."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.path.description import PathDescription
from l1forge.emulator.path.registers import reset_values
from l1forge.firmware.menu.generate import generate_menu
from l1forge.firmware.path.parts import ModelPart, model_parts
from l1forge.firmware.path.register_files import register_files
from l1forge.firmware.path.register_map import RegisterMap
from l1forge.firmware.path.top import PathTop
from l1forge.firmware.rtl.project import RtlProject

VERILOG = Path(__file__).with_name("verilog")


@dataclass(frozen=True)
class PathProject:
    """The Verilog of a path: ``rtl`` is its top with all files.

    ``delay``: crossings until the slowest model is done; ``menu_latency``: crossings of the menu behind them.
    """

    rtl: RtlProject
    description: PathDescription
    menu: CompiledMenu
    registers: RegisterMap
    parts: tuple[ModelPart, ...]
    delay: int
    menu_latency: int

    @property
    def latency(self) -> int:
        """Crossings from the objects to the accept."""
        return self.rtl.latency


def generate_path(
    description: PathDescription,
    menu: CompiledMenu,
    graphs: Mapping[str, Path],
    out_dir: str | Path,
    parts_dir: str | Path,
    *,
    objects: Mapping[str, int] | None = None,
) -> PathProject:
    """Write the Verilog of the path that ``description`` describes.

    Parameters
    ----------
    menu
        The compiled menu of the description.
    graphs
        Graph file of each model that is a pipeline.
    out_dir
        Folder of the project; nothing is written there if anything is refused.
    parts_dir
        Folder for the Verilog of the models, which is found again there while a model does not change.
    objects
        Models that score the objects of a crossing (rather than the crossing), and how many.

    Raises
    ------
    InputError
        If a part cannot be made, or the parts do not fit each other.
    """
    if not menu.algorithms:
        raise InputError("the menu has no seed", file=description.menu, remedy="there is nothing to decide")
    parts = model_parts(description, menu, graphs, objects or {}, Path(parts_dir))
    registers = RegisterMap(menu, reset_values(menu, description.orbits_per_section))
    thresholds = dict(zip(registers.threshold_names, registers.thresholds, strict=True))
    slots = {score.name: len(score.ports) for part in parts for score in part.scores}
    target = Path(out_dir)
    with tempfile.TemporaryDirectory() as work:
        menu_project = generate_menu(menu, Path(work) / "menu", score_slots=slots, thresholds=thresholds)
        models = ", ".join(part.model for part in parts) or "none"
        about = f"Trigger path {description.name}: menu {menu.name}, models {models}"
        top = PathTop(description.name, about, parts, menu_project, registers)
        texts = {f"{description.name}.v": top.text()}
        texts |= {file.name: file.read_text(encoding="utf-8") for file in sorted(VERILOG.glob("*.v"))}
        sources = [
            *menu_project.sources,
            *(s for part in parts if part.project for s in part.project.sources),
        ]
        digest = hashlib.sha256("".join(texts.values()).encode())
        with atomic_files(target, replace_folders=True) as folder:
            for source in sources:
                _take(source, folder, texts)
            for name, text in texts.items():
                write_text(folder / name, text)
            for name, text in register_files(registers, description.name).items():
                write_text(folder / name, text)
            files = tuple(sorted(file.name for file in folder.glob("*.v")))
            made = [menu_project, *(part.project for part in parts if part.project)]
            rtl = RtlProject(
                folder, description.name, digest.hexdigest(), files, top.inputs, top.outputs, (), top.latency,
                top.latency, 1000 / description.clock_mhz, sum(p.operations for p in made),
                sum(p.cost for p in made), max(p.delay_ns for p in made),
            )  # fmt: skip
            rtl.save()
    return PathProject(
        RtlProject.load(target), description, menu, registers, parts, top.delay, menu_project.latency
    )


def _take(source: Path, folder: Path, texts: Mapping[str, str]) -> None:
    """Copy a file; two of one name must be the same file."""
    place = folder / source.name
    if source.name in texts or (place.exists() and place.read_bytes() != source.read_bytes()):
        raise InputError(
            "two parts of the path have files of one name", file=source, remedy="rename the model or the path"
        )
    shutil.copy(source, place)
