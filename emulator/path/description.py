"""The short description that the software path and its Verilog are both made from: menu, models, clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from l1forge.emulator.errors import InputError
from l1forge.emulator.lhc import CROSSING_FREQUENCY, ORBITS_PER_LUMINOSITY_SECTION
from l1forge.emulator.menu.language.load import DEFAULT as DEFAULT_MENU
from l1forge.emulator.menu.language.yaml_tree import Item, read_yaml

DEFAULT = Path(__file__).with_name("default.yaml")
KEYS = ("path", "menu", "models", "clock_mhz", "orbits_per_section")
MODEL_KEYS = ("graph", "rtl", "stages", "latency")
CLOCK_MHZ = round(CROSSING_FREQUENCY / 1e6, 3)
MOST_STAGES = 64
MOST_ORBITS = (1 << 32) - 1


@dataclass(frozen=True)
class ModelChoice:
    """How one model of the menu becomes part of the path.

    Parameters
    ----------
    graph
        Its graph file; None: the committed model of that name.
    rtl
        ``pipeline``: its Verilog is in the top; ``port``: it is computed elsewhere, its scores are inputs.
    stages
        Pipeline stages; None: as many as the clock asks for.
    latency
        Of a port: crossings by which its scores come after the objects that they belong to.
    """

    graph: Path | None = None
    rtl: Literal["pipeline", "port"] = "pipeline"
    stages: int | None = None
    latency: int = 0


@dataclass(frozen=True)
class PathDescription:
    """A trigger path: its name, the menu's file, how each model is built, the clock in MHz."""

    name: str
    menu: Path
    models: Mapping[str, ModelChoice] = field(default_factory=dict)
    clock_mhz: float = CLOCK_MHZ
    orbits_per_section: int = ORBITS_PER_LUMINOSITY_SECTION
    file: Path | None = None

    def choice(self, model: str) -> ModelChoice:
        """How ``model`` is built; models that the file does not name are pipelines."""
        return self.models.get(model, ModelChoice())


def load_description(path: str | Path = DEFAULT) -> PathDescription:
    """Read a description; files that it names are looked for beside it.

    Raises
    ------
    InputError
        With line and column of the first entry that cannot be used.
    """
    path = Path(path)
    document = read_yaml(path).mapping(KEYS)
    menu = DEFAULT_MENU
    if "menu" in document and document["menu"].text() != "default":
        menu = path.parent / document["menu"].text()
        if not menu.is_file():
            raise document["menu"].error("no such menu file", value=str(menu))
    models = document["models"].mapping() if "models" in document else {}
    name = document["path"].text() if "path" in document else path.stem
    if not (name.isascii() and name.isidentifier()):
        raise document["path"].error("letters, digits and underscores expected", value=name)
    return PathDescription(
        name,
        menu,
        {model: _choice(item, path.parent) for model, item in models.items()},
        _clock(document["clock_mhz"]) if "clock_mhz" in document else CLOCK_MHZ,
        _within(document["orbits_per_section"], 1, MOST_ORBITS)
        if "orbits_per_section" in document
        else ORBITS_PER_LUMINOSITY_SECTION,
        path,
    )


def _choice(item: Item, folder: Path) -> ModelChoice:
    keys = item.mapping(MODEL_KEYS)
    rtl = keys["rtl"].text() if "rtl" in keys else "pipeline"
    if rtl not in ("pipeline", "port"):
        raise keys["rtl"].error("pipeline or port expected", value=rtl)
    wrong = "stages" if rtl == "port" else "latency"
    if wrong in keys:
        owner = "a pipeline" if wrong == "stages" else "a port"
        raise keys[wrong].error(f"belongs to {owner}", value=keys[wrong].plain(), remedy=f"leave {wrong} out")
    graph = None
    if "graph" in keys:
        graph = folder / keys["graph"].text()
        if not graph.is_file():
            raise keys["graph"].error("no such graph file", value=str(graph))
    return ModelChoice(
        graph,
        "port" if rtl == "port" else "pipeline",
        _within(keys["stages"], 1, MOST_STAGES) if "stages" in keys else None,
        _within(keys["latency"], 0, MOST_STAGES) if "latency" in keys else 0,
    )


def _clock(item: Item) -> float:
    """The clock in MHz: the Verilog takes one crossing per clock."""
    value = item.number()
    if not CLOCK_MHZ - 0.01 < value < CLOCK_MHZ + 0.01:
        remedy = f"write clock_mhz: {CLOCK_MHZ}"
        raise item.error(
            "the path takes one crossing per clock of the crossing rate", value=value, remedy=remedy
        )
    return float(value)


def _within(item: Item, least: int, most: int) -> int:
    value = item.integer()
    if not least <= value <= most:
        raise item.error(f"{least} to {most:,} expected", value=value)
    return value


def check_models(description: PathDescription, used: tuple[str, ...]) -> None:
    """Demand that the menu uses every model that the description names.

    Raises
    ------
    InputError
        If it does not use one.
    """
    for model in description.models:
        if model not in used:
            raise InputError(
                "the menu does not use this model",
                file=description.file,
                field="models",
                value=model,
                remedy=f"it uses {', '.join(used) or 'none'}",
            )
