"""Anomaly scores against honest baselines: equal pure rate, equal total rate, joint errors, blind signals.

`l1forge evaluate anomaly` and docs/vae.md. What counts, chooses and judges: ``models.anomaly.samples``.
"""

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
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.lhc import COLLIDING_BUNCHES
from l1forge.emulator.menu.compiled import CompiledMenu
from l1forge.emulator.rates.intervals import full_rate_khz
from l1forge.models import graph_path
from l1forge.models.anomaly import baselines, quantities
from l1forge.models.anomaly.crossings import Crossings, CutMenu, read
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
from l1forge.models.anomaly.pairs import DEFAULT_PAIRS, PAIR_LISTS, count, quantities_of
from l1forge.models.anomaly.samples import (
    TEST_SIGNALS,
    VALIDATION_SIGNALS,
    ZERO_BIAS,
    counted_part,
    training_crossings,
)
from l1forge.models.anomaly.tails import tail
from l1forge.simulation import SAMPLE
from l1forge.studies.figures import Picture
from l1forge.studies.gains import Area, GainStudy, Spread, group_of, spreads_of
from l1forge.studies.html import html_table

FORMAT, VERSION = "l1forge-anomaly", 1
RATES_KHZ: Mapping[str, tuple[float, ...]] = {TOTAL: (1.0, 3.0, 10.0), PURE: (1.0, 3.0, 5.0, 10.0)}
REPLICAS = 200
SEEDS = 5
DENSE = "dense VAE (shipped before)"
GRAPHS = {"tail pairs": "tail_pairs", "VAE": "vae", DENSE: "vae_dense"}
"""Row of the tables -> model."""
BOTH = "VAE or tail pairs"
KL, DECODER = "VAE, whole KL (float)", "VAE, decoder error + β·KL (float)"
SEED = "VAE, seed {}"
NEW = ("tail pairs", "VAE", BOTH)
MAX_TAIL, SUM_TAIL = "largest −log p of 11", "sum of −log p of 11"
MAHALANOBIS, PCA, ERROR = "Mahalanobis", "PCA residual", "autoencoder error (float)"
CUTS = "re-tuned cuts"
BASELINES = (MAX_TAIL, SUM_TAIL, MAHALANOBIS, PCA, ERROR, DENSE, CUTS)
Say = Callable[[str], None]
Array = NDArray[Any]


