"""Crossings as the anomaly scores need them: quantities of an event file, and what the cut menu says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import WEIGHT, Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator
from l1forge.emulator.menu.excluded import Excluded, absent_inputs, of_models, without
from l1forge.emulator.menu.language.load import load_menu

Seen = Callable[[int], None]


@dataclass(frozen=True)
class CutMenu:
    """A menu without the seeds of models; ``excluded`` lists these and seeds on inputs that are absent.

    ``absent``: columns of objects that the menu reads and the events lack. They are zero to it.
    """

    menu: CompiledMenu
    excluded: tuple[Excluded, ...]
    absent: tuple[str, ...] = ()

    @classmethod
    def of(cls, menu: str | Path | CompiledMenu, columns: Iterable[str]) -> CutMenu:
        """The cut-based part of ``menu`` for events with ``columns``.

        Raises
        ------
        InputError
            If the menu cannot be used, or it has no seed without a model.
        """
        known = set(columns)
        complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
        used = sorted({score.partition(".")[0] for score in complete.scores})
        kept, excluded = without(complete, absent_inputs(complete, known) | of_models(complete, used))
        read = MenuEvaluator(kept).plan.columns
        return cls(kept, excluded, tuple(name for name in read if name not in known))

    def notes(self) -> list[str]:
        """What a user should know of the menu's use."""
        lines = [f"not in the cut menu: {seed.name} ({seed.reason})" for seed in self.excluded]
        if self.absent:
            lines.append(f"the events have no {', '.join(self.absent)}: zero to the cut menu")
        return lines

    def evaluator(self) -> Callable[[Events], NDArray[np.bool_]]:
        """Whether any seed fires, shape (n,), for blocks of crossings."""
        evaluate = MenuEvaluator(self.menu)

        def fires(events: Events) -> NDArray[np.bool_]:
            return np.asarray(evaluate(events).any(axis=0))

        return fires


@dataclass(frozen=True)
class Crossings:
    """Arrays of shape (n,) or (n, ...): integers by name, and whether the cut menu accepts a crossing."""

    path: Path
    values: Mapping[str, NDArray[Any]]
    accepted: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many."""
        return len(self.accepted)

    def select(self, which: slice | NDArray[Any]) -> Crossings:
        """Some of them."""
        return Crossings(self.path, {name: v[which] for name, v in self.values.items()}, self.accepted[which])


def read(
    path: Path,
    menu: CutMenu | None,
    compute: Callable[[Events], Mapping[str, NDArray[Any]]],
    seen: Seen = lambda rows: None,
    weighted: bool = False,
) -> Crossings:
    """Read an event file of any format once: ``compute`` gives the arrays to keep of every block.

    ``weighted``: also keep its column ``weight``, if it has one.

    Raises
    ------
    InputError
        If the file cannot be read or holds no crossings.
    """
    source = open_events(path, weighted=weighted)
    fires = menu.evaluator() if menu is not None else None
    parts: list[Mapping[str, NDArray[Any]]] = []
    accepted = []
    weights = weighted and WEIGHT in source.optional
    columns = [*source.columns, WEIGHT] if weights else None
    for block in source.blocks(columns):
        kept = dict(compute(block))
        if weights:
            kept[WEIGHT] = block.column(WEIGHT).ravel()
        parts.append(kept)
        accepted.append(fires(block) if fires is not None else np.zeros(block.n, np.bool_))
        seen(block.n)
    if not parts or not sum(map(len, accepted)):
        raise InputError("there are no crossings", file=path, remedy="give a file with crossings")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Crossings(path, joined, np.concatenate(accepted))
