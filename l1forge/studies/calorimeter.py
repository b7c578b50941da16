"""The score of calorimeter images against baselines and beside the VAE: gain at equal pure rate.

`l1forge evaluate calorimeter` and docs/calorimeter.md. What trains, chooses and judges:
``models.calorimeter.samples`` and ``models.anomaly.samples``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.lhc import COLLIDING_BUNCHES
from l1forge.emulator.menu.compiled import CompiledMenu, Score
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.rates.intervals import full_rate_khz
from l1forge.models import graph_path
from l1forge.models.anomaly import baselines
from l1forge.models.anomaly.crossings import CutMenu
from l1forge.models.anomaly.merit import (
    PURE,
    TOTAL,
    Comparison,
    Efficiency,
    ScoredSample,
    auc,
    compare,
    efficiencies,
)
from l1forge.models.anomaly.tails import tail
from l1forge.models.calorimeter import blind_sample, network, weights
from l1forge.models.calorimeter.samples import ZERO_BIAS, Shown, events_of, fitted_images, read
from l1forge.simulation.images import FOLDER, read_images
from l1forge.simulation.sample import EVENTS
from l1forge.studies.figures import Picture
from l1forge.studies.gains import Area, GainStudy, Spread, group_of, spreads_of
from l1forge.studies.html import html_table

FORMAT, VERSION = "l1forge-calorimeter", 1
BESIDE = "beside"
"""At a pure rate beside the cut menu and the VAE's seed."""
RATES_KHZ: Mapping[str, tuple[float, ...]] = {
    PURE: (1.0, 3.0, 5.0, 10.0),
    BESIDE: (1.0, 3.0, 5.0, 10.0),
    TOTAL: (3.0, 10.0, 30.0),
}
REPLICAS = 200
STUDENT, TEACHER, VAE, TAILS = "student", "teacher (float)", "VAE", "tail pairs"
BOTH = "student or VAE"
SEED = "student, seed {}"
SUM, LARGEST, ACTIVE, TOWERS, CUTS = (
    "sum of regions", "largest region", "regions with energy", "towers with energy", "re-tuned cuts",
)  # fmt: skip
NEW = (STUDENT, BOTH)
BASELINES = (SUM, LARGEST, ACTIVE, TOWERS, CUTS)
VAE_SEED = "L1_AD_VAE"
"""The seed of the default menu beside which ``BESIDE`` is measured."""
Say = Callable[[str], None]
Array = NDArray[Any]


@dataclass(frozen=True)
class Roc:
    """Part of zero bias above a threshold, and part of the signal, (points,) each, from tight to loose."""

    score: str
    signal: str
    zero_bias: NDArray[np.float64]
    efficiency: NDArray[np.float64]


@dataclass(frozen=True)
class CalorimeterStudy(GainStudy):
    """Everything that was measured; efficiencies in parts of 1.

    ``fitted``, ``judged``: zero-bias images that gave the ranks of the joint score, and that judge.
    ``cut_khz``, ``vae_khz``: rate of the cut menu, and what the VAE's seed adds to it. ``thresholds``: raw
    score of the student that takes a pure rate in kHz. ``groups``: what each signal was used for.
    """

    seed_row = SEED
    not_in_json = ("rocs",)

    menu: str
    zero_bias: str
    fitted: int
    judged: int
    cut_khz: float
    vae_khz: float
    thresholds: Mapping[str, int]
    groups: Mapping[str, str]
    images: Mapping[str, int]
    left_out: tuple[str, ...]
    efficiencies: tuple[Efficiency, ...]
    areas: tuple[Area, ...]
    spreads: tuple[Spread, ...]
    comparisons: tuple[Comparison, ...]
    rocs: tuple[Roc, ...]

    def plot(self) -> Picture:
        """Gain against pure rate, a panel for each signal."""
        from l1forge.studies.calorimeter_files import draw_gain

        return draw_gain(self)

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write JSON, Markdown tables and plots into ``folder``, all or none; returns their names."""
        from l1forge.studies.calorimeter_files import save

        return save(self, folder)

    def _repr_html_(self) -> str:
        from l1forge.studies.calorimeter_files import table

        return html_table(f"{self.menu}: gain in % at 5 kHz pure", *table(self, PURE, 5.0))

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; of the replicas only their standard deviation, of the ROC curves nothing."""
        return self.document(FORMAT, VERSION)