@dataclass(frozen=True)
class AnomalyStudy(GainStudy):
    """Everything that was measured; efficiencies in parts of 1.

    ``trained``, ``judged``: zero-bias crossings; ``effective``: what the judged ones are worth. ``cut_khz``:
    rate of the cut menu. ``groups``: what each signal was used for.
    """

    seed_row = SEED

    menu: str
    zero_bias: str
    judged_on: str
    trained: int
    judged: int
    effective: float
    cut_khz: float
    groups: Mapping[str, str]
    left_out: tuple[str, ...]
    losses: Mapping[str, float]
    efficiencies: tuple[Efficiency, ...]
    areas: tuple[Area, ...]
    spreads: tuple[Spread, ...]
    comparisons: tuple[Comparison, ...]

    def plot(self) -> Picture:
        """Gain against pure rate, a panel for each signal."""
        from l1forge.studies.anomaly_files import draw

        return draw(self)

    def save(self, folder: Path) -> tuple[str, ...]:
        """Write JSON, Markdown tables and plots into ``folder``, all or none; returns their names."""
        from l1forge.studies.anomaly_files import save

        return save(self, folder)

    def _repr_html_(self) -> str:
        from l1forge.studies.anomaly_files import table

        head, rows = table(self, PURE, 5.0)
        return html_table(f"{self.menu}: gain in % at 5 kHz pure", head, rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; of the replicas only their standard deviation."""
        return self.document(FORMAT, VERSION)


def evaluate(
    *,
    zero_bias: Path = ZERO_BIAS,
    test: Path | None = None,
    signals: Mapping[str, Path] | None = None,
    menu: str | Path | CompiledMenu,
    graphs: Mapping[str, Path] | None = None,
    seeds: int = SEEDS,
    blind: Mapping[str, Path] | None = None,
    replicas: int = REPLICAS,
    seed: int = 1,
    say: Say = lambda text: None,
) -> AnomalyStudy:
    """Measure all scores.

    Parameters
    ----------
    zero_bias
        Its first crossings fit the baselines and train the seeds (the committed sample: as everywhere; of
        any other file two thirds), the others judge.
    test
        Zero bias that judges in place of these; weights are used if the file has them.
    signals
        Name to event file; None: those of the committed sample.
    menu
        Whose cut-based seeds define what is pure.
    graphs
        Model name to a graph file in place of the committed one.
    seeds
        Trainings of the VAE for the spread; 0: none.
    blind
        Name to event file of the blind signals: look once.
    replicas, seed
        Of the errors.

    Raises
    ------
    InputError
        If a file, a name or the menu cannot be used.
    """
    files = dict(signals) if signals is not None else _committed()
    for name, path in (blind or {}).items():
        if name in files:
            raise InputError("two signals have one name", field="--blind", value=name)
        files[name] = path
    source = open_events(zero_bias)
    cuts = CutMenu.of(menu, source.columns)
    reader = _Reader(cuts, graphs or {})
    say("zero bias")
    crossings = read(zero_bias, cuts, reader, lambda rows: None)
    committed = training_crossings(zero_bias, crossings.n)
    trained = committed if test is not None or committed < crossings.n else counted_part(crossings.n)
    fitted = crossings.select(slice(trained))
    judged = crossings.select(slice(trained, None))
    if test is not None:
        say("judging zero bias")
        judged = read(test, cuts, reader, lambda rows: None, weighted=True)
    if not judged.n:
        raise InputError("no crossings are left to judge", file=zero_bias, remedy="give --test FILE")
    scorers = _Scorers(fitted, seeds, say)
    background = scorers.sample(judged)
    found: dict[str, ScoredSample] = {}
    for name, path in files.items():
        say(f"signal {name}")
        found[name] = scorers.sample(read(path, cuts, reader, lambda rows: None))
    say("efficiencies and their errors")
    full = full_rate_khz(COLLIDING_BUNCHES)
    rows = efficiencies(background, found, RATES_KHZ, full, replicas, seed)
    return AnomalyStudy(
        cuts.menu.name,
        str(zero_bias),
        str(test or zero_bias),
        fitted.n,
        judged.n,
        float(background.weights.sum() ** 2 / np.square(background.weights).sum()),
        float(background.weights[background.accepted].sum() / background.weights.sum() * full),
        {name: group_of(name, blind or {}) for name in files},
        tuple(cuts.notes()),
        scorers.losses,
        tuple(rows),
        tuple(
            Area(score, name, *auc(background, sample, score))
            for score in background.scores
            for name, sample in found.items()
        ),
        tuple(spreads_of(rows, SEED)),
        tuple(compare(rows, NEW, [*BASELINES, *NEW])),
    )


def _committed() -> dict[str, Path]:
    return {name: SAMPLE / f"{name}.parquet" for name in (*VALIDATION_SIGNALS, *TEST_SIGNALS)}


class _Reader:
    """Everything that scores need of a block of crossings, read once."""

    def __init__(self, cuts: CutMenu, graphs: Mapping[str, Path]) -> None:
        self._kernels = {
            row: compile_graph(Graph.load(graphs.get(model, graph_path(model))))
            for row, model in GRAPHS.items()
        }
        self._pairs = quantities_of(PAIR_LISTS[DEFAULT_PAIRS])
        self._levels = baselines.retuned_cuts(cuts.menu)

    def __call__(self, events: Events) -> dict[str, Array]:
        found: dict[str, Array] = dict(quantities.values(events, self._pairs))
        found |= quantities.inputs(events, [q.name for q in baselines.ELEVEN])
        found["rows"] = baselines.hardware_rows(events)
        found[CUTS] = self._levels(events)
        for row, kernel in self._kernels.items():
            found[row] = kernel.run(events)[kernel.graph.outputs[0]].ravel()
        return found


class _Scorers:
    """Baselines and trainings, fitted on ``fitted`` crossings that the cut menu rejects."""

    def __init__(self, fitted: Crossings, seeds: int, say: Say) -> None:
        from l1forge.models.vae import graph as vae
        from l1forge.models.vae.network import Schedule
        from l1forge.models.vae.train import candidates

        say("fitting the baselines")
        rejected = fitted.select(~fitted.accepted)
        self._rng = np.random.default_rng(0)
        self._tails = baselines.TailTables.fit(self._eleven(rejected))
        self._linear = baselines.Linear.fit(rejected.values["rows"])
        self._ranks = {
            row: tail(rejected.values[row], int(rejected.values[row].max()) + 1)
            for row in ("tail pairs", "VAE")
        }
        self.losses: dict[str, float] = {}
        self._networks = []
        self._vae = vae
        if seeds:
            part = fitted.select(slice(counted_part(fitted.n)))
            tables = count(part.select(~part.accepted).values, PAIR_LISTS[DEFAULT_PAIRS])
            for network in candidates(fitted, tables, range(1, seeds + 1), Schedule(), lambda n, loss: None):
                say(f"training, seed {network.seed}: validation loss {network.loss:.3f}")
                self.losses[str(network.seed)] = network.loss
                self._networks.append((network, tables, vae.contributions(network, tables)))

    @staticmethod
    def _eleven(crossings: Crossings) -> list[Array]:
        return [crossings.values[q.name] for q in baselines.ELEVEN]

    def sample(self, crossings: Crossings) -> ScoredSample:
        """All scores of these crossings."""
        values = crossings.values
        scores: dict[str, Array] = {row: values[row] for row in ("tail pairs", "VAE")}
        scores[BOTH] = np.maximum.reduce(
            [t.decades[np.minimum(values[row], len(t.decades) - 1)] for row, t in self._ranks.items()]
        )
        scores |= self._float(crossings)
        scores[MAX_TAIL], scores[SUM_TAIL] = self._tails.scores(self._eleven(crossings))
        scores[MAHALANOBIS], scores[PCA] = self._linear.scores(values["rows"])
        scores[ERROR] = baselines.autoencoder_error(values["rows"])
        scores[DENSE] = values[DENSE]
        # between two factors: as a prescale on the looser menu would do
        scores[CUTS] = values[CUTS] + self._rng.random(crossings.n)
        for network, tables, parts in self._networks:
            scores[SEED.format(network.seed)] = self._vae.evaluate(parts, tables.codes(values))
        weights = crossings.values.get("weight", np.ones(crossings.n))
        return ScoredSample(scores, crossings.accepted, np.asarray(weights, np.float64))

    def _float(self, crossings: Crossings) -> dict[str, Array]:
        """Scores of the network with the lowest loss that have no committed graph."""
        if not self._networks:
            return {}
        from l1forge.models.vae.train import features

        network, tables, _ = min(self._networks, key=lambda found: found[0].loss)
        x = features(crossings, tables)
        mean, log_variance = network.latent(x)
        kl = (np.square(mean) + np.exp(log_variance) - 1 - log_variance).sum(1) / 2
        return {KL: kl, DECODER: network.error(x) + kl / 2}
