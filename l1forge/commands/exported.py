"""What the commands share that export a model and compare the export with the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer

Version = Annotated[str, typer.Option(help="Version of the model, part of all names.")]
Check = Annotated[
    Path | None, typer.Option(help="Write nothing: compare this exported folder, as it is, with MODEL.")
]
EventFiles = Annotated[list[Path] | None, typer.Option("--events", help="Event files of the real half.")]
Seed = Annotated[int, typer.Option(help="Seed of what is drawn at random.", min=0)]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the result to this JSON file.")]


class ComparedExport(Protocol):
    """An export that was compared."""

    @property
    def name(self) -> str: ...

    @property
    def passed(self) -> bool: ...

    @property
    def verdict(self) -> str: ...


Project = TypeVar("Project")


@dataclass(frozen=True)
class Results:
    """Where results go: JSON, JUnit, annotations of GitHub."""

    json: Path | None
    junit: Path | None
    github: bool


def export_and_compare(
    kind: str,
    steps: tuple[str, str],
    make: Callable[[], Project],
    compare: Callable[[Project], ComparedExport],
    told: Callable[[Project], str] | None,
    results: Results,
) -> None:
    """Make (or load) an export, compare it, print what was found, and end with exit code 1 if it differs.

    Parameters
    ----------
    kind
        Name of the check in JUnit.
    steps
        What is shown while it is made, and while it is compared.
    told
        The line about a new export; None: it was there before.
    """
    from l1forge.emulator.atomic import write_text
    from l1forge.screen import ci
    from l1forge.screen.console import Console

    console = Console()
    with console.status(steps[0]) as status:
        project = make()
        status.update(steps[1])
        found = compare(project)
    if told is not None:
        console.print(told(project), highlight=False)
    console.print(f"[{'green' if found.passed else 'red'}]{found.verdict}[/]", highlight=False)
    ci.report(
        "l1forge", [ci.Check(kind, found.name, found.passed, found.verdict)], results.junit, results.github
    )
    if results.json is not None:
        outcome: Any = found  # a data class, which a protocol cannot say
        document = asdict(outcome) | {"passed": found.passed}
        write_text(results.json, json.dumps(document, indent=1) + "\n")
    if not found.passed:
        raise typer.Exit(1)
