"""A menu on event files, event by event: which seeds fire, with what weight, and the scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.event_source import EventSource
from l1forge.emulator.events.objects import WEIGHT, Events
from l1forge.emulator.lhc import FillingScheme
from l1forge.emulator.menu.compiled import CompiledMenu, condition_names
from l1forge.emulator.menu.excluded import Excluded, without
from l1forge.emulator.path.external_signals import orbit_signals
from l1forge.emulator.rates.patterns import Patterns
from l1forge.emulator.rates.sampling import Sampler, objects_of_neighbours
from l1forge.emulator.rates.variants import Variant, menus
from l1forge.studies.path_inputs import graph_files, score_stages, trained_part
from l1forge.studies.rates_counting import open_input
from l1forge.studies.rates_inputs import ZERO_BIAS, evaluable, input_files

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PreparedMenu:
    """A menu whose seeds can all be evaluated on the given files."""

    menu: CompiledMenu
    stages: tuple[Any, ...]
    scheme: FillingScheme
    signals: Any
    excluded: tuple[Excluded, ...]
    names: tuple[str, ...]

    def sampler(self, menu: CompiledMenu | None = None) -> Sampler:
        """What evaluates ``menu`` (None: the whole one) on blocks."""
        return Sampler(menu or self.menu, self.stages, self.scheme, self.signals.words)


def open_all(names: Sequence[str | Path], trained_on: bool = True) -> list[EventSource]:
    """The event files of ``names`` and patterns.

    ``trained_on`` False: the committed zero-bias sample begins behind the crossings that trained the models.
    """
    sources = [open_input(name) for name in input_files(names)]
    if not sources:
        raise InputError("no events are given", field="INPUT", remedy="name event files")
    return sources if trained_on else [trained_part(source, ZERO_BIAS) for source in sources]


def prepare(
    menu: CompiledMenu,
    sources: Sequence[EventSource],
    scheme: FillingScheme,
    models: Sequence[str] = (),
    without_models: Sequence[str] = (),
) -> PreparedMenu:
    """Leave out what ``sources`` cannot tell, and load the models.

    Raises
    ------
    InputError
        If a model is unknown or not available, or no seed is left.
    """
    signals = orbit_signals(menu, scheme)
    compiled, excluded = evaluable(menu, sources, signals, without_models)
    apart = {
        algorithm.index: "looks at objects of other crossings"
        for algorithm in compiled.algorithms
        if any(
            objects_of_neighbours(compiled.conditions[name]) for name in condition_names(algorithm.expression)
        )
    }
    compiled, more = without(compiled, apart)
    used = sorted({score.partition(".")[0] for score in compiled.scores})
    stages = score_stages(compiled.scores, graph_files(list(models), used), compiled.score_types)
    names = tuple(algorithm.name for algorithm in compiled.algorithms)
    return PreparedMenu(compiled, tuple(stages), scheme, signals, (*excluded, *more), names)


@dataclass(frozen=True)
class FlaggedEvents:
    """Events of a sample in which any seed or variant fires.

    ``flags`` (m, k) of the seeds, ``variants`` (g, k) of the groups of variants, ``rows`` (k,) their places
    in the sample, ``weights`` (k,); ``n`` events and ``exposure`` (sum of weights) of the whole sample;
    ``squares``: sum of the squared weights. ``scores``: of every event of the sample, (n,) each, and
    ``all_weights`` (n,), where asked for.
    """

    flags: Flags
    variants: Flags
    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    n: int
    exposure: float
    squares: float
    scores: dict[str, NDArray[Any]]
    all_weights: NDArray[np.float64]

    def effective(self, passed: Flags) -> float:
        """Effective number of the events ``passed`` (k,): (sum of weights)^2 / sum of squared weights."""
        weights = self.weights[passed]
        squares = float((weights**2).sum())
        return float(weights.sum()) ** 2 / squares if squares else 0.0


def flagged(
    prepared: PreparedMenu,
    sources: Sequence[EventSource],
    variants: Sequence[Variant] = (),
    keep_scores: bool = False,
    seen: Callable[[int], None] = lambda n: None,
) -> FlaggedEvents:
    """Evaluate seeds and variants on all events; those in which nothing fires are counted and dropped."""
    groups = 1 + max((variant.group for variant in variants), default=-1)
    own = prepared.sampler()
    others = [(prepared.sampler(menu), np.array(of)) for menu, of in menus(prepared.menu, variants)]
    indices = np.array([algorithm.index for algorithm in prepared.menu.algorithms], np.int64)
    flags, found, rows, weights, kept = [], [], [], [], []
    scores: dict[str, list[NDArray[Any]]] = {}
    n = 0
    for events, weight in _blocks(own, sources):
        fired = _bits(own, events, indices)
        grouped = np.zeros((groups, events.n), bool)
        for sampler, of in others:
            bits = _bits(sampler, events, np.arange(of.size))
            for group in np.unique(of):
                grouped[group] |= bits[of == group].any(axis=0)
        chosen = np.flatnonzero(fired.any(axis=0) | grouped.any(axis=0))
        flags.append(fired[:, chosen])
        found.append(grouped[:, chosen])
        rows.append(chosen + n)
        weights.append(weight[chosen])
        kept.append(weight)
        if keep_scores:
            for name, values in _scores(prepared, events).items():
                scores.setdefault(name, []).append(values)
        n += events.n
        seen(events.n)
    if not n:
        raise InputError("holds no event", file=sources[0].path, remedy="give a file with events")
    every = np.concatenate(kept)
    return FlaggedEvents(
        np.concatenate(flags, axis=1),
        np.concatenate(found, axis=1),
        np.concatenate(rows),
        np.concatenate(weights),
        n,
        float(every.sum()),
        float((every**2).sum()),
        {name: np.concatenate(parts) for name, parts in scores.items()},
        every if keep_scores else np.zeros(0),
    )


def _blocks(sampler: Sampler, sources: Sequence[EventSource]) -> Iterator[tuple[Events, NDArray[np.float64]]]:
    weighted = [WEIGHT in source.optional for source in sources]
    if any(weighted) and not all(weighted):
        raise InputError(
            "holds weighted events, and other inputs have no weights",
            file=sources[weighted.index(True)].path,
            remedy="study weighted and plain samples apart",
        )
    for events, recorded in sampler.blocks(sources):
        if recorded:
            raise InputError(
                "holds recorded orbits, not events of one process",
                file=sources[0].path,
                remedy="give samples of collisions",
            )
        yield events, events[WEIGHT][0] if WEIGHT in events else np.ones(events.n)


def _bits(sampler: Sampler, events: Events, indices: NDArray[np.int64]) -> Flags:
    words, _ = sampler.words(events, False)
    return Patterns(words, np.ones(events.n, np.int64), events.n).flags(indices)


def _scores(prepared: PreparedMenu, events: Events) -> dict[str, NDArray[Any]]:
    """Scalar scores (n,), of object scores the largest in each event."""
    found: dict[str, NDArray[Any]] = {}
    for stage in prepared.stages:
        absent = {c: events.column(c) for c in stage.columns if c not in events}
        for name, values in stage(Events.of_rows({**events, **absent}, events.n)).items():
            if name in prepared.menu.scores:
                found[name] = values if values.ndim == 1 else values.max(axis=0)
    return found