def evaluate(
    *,
    zero_bias: Path = ZERO_BIAS,
    signals: Mapping[str, Path] | None = None,
    events: Mapping[str, Path] | None = None,
    blind: Mapping[str, Path] | None = None,
    menu: str | Path | CompiledMenu,
    graph: Path | None = None,
    networks: Path | None = weights.WEIGHTS,
    replicas: int = REPLICAS,
    seed: int = 1,
    say: Say = lambda text: None,
) -> CalorimeterStudy:
    """Measure all scores on images whose crossings also have objects.

    Parameters
    ----------
    zero_bias
        Image file; its last images judge (of the committed one: crossings from 300 000 on; else a third).
    signals, blind
        Name to image file; None for both: those of the committed sample. Blind: no choice looked at them.
    events
        Name (``zerobias`` for zero bias) to the event file of the same crossings, where the image file
        names none that is found.
    menu
        Whose cut-based seeds define what is pure.
    graph, networks
        Graph of the student; weights of all seeds and of the teacher (None: no spread and no teacher).
    replicas, seed
        Of the errors.

    Raises
    ------
    InputError
        If a file, a name or the menu cannot be used.
    """
    files = dict(signals) if signals is not None else committed()
    given = dict(events or {})
    if signals is None and blind is None:
        blind, given = blind_sample.images(), {**blind_sample.EVENTS, **given}
    for name, path in (blind or {}).items():
        if name in files:
            raise InputError("two signals have one name", field="--blind", value=name)
        files[name] = path
    complete = menu if isinstance(menu, CompiledMenu) else load_menu(menu)
    source = given.get("zerobias") or events_of(zero_bias, read_images(zero_bias).events)
    cuts = CutMenu.of(complete, open_events(source).columns)
    reader = _Reader(cuts)
    say("zero bias")
    shown = read(zero_bias, source, cuts, reader)
    fitted = fitted_images(shown)
    judged = shown.select(slice(fitted, None))
    if not judged.n:
        raise InputError("no images are left to judge", file=zero_bias)
    scorers = _Scorers(shown.select(slice(fitted)), graph or graph_path("calorimeter"), networks)
    background = scorers.sample(judged)
    found = {}
    for name, path in files.items():
        say(f"signal {name}")
        found[name] = scorers.sample(read(path, given.get(name), cuts, reader))
    say("efficiencies and their errors")
    full = full_rate_khz(COLLIDING_BUNCHES)
    plain = {kind: RATES_KHZ[kind] for kind in (TOTAL, PURE)}
    rows = efficiencies(background, found, plain, full, replicas, seed)
    limit = _vae_threshold(complete)
    beside = {name: _beside(sample, limit) for name, sample in found.items()}
    beside_rows = efficiencies(
        _beside(background, limit), beside, {PURE: RATES_KHZ[BESIDE]}, full, replicas, seed
    )
    rows += [replace(row, kind=BESIDE) for row in beside_rows if row.score not in (VAE, BOTH)]
    return CalorimeterStudy(
        cuts.menu.name,
        str(zero_bias),
        fitted,
        judged.n,
        float(background.accepted.mean() * full),
        float((_beside(background, limit).accepted.mean() - background.accepted.mean()) * full),
        _thresholds(background, full),
        {name: group_of(name, blind or {}) for name in files},
        {name: sample.n for name, sample in found.items()},
        tuple(cuts.notes()),
        tuple(rows),
        tuple(
            Area(score, name, *auc(background, sample, score))
            for score in background.scores
            for name, sample in found.items()
        ),
        tuple(spreads_of(rows, SEED)),
        tuple(compare(rows, NEW, [*BASELINES, VAE, TAILS, *NEW])),
        tuple(
            _roc(score, name, background, sample)
            for score in (STUDENT, TEACHER, SUM, VAE)
            if score in background.scores
            for name, sample in found.items()
        ),
    )


def committed() -> dict[str, Path]:
    """Name to committed image file of every signal."""
    return {name: FOLDER / f"{name}.parquet" for name in EVENTS if name != "zerobias"}


def _vae_threshold(menu: CompiledMenu) -> int | None:
    """Raw threshold of the VAE's seed; None if the menu has none."""
    for algorithm in menu.algorithms:
        if algorithm.name == VAE_SEED:
            scores = [c for c in menu.conditions.values() if isinstance(c, Score) and c.score == "vae"]
            lowest = [c.lower for c in scores if c.lower is not None]
            return min(lowest) if lowest else None
    return None


def _beside(sample: ScoredSample, limit: int | None) -> ScoredSample:
    """The sample with what the VAE's seed accepts counted as accepted."""
    if limit is None:
        return sample
    return ScoredSample(sample.scores, sample.accepted | (sample.scores[VAE] >= limit), sample.weights)


