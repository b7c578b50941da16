"""The networks on sets of constituents side by side: areas under ROC curves, needs of their firmware."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.html import html_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from l1forge.firmware.rtl import RtlProject
    from l1forge.firmware.synth.table import Row

BEGIN, END = "<!-- jet sets: begin -->", "<!-- jet sets: end -->"
TITLES = {"g": "gluon", "q": "quark", "w": "W", "z": "Z", "t": "top"}
Say = Callable[[str], None]


@dataclass(frozen=True)
class SetDesign:
    """One design of a network: jets ``interval`` clocks apart; ``latency`` and ``latency_ns`` of a jet.

    ``generated_lut``: what the generator counts while it writes the Verilog (adder bits, table entries).
    """

    name: str
    interval: int
    latency: int
    latency_ns: float
    generated_lut: float

    @staticmethod
    def of(project: RtlProject) -> SetDesign:
        """The numbers of a written project."""
        return SetDesign(project.name, project.interval, project.latency, project.latency_ns, project.cost)


@dataclass(frozen=True)
class JetSetStudy:
    """All networks on one test sample.

    Attributes
    ----------
    jets, sample
        Number of test jets; where they come from, in words.
    found
        By name of the model: ``models.jet_sets.evaluation.compared``.
    designs
        By name of the model: unrolled and folded; empty unless asked for.
    """

    jets: int
    sample: str
    found: dict[str, dict[str, Any]]
    designs: dict[str, list[SetDesign]]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Head and rows: areas in %, integers with their error, in brackets float less integers."""
        head = ["network", "right answers", "float", *(f"AUC {title}" for title in TITLES.values())]
        rows = []
        for name, result in self.found.items():
            right = (f"{100 * result['accuracy'][kind]:.1f}" for kind in ("graph", "float"))
            rows.append([name, *right, *(_area(result["classes"][k]) for k in TITLES)])
        return head, rows

    def resources(self, rows: Mapping[str, Row]) -> tuple[list[str], list[list[str]]]:
        """Head and rows: every design; what Yosys was not run on has only the generator's count of LUT."""
        head = ["design", "jet every", "latency", "LUT, generator", "LUT", "FF", "DSP", "longest path"]
        cells = []
        for designs in self.designs.values():
            for made in designs:
                own = [
                    made.name,
                    "1 clock" if made.interval == 1 else f"{made.interval} clocks",
                    f"{made.latency} clocks = {made.latency_ns:.1f} ns",
                ]
                own.append(f"{made.generated_lut:,.0f}")
                row = rows.get(made.name)
                if row is None:
                    cells.append([*own, "not run", "-", "-", "-"])
                    continue
                path = "-" if row.delay_ns is None else f"{row.delay_ns:.2f} ns"
                cells.append([*own, f"{row.lut:,}", f"{row.ff:,}", str(row.dsp), path])
        return head, cells

    def page(self, rows: Mapping[str, Row]) -> str:
        """The tables as Markdown."""
        parts = [
            f"{self.jets:,} jets of {self.sample}. Right answers and areas under the ROC curve (one class"
            " against the others) in %, of the integers, with the error of the finite sample; in brackets:"
            " integers less float, and its error on the same jets.",
            _markdown(*self.table()),
        ]
        if self.designs:
            parts += ["Firmware at 240 MHz, UltraScale+ (Yosys):", _markdown(*self.resources(rows))]
        return "\n\n".join(parts)

    def plot(self) -> Figure:
        """Area of every class, a group of bars for each network; float as a line."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 4), layout="constrained")
        axis = figure.subplots()
        names = list(self.found)
        for k, (key, title) in enumerate(TITLES.items()):
            places = [i + 0.15 * (k - 2) for i in range(len(names))]
            pairs = [self.found[name]["classes"][key] for name in names]
            values, errors = zip(*(pair["graph"] for pair in pairs), strict=True)
            axis.errorbar(places, values, errors, fmt="o", color=f"C{k}", label=title, ms=5)
            axis.plot(places, [pair["float"][0] for pair in pairs], "_", color=f"C{k}", ms=14)
        axis.set_xticks(range(len(names)), names)
        axis.set(ylabel="area under the ROC curve", title="integers (points) and float (lines), test jets")
        axis.grid(axis="y", alpha=0.3)
        figure.legend(*axis.get_legend_handles_labels(), ncols=5, fontsize=9, loc="outside lower center")
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        designs = {name: [vars(made) for made in found] for name, found in self.designs.items()}
        return {"jets": self.jets, "sample": self.sample, "networks": self.found, "designs": designs}

    def save(self, folder: Path) -> list[str]:
        """Write ``jet_sets.json`` and ``jet_sets.png``; their names."""
        from l1forge.emulator.atomic import atomic_path, write_text

        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "jet_sets.json", json.dumps(self.to_dict(), indent=1) + "\n")
        with atomic_path(folder / "jet_sets.png") as temporary:
            self.plot().savefig(temporary, dpi=110)
        return ["jet_sets.json", "jet_sets.png"]

    def _repr_html_(self) -> str:
        return html_table("networks on sets of constituents, in %", *self.table())


def evaluate(data: Path | None = None, *, designs: bool = False, say: Say = lambda _: None) -> JetSetStudy:
    """Compare the committed networks on the test part of a file of jets (default: the committed sample).

    ``designs``: also write the Verilog of every network, unrolled and folded (minutes).

    Raises
    ------
    InputError
        If the file cannot be read, has no constituents, or has no test jets of some class.
    """
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import FOLDER, graph_path
    from l1forge.models.jet_sets import evaluation
    from l1forge.models.jet_sets.shapes import SHAPES
    from l1forge.models.jet_sets.train import Entering, load_float, logits_of
    from l1forge.simulation.jets import CLASSES
    from l1forge.simulation.jets.files import read
    from l1forge.simulation.jets.sample import FILE

    say("reading jets")
    path = data or FILE
    test = read(path).part("test")
    for code, name in enumerate(CLASSES):
        if not (test.truth == code).any():
            raise InputError("has no test jets of a class", file=path, field="class", value=name)
    found = {}
    for name, shape in SHAPES.items():
        say(f"evaluating {name}")
        floating = logits_of(load_float(name, FOLDER / name), Entering.of(test, shape.constituents))
        found[name] = evaluation.compared(Graph.load(graph_path(name)), test, floating)
    written = {name: _designs(name, say) for name in SHAPES} if designs else {}
    sample = "the test part of " + ("the committed sample" if data is None else str(data))
    return JetSetStudy(test.n, sample, found, written)


def _designs(name: str, say: Say) -> list[SetDesign]:
    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.firmware.rtl import generate
    from l1forge.models import graph_path
    from l1forge.studies.designs import WITHOUT_GRAPH

    folder = build_folder() / "rtl"
    say(f"{name}: writing Verilog")
    unrolled = generate(Graph.load(graph_path(name)), folder / name)
    say(f"{name}: writing folded Verilog")
    folded = WITHOUT_GRAPH[f"{name}_folded"](folder / f"{name}_folded")
    return [SetDesign.of(unrolled), SetDesign.of(folded)]


def _area(found: Mapping[str, Any]) -> str:
    (value, error), (lost, spread) = found["graph"], found["difference"]
    return f"{100 * value:.2f} ± {100 * error:.2f} ({100 * lost:+.2f} ± {100 * spread:.2f})"


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
