"""What the commands share that study a menu on event files: options, folder, progress, seeds left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from l1forge.emulator.menu.excluded import Excluded
    from l1forge.screen.console import Console

Menu = Annotated[str, typer.Argument(metavar="MENU", help="Menu: YAML, official XML or compiled JSON.")]
ModelFile = Annotated[
    list[str] | None, typer.Option("--model", help="name=graph.json, in place of that model.")
]
WithoutModel = Annotated[
    list[str] | None, typer.Option(help="Leave out the seeds that need this model, repeatable.")
]
Scheme = Annotated[Path | None, typer.Option(help="Filling scheme, JSON or CSV; default: LHC.")]
TrainedOn = Annotated[
    bool, typer.Option("--trained-on", help="Also use the zero-bias events that trained the models.")
]


def study_folder(kind: str, menu: str, output: Path | None) -> Path:
    """``output``, or build/KIND/MENU, which a study may write to.

    Raises
    ------
    InputError
        If it cannot.
    """
    from l1forge.screen.outputs import check_folders

    folder = output or Path("build", kind, re.sub(r"[^\w-]", "_", Path(menu).stem))
    check_folders(folder)
    return folder


@contextmanager
def counting(console: Console, what: str = "crossings") -> Iterator[Callable[[int], None]]:
    """A progress bar; yields what a study tells the rows of every block."""
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.advance(task, rows)


def say_excluded(console: Console, excluded: Sequence[Excluded], more: str = "") -> None:
    """Name the first seeds that were not evaluated, if there are any."""
    if excluded:
        names = ", ".join(seed.name for seed in excluded[:5])
        console.print(f"[yellow]{len(excluded)} seeds are not evaluated{more}[/]: {names}")
