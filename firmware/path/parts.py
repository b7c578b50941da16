"""The models of a path: Verilog of their graphs, or ports for scores that are computed elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.path.description import PathDescription
from l1forge.emulator.path.scorers import check_score_type
from l1forge.firmware.rtl import generate
from l1forge.firmware.rtl.ports import ZERO, identifier
from l1forge.firmware.rtl.project import RtlProject

SOURCE = re.compile(r"(\w+\.\w+)\[(\d+)\]")


@dataclass(frozen=True)
class Score:
    """A score of the menu: ``ports`` carry it, one for each object; ``type`` is its fixed-point type."""

    name: str
    ports: tuple[str, ...]
    type: FixedType

    @property
    def base(self) -> str:
        """Name in the top."""
        return identifier(f"score_{self.name}")


@dataclass(frozen=True)
class ModelPart:
    """One model of the path. ``project`` is None for a port; ``latency`` in crossings."""

    model: str
    scores: tuple[Score, ...]
    latency: int
    project: RtlProject | None = None
    sources: tuple[str, ...] = ()
    """Event column of each input port of the project, such as ``jet.et[3]``, or ``0``."""


def model_parts(
    description: PathDescription,
    menu: CompiledMenu,
    graphs: Mapping[str, Path],
    objects: Mapping[str, int],
    folder: Path,
) -> tuple[ModelPart, ...]:
    """Every model that the menu's scores name, in their order.

    Parameters
    ----------
    graphs
        Graph file of every model that is a pipeline.
    objects
        Models that score objects of a crossing, with their number; such a model cannot be a pipeline here.
    folder
        Where the Verilog of graphs is written; found again there.

    Raises
    ------
    InputError
        If a model's Verilog cannot be made, does not meet the clock, or has scores of other types.
    """
    wanted: dict[str, list[str]] = {}
    for score in menu.scores:
        wanted.setdefault(score.partition(".")[0], []).append(score)
    parts = []
    for model, scores in wanted.items():
        choice = description.choice(model)
        if choice.rtl == "port":
            ports = tuple(_port_score(menu, score, objects.get(model, 1)) for score in scores)
            parts.append(ModelPart(model, ports, choice.latency))
            continue
        if model in objects:
            raise InputError(
                "the menu needs this model, and its Verilog cannot be part of the path: it runs on stubs,"
                " once per candidate",
                file=description.file,
                field="models",
                value=model,
                remedy=f"write {model}: {{rtl: port}}, then its scores enter by ports",
            )
        parts.append(_pipeline(description, menu, model, scores, graphs[model], folder))
    _demand_own_names(parts)
    return tuple(parts)


def _port_score(menu: CompiledMenu, score: str, objects: int) -> Score:
    type_ = FixedType.parse(_declared(menu, score))
    base = identifier(f"score_{score}")
    return Score(score, tuple(f"{base}_{i}" for i in range(objects)) if objects > 1 else (base,), type_)


def _declared(menu: CompiledMenu, score: str) -> str:
    if score not in menu.score_types:
        raise InputError(
            "the menu does not declare the type of this score, so that its port has no width",
            field="score_types",
            value=score,
            remedy='declare it under "scores" of the menu, for example {type: "ufixed<18,14>"}',
        )
    return menu.score_types[score]


def _pipeline(
    description: PathDescription, menu: CompiledMenu, model: str, scores: list[str], file: Path, folder: Path
) -> ModelPart:
    graph, outputs = Graph.load(file), {}
    for score in scores:
        output = score.partition(".")[2] or graph.outputs[0]
        if output not in graph.outputs:
            raise InputError(
                "the model has no such output",
                file=graph.file,
                field="SCORE",
                value=score,
                remedy=f"it has {', '.join(graph.outputs)}",
            )
        check_score_type(score, _declared(menu, score), graph[output].type, graph.file, output)
        outputs[score] = output
    needed = graph.subgraph(list(dict.fromkeys(outputs.values())))
    sources = [source for node in needed.inputs for source in _sources(node, graph)]
    choice = description.choice(model)
    project = generate(
        graph,
        folder / model,
        outputs=list(dict.fromkeys(outputs.values())),
        stages=choice.stages,
        clock_period_ns=1000 / description.clock_mhz,
    )
    if project.slow:
        raise InputError(
            f"does not meet the clock of {description.clock_mhz} MHz: {project.slow}",
            file=description.file,
            field=f"models.{model}",
            value=choice.stages,
            remedy="leave stages out",
        )
    made = tuple(
        Score(score, tuple(port.name for port in project.outputs if port.node == output), graph[output].type)
        for score, output in outputs.items()
    )
    return ModelPart(model, made, project.latency, project, tuple(sources))


def _sources(node: Node, graph: Graph) -> list[str]:
    """The event column of every element of an input; each must hold all values of its column."""
    sources = node.attributes.get("source")
    if not sources:
        raise InputError(
            "its inputs do not name event columns: the path cannot feed it",
            file=graph.file,
            field=f"node {node.name}",
            value="no source",
            remedy="write {rtl: port} for this model, then its scores enter by ports",
        )
    for source in sources:
        if source == ZERO:
            continue
        match = SOURCE.fullmatch(source)
        column = match[1] if match else source
        if not match or column not in COLUMNS or int(match[2]) >= COLUMNS[column][0]:
            raise InputError(
                "the top has no such object", file=graph.file, field=f"node {node.name}", value=source
            )
        field = COLUMNS[column][1]
        if field.minimum < node.type.minimum or field.maximum > node.type.maximum:
            raise InputError(
                f"{node.type} does not hold all codes of this column, {field.minimum} to {field.maximum}",
                file=graph.file,
                field=f"node {node.name}",
                value=source,
                remedy="give the input a wider type",
            )
    return list(sources)


def _demand_own_names(parts: Collection[ModelPart]) -> None:
    """InputError if two graphs have one name: their Verilog modules would, too."""
    seen: dict[str, str] = {}
    for part in parts:
        if part.project is None:
            continue
        if part.project.name in seen:
            raise InputError(
                f"the graphs of the models {seen[part.project.name]} and {part.model} have one name",
                field="name",
                value=part.project.name,
                remedy="rename one of the graphs",
            )
        seen[part.project.name] = part.model
