"""A progress bar around any stream of event blocks, shown on standard error when that is a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from emulator.events.objects import Events


def tracked(blocks: Iterable[Events], total: int | None, label: str) -> Iterator[Events]:
    """``blocks``, counting crossings; ``total`` None shows an open-ended bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        for block in blocks:
            yield block
            progress.update(task, advance=block.n)
