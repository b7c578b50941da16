"""Our sample's rates beside published ones: `python -m l1forge.simulation.rate_comparison`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.formats.parquet import read_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.lhc import COLLIDING_BUNCHES, ORBIT_FREQUENCY
from l1forge.simulation.sample import FOLDER
from l1forge.simulation.validation import SeedRate, as_rows, leading, seed_rates

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("<!-- rates: begin -->", "<!-- rates: end -->")
Quantity = tuple[str, Callable[[Events], np.ndarray], tuple[tuple[float, float], ...]]


def _pair(events: Events, kind: str, eta: float, accept: str) -> np.ndarray:
    return leading(events, kind, 1, eta, events[accept] > 0)


PANELS: dict[str, dict[str, list[Quantity]]] = {
    "simulation_rates_objects": {
        "muon $p_T$ threshold (GeV)": [
            ("SingleMu", lambda e: leading(e, "mu", 0, accept=e["mu.qual"] >= 12), ((22, 10.2), (25, 8.1))),
            ("DoubleMu", lambda e: leading(e, "mu", 1, accept=e["mu.qual"] >= 8), ()),
        ],
        "e/γ $E_T$ threshold (GeV)": [
            ("SingleEG er2.5", lambda e: leading(e, "eg", 0, 2.5), ((36, 14.5),)),
            (
                "SingleIsoEG er2.5",
                lambda e: leading(e, "eg", 0, 2.5, (e["eg.iso"] & 1) > 0),
                ((28, 22.7),),
            ),
            ("SingleEG", lambda e: leading(e, "eg", 0), ((60, 3.9),)),
        ],
        "τ $E_T$ threshold (GeV)": [
            (
                "DoubleIsoTau er2.1",
                lambda e: leading(e, "tau", 1, 2.1, e["tau.iso"] > 0),
                ((32, 14.0), (34, 12.1)),
            ),
        ],
    },
    "simulation_rates_jets": {
        "jet $E_T$ threshold (GeV)": [
            ("SingleJet", lambda e: leading(e, "jet", 0), ((180, 3.2), (200, 2.3))),
            ("DoubleJet er2.5", lambda e: leading(e, "jet", 1, 2.5), ((150, 1.0),)),
        ],
        "$H_T$ threshold (GeV)": [("HTT er", lambda e: e["htt.et"][0] * 0.5, ((360, 3.5), (450, 2.1)))],
        "missing $E_T$ threshold (GeV)": [
            ("ETMHF", lambda e: e["etmhf.et"][0] * 0.5, ((100, 3.4), (120, 1.9))),
        ],
    },
}
RANGES = {
    "muon": (3, 60),
    "e/γ": (10, 90),
    "τ": (15, 80),
    "jet": (40, 320),
    "$H_T$": (60, 600),
    "missing": (30, 180),
}
MAX_ENTRIES = 2048


def rate_curve(codes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rate and its error (kHz) of "value >= threshold" from a histogram of codes (0.5 GeV)."""
    passed = np.cumsum(codes[::-1])[::-1]
    scale = ORBIT_FREQUENCY * COLLIDING_BUNCHES / 1e3 / n
    return passed * scale, np.sqrt(passed * (1 - passed / n)) * scale


def histograms(blocks: Iterator[Events]) -> tuple[dict[str, np.ndarray], int]:
    """Histogram of every quantity in codes of 0.5 GeV, int64 (4096,)."""
    quantities = [q for panels in PANELS.values() for lines in panels.values() for q in lines]
    counts = {label: np.zeros(4096, np.int64) for label, _, _ in quantities}
    n = 0
    for block in blocks:
        n += block.n
        for label, value, _ in quantities:
            counts[label] += np.bincount((2 * value(block)).astype(np.int64), minlength=4096)[:4096]
    return counts, n


def plot(counts: dict[str, np.ndarray], n: int, folder: Path) -> list[Path]:
    """One figure per group of panels: simulated rate with its error band, published points."""
    import mplhep
    from matplotlib import style

    with style.context(mplhep.style.CMS):
        return [_figure(name, panels, counts, n, folder) for name, panels in PANELS.items()]


def _figure(
    name: str, panels: dict[str, list[Quantity]], counts: dict[str, np.ndarray], n: int, folder: Path
) -> Path:
    from matplotlib.figure import Figure

    threshold = np.arange(4096) * 0.5
    figure = Figure(figsize=(7.5 * len(panels), 7), layout="constrained")
    axes = figure.subplots(1, len(panels))
    for axis, (title, lines) in zip(axes, panels.items(), strict=True):
        low, high = RANGES[title.split()[0]]
        shown = (threshold >= low) & (threshold <= high)
        for k, (label, _, published) in enumerate(lines):
            rate, error = rate_curve(counts[label], n)
            colour = f"C{k}"
            axis.plot(threshold[shown], rate[shown], color=colour, label=label, lw=2.5)
            axis.fill_between(
                threshold[shown],
                (rate - error)[shown],
                (rate + error)[shown],
                color=colour,
                alpha=0.25,
                lw=0,
            )
            if published:
                axis.plot(
                    *zip(*published, strict=True),
                    "o",
                    color=colour,
                    markersize=11,
                    mec="k",
                    label=f"{label}, CMS",
                )
        axis.set(yscale="log", xlim=(low, high), ylim=(0.05, 4e4), xlabel=title, ylabel="rate (kHz)")
        axis.legend(fontsize=17)
    with atomic_path(folder / f"{name}.png") as temporary:
        figure.savefig(temporary, dpi=55)
    return folder / f"{name}.png"


def markdown(rates: list[SeedRate]) -> str:
    """The table of docs/simulation.md."""
    lines = ["| seed | events | simulated (kHz) | CMS (kHz) | ratio |", "|---|--:|--:|--:|--:|"]
    for r in rates:
        lines.append(
            f"| {r.seed} | {r.passed} | {r.rate:.2f} ± {r.error:.2f} | {r.published:g} | {r.ratio:.2f} |"
        )
    return "\n".join(lines)


def update_document(path: Path, table: str, marks: tuple[str, str] = MARKS) -> None:
    """Replace what stands between the two marks."""
    text = path.read_text(encoding="utf-8")
    if not all(mark in text for mark in marks):
        raise InputError("the marks around the table are missing", file=path, remedy=" and ".join(marks))
    before, rest = text.split(marks[0])
    after = rest.split(marks[1])[1]
    write_text(path, f"{before}{marks[0]}\n\n{table}\n\n{marks[1]}{after}")


def main() -> None:
    """Read the events, draw the figures, write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, default=FOLDER / "zerobias.parquet", help="zero-bias events")
    parser.add_argument("--document", type=Path, default=ROOT / "docs/simulation.md")
    parser.add_argument("--figures", type=Path, default=ROOT / "docs/figures")
    parser.add_argument("--json", action="store_true", help="print JSON and write nothing")
    arguments = parser.parse_args()
    rates, union, n = seed_rates(read_events(arguments.input))
    if arguments.json:
        print(json.dumps({"crossings": n, "seeds": as_rows([*rates, union])}, indent=1))
        return
    counts, _ = histograms(read_events(arguments.input))
    arguments.figures.mkdir(parents=True, exist_ok=True)
    plot(counts, n, arguments.figures)
    table = markdown([*rates, union])
    update_document(arguments.document, table)
    print(table)


if __name__ == "__main__":
    main()
