"""The jet taggers side by side: float, 6 bit, ternary and binary, same test jets; and published ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.studies.html import html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l1forge.firmware.synth.table import Row

FLOAT = "float"
BEGIN, END = "<!-- jets: begin -->", "<!-- jets: end -->"
TITLES = {"g": "gluon", "q": "quark", "w": "W", "z": "Z", "t": "top"}
Say = Callable[[str], None]

PUBLISHED: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("6 bit, QKeras", "16-64-32-32-5", "74.8", "39,782", "124", "55"),
    ("mostly ternary and binary, QKeras (QE)", "16-64-32-32-5", "72.3", "9,149", "66", "55"),
    ("mostly ternary and binary, QKeras (QB)", "16-64-32-32-5", "71.9", "11,193", "69", "70"),
    ("look-up-table networks, OpenML", "-", "76", "1,780 to 5,000", "0", "-"),
)
"""Network, shape, accuracy in %, LUT, DSP, latency in ns.

The first three: Coelho et al., Nat. Mach. Intell. 3 (2021) 675 (arXiv:2006.10159), hls4ml, VU9P, 200 MHz.
"""


@dataclass(frozen=True)
class JetStudy:
    """Float and quantised taggers on one test sample.

    Attributes
    ----------
    jets
        Number of test jets; what they are in words: ``sample``.
    summaries
        By title of the version: ``evaluation.summary``.
    spreads
        By title of the version, of trainings from other seeds: ``evaluation.spread``.
    losses
        By title of the version, area of the float network less that of the version, mean of the classes:
        value, and error from replicas of the same jets.
    curves
        By title of the version and class: efficiency of the class and of the others.
    models
        Title -> name of the model; the float network has none.
    """

    jets: int
    sample: str
    summaries: dict[str, dict[str, Any]]
    spreads: dict[str, dict[str, Any]]
    losses: dict[str, tuple[float, float]]
    curves: dict[str, dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]]
    models: dict[str, str]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: accuracy and areas in %, with errors of the sample and spreads of seeds."""
        head = ["network", "seeds", "accuracy", *(f"AUC {TITLES[name]}" for name in TITLES), "mean AUC lost"]
        rows = []
        for title, found in self.summaries.items():
            spread = self.spreads[title]
            accuracy = _percent(found["accuracy"], spread["accuracy"])
            areas = [_percent(found["auc"][name], spread["auc"] and spread["auc"][name]) for name in TITLES]
            lost = "-" if title == FLOAT else _percent(self.losses[title], None)
            rows.append([title, str(spread["seeds"]), accuracy, *areas, lost])
        return head, rows

    def rejections(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: 1 / (share of other jets that pass) at half the jets of the class."""
        head = ["network", *TITLES.values()]
        rows = []
        for title, found in self.summaries.items():
            cells = [f"{value:.1f} ± {error:.1f}" for value, error in (found["rejection"][n] for n in TITLES)]
            rows.append([title, *cells])
        return head, rows

    def resources(self, designs: Mapping[str, Row]) -> tuple[list[str], list[list[str]]]:
        """Head and rows: accuracy beside LUT, FF, DSP and latency; published designs below."""
        head = ["network", "accuracy [%]", "LUT", "FF", "DSP", "clocks", "latency [ns]", "LUT of 6 bit"]
        rows = []
        base = designs.get(self.models.get("6 bit", ""))
        for title, name in self.models.items():
            accuracy = f"{100 * self.summaries[title]['accuracy'][0]:.1f}"
            row = designs.get(name)
            if row is None:
                rows.append([title, accuracy, *["not run"] * 6])
                continue
            share = "-" if base is None else f"{100 * row.lut / base.lut:.0f} %"
            latency = row.latency_clocks * row.clock_period_ns
            cells = [f"{row.lut:,}", f"{row.ff:,}", f"{row.dsp}", f"{row.latency_clocks}", f"{latency:.1f}"]
            rows.append([title, accuracy, *cells, share])
        rows += [[name, a, lut, "-", dsp, "-", ns, "-"] for name, _, a, lut, dsp, ns in PUBLISHED]
        return head, rows

    def plot(self) -> Figure:
        """ROC curves, a panel for each class: background against efficiency, all versions."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(13.5, 3.4), layout="constrained")
        panels = figure.subplots(1, len(TITLES), sharey=True)
        for panel, (name, title) in zip(panels, TITLES.items(), strict=True):
            for version, curves in self.curves.items():
                signal, background = curves[name]
                shown = signal > 0.1
                style = "--" if version == FLOAT else "-"
                panel.plot(signal[shown], np.maximum(background[shown], 1e-4), style, label=version, lw=1.2)
            panel.set(title=title, xlabel=f"efficiency of {title} jets", yscale="log", ylim=(1e-3, 1))
            panel.grid(alpha=0.3)
        panels[0].set_ylabel("efficiency of all other jets")
        panels[0].legend(fontsize=8)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "jets": self.jets,
            "sample": self.sample,
            "versions": self.summaries,
            "spread": self.spreads,
            "mean_auc_lost": {title: list(pair) for title, pair in self.losses.items()},
        }

    def save(self, folder: Path) -> list[str]:
        """Write ``jets.json`` and ``jets_roc.png``; their names."""
        from l1forge.emulator.atomic import atomic_path, write_text

        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "jets.json", json.dumps(self.to_dict(), indent=1) + "\n")
        with atomic_path(folder / "jets_roc.png") as temporary:
            self.plot().savefig(temporary, dpi=110)
        return ["jets.json", "jets_roc.png"]

    def page(self, designs: Mapping[str, Row]) -> str:
        """The tables as Markdown."""
        parts = [
            f"{self.jets:,} jets of {self.sample}. Errors: of the finite test sample; in brackets the"
            " standard deviation of trainings from as many seeds as the second column says, of which the one with"
            " the lowest validation loss is kept. The last column: float less version, on the same jets.",
            _markdown(*self.table()),
            "Rejection, 1 / (share of all other jets that pass), where half the jets of the class pass:",
            _markdown(*self.rejections()),
            "What is lost and what is gained. Ours: Yosys, UltraScale+, 240 MHz (docs/synthesis.md)."
            " Published ones: other sample, other tools.",
            _markdown(*self.resources(designs)),
        ]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return html_table("jet taggers, in %", *self.table()) + html_table("rejection", *self.rejections())


