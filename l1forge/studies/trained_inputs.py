"""Whether a model sees inputs like those that it was trained on."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.feeds import event_rows
from l1forge.emulator.scoring.trained_inputs import Comparison, TrainedInputs, record_beside
from l1forge.emulator.stream.open import STANDARD_INPUT


def comparison(graph: Path, strict: bool = False) -> Comparison | None:
    """A comparison with the training inputs recorded beside ``graph``; None if there is no record.

    Raises
    ------
    InputError
        If the record cannot be read, or with ``strict`` if there is none.
    """
    path = record_beside(graph)
    if path.is_file():
        return Comparison(TrainedInputs.load(path))
    if strict:
        raise InputError(
            "no record of the inputs that the model was trained on",
            file=path,
            remedy="write one: l1forge emulate MODEL TRAINING_SAMPLE --record-inputs, or leave --strict out",
        )
    return None


def compare_events(
    source: Path, graphs: dict[str, Path], strict: bool = False
) -> dict[str, Comparison | None]:
    """Compare the first block of an event file with what each of the models ``graphs`` was trained on.

    Columns that the file lacks are 0, as the models see them. Models that do not read event columns are left
    out; None where nothing can be compared: no record, or standard input, which is read once.

    Raises
    ------
    InputError
        With ``strict``, if anything differs or cannot be compared.
    """
    compared: dict[str, Comparison | None] = {}
    for name, path in graphs.items():
        graph = Graph.load(path)
        if not all("source" in node.attributes for node in graph.inputs):
            continue
        if source == STANDARD_INPUT:
            if strict:
                raise InputError("standard input is read once and not compared", field="--strict", value=name)
            compared[name] = None
            continue
        made = comparison(path, strict)
        if made is not None:
            events = open_events(source)
            columns = {feature.name.partition("[")[0] for feature in made.trained.features}
            for block in events.blocks(events.has(columns)):
                made.add(event_rows(graph, block, absent=True))
                break
        if made is not None and strict:
            made.demand_same(source)
        compared[name] = made
    return compared