class _Reader:
    """What scores need of the objects of a block of crossings."""

    def __init__(self, cuts: CutMenu) -> None:
        self._kernels = {
            row: compile_graph(Graph.load(graph_path(model)))
            for row, model in ((VAE, "vae"), (TAILS, "tail_pairs"))
        }
        self._levels = baselines.retuned_cuts(cuts.menu)

    def __call__(self, events: Events) -> dict[str, Array]:
        found: dict[str, Array] = {TOWERS: events.column("htt.towercount")[0], CUTS: self._levels(events)}
        for row, kernel in self._kernels.items():
            found[row] = kernel.run(events)[kernel.graph.outputs[0]].ravel()
        return found


class _Scorers:
    """All scores of images; ``fitted`` are the training crossings, for the ranks of the joint score."""

    def __init__(self, fitted: Shown, graph: Path, networks: Path | None) -> None:
        self._kernel = compile_graph(Graph.load(graph))
        inputs, output = self._kernel.graph.inputs, self._kernel.graph.outputs[0]
        if [node.size for node in inputs] != [fitted.images.shape[1]] or self._kernel.graph[output].size != 1:
            raise InputError("is no score of 252 regions", file=graph, field="--model")
        self._rng = np.random.default_rng(0)
        trained = weights.load(networks) if networks is not None else None
        self._teacher = weights.teacher(trained.teacher) if trained else None
        self._students = {s: weights.student(a) for s, a in trained.students.items()} if trained else {}
        rejected = fitted.select(~fitted.accepted)
        own = {STUDENT: self.student(rejected), VAE: rejected.values[VAE]}
        self._ranks = {row: tail(values, int(values.max()) + 1) for row, values in own.items()}

    def student(self, shown: Shown) -> Array:
        """Raw scores of the graph, (n,)."""
        node = self._kernel.graph.inputs[0]
        images = np.ascontiguousarray(shown.images.T)
        found = self._kernel.run_array({node.name: images})[self._kernel.graph.outputs[0]]
        return found.ravel().astype(np.int64)

    def sample(self, shown: Shown) -> ScoredSample:
        """All scores of these crossings."""
        scores: dict[str, Array] = {STUDENT: self.student(shown)}
        values = {**shown.values, **scores}
        scores |= {VAE: values[VAE], TAILS: values[TAILS]}
        scores[BOTH] = np.maximum.reduce(
            [t.decades[np.minimum(values[row], len(t.decades) - 1)] for row, t in self._ranks.items()]
        )
        if self._teacher is not None:
            scores[TEACHER] = network.teacher_scores(self._teacher, shown.images).astype(np.float64)
        scores[SUM] = shown.images.sum(1, dtype=np.int64)
        scores[LARGEST] = shown.images.max(1)
        counts = {ACTIVE: (shown.images > 0).sum(1), TOWERS: values[TOWERS], CUTS: values[CUTS]}
        for row, counted in counts.items():  # between two counts: as a prescale on the looser one would do
            scores[row] = counted + self._rng.random(shown.n)
        for number, model in self._students.items():
            scores[SEED.format(number)] = network.student_scores(model, shown.images).astype(np.float64)
        return ScoredSample(scores, shown.accepted, np.ones(shown.n))


def _thresholds(background: ScoredSample, full: float) -> dict[str, int]:
    """The lowest raw score whose pure rate stays within each rate of ``RATES_KHZ[PURE]``."""
    ranked = np.sort(background.scores[STUDENT][~background.accepted])[::-1]
    found = {}
    for rate in RATES_KHZ[PURE]:
        allowed = int(rate / full * background.n)
        found[f"{rate:g}"] = int(ranked[min(allowed, len(ranked) - 1)]) + 1
    return found


def _roc(score: str, signal: str, background: ScoredSample, sample: ScoredSample, points: int = 200) -> Roc:
    """Efficiency at parts of zero bias from one crossing to all, evenly in the logarithm.

    Crossings of one score pass together: a score that is 0 for most has no points between these and all.
    """
    ranked = np.sort(background.scores[score].astype(np.float64))
    places = np.unique(np.geomspace(1, len(ranked), points).astype(int))
    cuts = np.unique(ranked[len(ranked) - places])[::-1]
    own = np.sort(sample.scores[score].astype(np.float64))
    parts = [(len(x) - np.searchsorted(x, cuts, side="left")) / max(len(x), 1) for x in (ranked, own)]
    return Roc(score, signal, parts[0], parts[1])
