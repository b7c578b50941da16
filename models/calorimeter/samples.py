"""Images with the objects of their crossings, and what of the committed images trains and judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.models.anomaly.crossings import CutMenu
from l1forge.models.anomaly.samples import counted_part
from l1forge.simulation.images import FOLDER, read_images
from l1forge.simulation.sample import FOLDER as SAMPLE
from l1forge.simulation.sample import N_TRAIN

ZERO_BIAS = FOLDER / "zerobias.parquet"
"""Zero bias that judges; its first images, of crossings before ``N_TRAIN``, give the ranks of the scores."""
TRAINING = FOLDER / "training.parquet"
"""Zero bias that trains: other pools of collisions than all that judges."""
Images = NDArray[np.uint16]
Compute = Callable[[Events], Mapping[str, NDArray[Any]]]


@dataclass(frozen=True)
class Shown:
    """Crossings: images (n, 252), what the cut menu ``accepted`` (n,), and ``values`` (n, ...)."""

    path: Path
    images: Images
    accepted: NDArray[np.bool_]
    values: Mapping[str, NDArray[Any]]
    first: int
    """Row of the event file that is the first crossing here."""

    @property
    def n(self) -> int:
        """How many."""
        return len(self.images)

    def select(self, which: slice | NDArray[Any]) -> Shown:
        """Some of them."""
        values = {name: array[which] for name, array in self.values.items()}
        return Shown(self.path, self.images[which], self.accepted[which], values, self.first)


def events_of(images: Path, events: str) -> Path:
    """The event file that an image file names: beside it, or in the committed sample."""
    for folder in (images.parent, images.parent.parent, SAMPLE):
        if events and (folder / events).is_file() and folder / events != images:
            return folder / events
    raise InputError(
        "the event file of these images is not found", file=images, field="events",
        value=events or "not named",
        remedy="give it: NAME=EVENTS, or --events",
    )  # fmt: skip


def read(
    images: Path,
    events: Path | None,
    cuts: CutMenu | None,
    compute: Compute = lambda events: {},
    limit: int | None = None,
) -> Shown:
    """Images with their crossings; ``events`` None: the file that they name. ``cuts`` None: none accepted.

    Raises
    ------
    InputError
        If a file cannot be used, or there are fewer events than images.
    """
    shown = read_images(images)
    n = len(shown.images) if limit is None else min(limit, len(shown.images))
    if not n:
        raise InputError("holds no image", file=images)
    if cuts is None:
        return Shown(images, shown.images[:n], np.zeros(n, bool), {}, shown.first)
    source = open_events(events or events_of(images, shown.events)).part(shown.first, shown.first + n)
    fires = cuts.evaluator()
    accepted, parts = [], []
    for block in source.blocks():
        accepted.append(fires(block))
        parts.append(compute(block))
    found = sum(map(len, accepted))
    if found != n:
        raise InputError(
            "holds fewer crossings than there are images", file=source.path, value=f"{found} of {n}",
            remedy=f"the images begin at crossing {shown.first}",
        )  # fmt: skip
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Shown(images, shown.images[:n], np.concatenate(accepted), values, shown.first)


def fitted_images(shown: Shown) -> int:
    """How many of the first images of a zero-bias file do not judge: two thirds, and of the committed file
    those of crossings before ``N_TRAIN``."""
    if ZERO_BIAS.exists() and shown.path.exists() and shown.path.samefile(ZERO_BIAS):
        return max(min(shown.n, N_TRAIN - shown.first), 0)
    return counted_part(shown.n)
