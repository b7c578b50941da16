"""Warnings about inputs that a model was not trained on, for all commands that run models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from l1forge.emulator.scoring.trained_inputs import Comparison, record_beside
from l1forge.emulator.stream.open import STANDARD_INPUT
from l1forge.screen.console import Console

SHOWN = 5
"""Inputs that a warning lists; the others are counted."""


def report(made: Comparison | None, console: Console, source: object, strict: bool = False) -> dict[str, Any]:
    """Print what differs from training; returns it for JSON summaries.

    Raises
    ------
    InputError
        With ``strict``, if anything differs.
    """
    if made is None:
        return {"compared": 0, "differ": None}
    if strict:
        made.demand_same(source)
    findings, trained = made.findings(), made.trained
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
    return made.to_dict()


def print_compared(
    source: Path, compared: Mapping[str, Comparison | None], graphs: Mapping[str, Path], console: Console
) -> None:
    """Print for each model what differs from its training, or why nothing was compared."""
    for name, made in compared.items():
        if made is not None:
            report(made, console, source)
        elif source == STANDARD_INPUT:
            console.print(
                f"inputs of {name} are not compared with training: standard input can be read only once"
            )
        else:
            console.print(
                f"inputs of {name} are not compared with training: there is no {record_beside(graphs[name])}"
            )
