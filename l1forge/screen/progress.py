"""Progress bars on standard error, shown when that is a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from l1forge.emulator.events.objects import Events
from l1forge.screen.console import Console


def bar(*columns: ProgressColumn) -> Progress:
    """A progress bar on standard error that leaves nothing behind; none where that is not a terminal."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def tracked(blocks: Iterable[Events], total: int | None, label: str) -> Iterator[Events]:
    """``blocks``, counting crossings; ``total`` None shows an open-ended bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bar(*columns) as progress:
        task = progress.add_task(label, total=total)
        for block in blocks:
            yield block
            progress.update(task, advance=block.n)