def _percent(pair: tuple[float, float], spread: float | None) -> str:
    value, error = pair
    return f"{100 * value:.2f} ± {100 * error:.2f}" + ("" if spread is None else f" ({100 * spread:.2f})")


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def evaluate(
    data: Path | None = None, *, replicas: int = 100, seed: int = 1, say: Say = lambda _: None
) -> JetStudy:
    """Compare the committed taggers on the test part of a file of jets (default: the committed sample).

    Raises
    ------
    InputError
        If the file cannot be read, has no test jets of some class, or a tagger is not trained.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import FOLDER, GRAPH
    from l1forge.models.jet_tagger import evaluation
    from l1forge.models.jet_tagger.hls import load
    from l1forge.models.jet_tagger.inputs import codes
    from l1forge.models.jet_tagger.train import FLOAT as FLOAT_FILE
    from l1forge.models.jet_tagger.train import TRAINING, float_scores, scores
    from l1forge.models.jet_tagger.versions import SIX_BITS, VERSIONS
    from l1forge.simulation.jets import CLASSES
    from l1forge.simulation.jets.files import read
    from l1forge.simulation.jets.sample import FILE

    say("reading jets")
    path = data or FILE
    test = read(path).part("test")
    for code, name in enumerate(CLASSES):
        if not (test.truth == code).any():
            raise InputError("has no test jets of a class", file=path, field="class", value=name)
    kind = SIX_BITS.input_type
    weights = load(FOLDER / SIX_BITS.name / FLOAT_FILE)
    results = {
        FLOAT: float_scores(
            [weights[str(i)] for i in range(len(weights))], codes(test.features, kind) * kind.lsb
        )
    }
    records = {}
    for name, version in VERSIONS.items():
        say(f"evaluating {name}")
        graph = Graph.load(FOLDER / name / GRAPH)
        results[version.title] = scores(version, graph, codes(test.features, version.input_type))
        records[version.title] = json.loads((FOLDER / name / TRAINING).read_text(encoding="utf-8"))
    spreads = {FLOAT: records[SIX_BITS.title]["float"]["spread"]}
    spreads |= {title: record["spread"] for title, record in records.items()}
    found = {title: evaluation.probabilities(values) for title, values in results.items()}
    say("replicas")
    return JetStudy(
        test.n,
        "the test part of " + ("the committed sample" if data is None else str(data)),
        {title: evaluation.summary(values, test.truth) for title, values in results.items()},
        spreads,
        _losses(found, test.truth, replicas, seed),
        {
            title: {name: evaluation.roc(p[:, i], test.truth == i) for i, name in enumerate(CLASSES)}
            for title, p in found.items()
        },
        {version.title: name for name, version in VERSIONS.items()},
    )


def _losses(
    found: Mapping[str, NDArray[np.float64]], truth: NDArray[np.uint8], replicas: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Mean area of float less that of each version, and its error (replicas, same jets for both)."""
    from l1forge.models.jet_tagger.evaluation import area

    rng = np.random.default_rng(seed)

    def mean_area(p: NDArray[np.float64], t: NDArray[np.uint8]) -> float:
        return float(np.mean([area(p[:, i], t == i)[0] for i in range(p.shape[1])]))

    drawn: dict[str, list[float]] = {title: [] for title in found if title != FLOAT}
    for _ in range(replicas):
        rows = rng.integers(0, len(truth), len(truth))
        base = mean_area(found[FLOAT][rows], truth[rows])
        for title, values in drawn.items():
            values.append(base - mean_area(found[title][rows], truth[rows]))
    whole = mean_area(found[FLOAT], truth)
    return {
        title: (whole - mean_area(found[title], truth), float(np.std(values, ddof=1)))
        for title, values in drawn.items()
    }
