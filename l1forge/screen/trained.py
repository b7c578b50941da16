"""Warnings about inputs that a model was not trained on, for all commands that run models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.markup import escape

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.scoring.feeds import event_rows
from l1forge.emulator.scoring.trained_inputs import Comparison, TrainedInputs, record_beside
from l1forge.emulator.stream.open import STANDARD_INPUT
from l1forge.screen.console import Console

SHOWN = 5
"""Inputs that a warning lists; the others are counted."""


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


def report(made: Comparison | None, console: Console, source: object, strict: bool = False) -> dict[str, Any]:
    """Print what differs from training; returns it for JSON summaries.

    Raises
    ------
    InputError
        With ``strict``, if anything differs.
    """
    if made is None:
        return {"compared": 0, "differ": None}
    findings = made.findings()
    trained = made.trained
    if findings and strict:
        more = f", and {len(findings) - 1} more inputs" if len(findings) > 1 else ""
        raise InputError(
            f"inputs differ from those {trained.model} was trained on: {findings[0]}{more}",
            file=str(source),
            remedy="leave --strict out to go on",
        )
    if findings:
        head = f"{len(findings)} of {len(trained.features)} inputs of {trained.model} differ from training"
        console.print(
            f"[yellow]warning: {escape(str(source))}: {head}[/] ({made.events:,} events compared with"
            f" {trained.events:,} of {escape(trained.sample)}); expect other rates and efficiencies"
        )
        for finding in findings[:SHOWN]:
            console.print(f"  {escape(str(finding))}")
        if len(findings) > SHOWN:
            console.print(f"  and {len(findings) - SHOWN} more")
    differ = [vars(finding) for finding in findings]
    return {"compared": made.events, "trained_on": trained.sample, "differ": differ}


def check_events(
    source: Path, graphs: dict[str, Path], console: Console, strict: bool = False
) -> dict[str, dict[str, Any]]:
    """Compare the first block of an event file with what each of the models ``graphs`` was trained on.

    Columns that the file lacks are 0, as the models see them. Models that do not read event columns are left
    out. Returns the reports by model.

    Raises
    ------
    InputError
        With ``strict``, if anything differs or cannot be compared.
    """
    results = {}
    for name, path in graphs.items():
        graph = Graph.load(path)
        if not all("source" in node.attributes for node in graph.inputs):
            continue
        if source == STANDARD_INPUT:
            if strict:
                raise InputError("standard input is read once and not compared", field="--strict", value=name)
            console.print(f"inputs of {name} not compared with training: standard input is read once")
            continue
        made = comparison(path, strict)
        if made is None:
            console.print(f"inputs of {name} not compared with training: no {record_beside(path)}")
        else:
            events = open_events(source)
            columns = {feature.name.partition("[")[0] for feature in made.trained.features}
            for block in events.blocks(events.has(columns)):
                made.add(event_rows(graph, block, absent=True))
                break
        results[name] = report(made, console, source, strict)
    return results
