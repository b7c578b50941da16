"""The benchmark for readers: table on screen, page with plot in docs, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.table import Table

from l1forge.benchmarks.suite import Result, Row
from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.lhc import CROSSING_FREQUENCY

BEGIN, END = "<!-- bench: begin (written by make bench) -->", "<!-- bench: end -->"


def _ours(result: Result, model: str) -> Row:
    """One thread of the kernel on one model: what ratios refer to."""
    return next(r for r in result.rows if r.model == model and r.what == "l1forge" and r.threads == 1)


def cells(result: Result) -> list[tuple[str, ...]]:
    """Model, what, threads, ns per event (wall, best, CPU), events/s, how many times slower than ours."""
    lines: list[tuple[str, ...]] = []
    for row in result.rows:
        ratio = row.cpu_ns / _ours(result, row.model).cpu_ns
        lines.append(
            (
                row.model,
                row.what,
                str(row.threads),
                _short(row.ns),
                _short(row.best_ns),
                _short(row.cpu_ns),
                f"{row.rate / 1e6:,.3f}",
                _short(ratio, 2),
            )
        )
    return lines


def _short(value: float, decimals: int = 1) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.{decimals}f}"


HEADINGS = ("model", "what", "threads", "ns / event", "best", "CPU ns", "M events / s", "CPU / ours")


def table(result: Result) -> Table:
    """For the terminal."""
    shown = Table(title="Speed (medians)", box=SIMPLE)
    for heading in HEADINGS:
        if heading in HEADINGS[:2]:
            shown.add_column(heading, overflow="fold")
        else:
            shown.add_column(heading, justify="right", min_width=7)
    for line in cells(result):
        shown.add_row(*line)
    return shown


def roofline(result: Result) -> str:
    """Where the VAE kernel stands between the limits of the machine."""
    limits, ours = result.machine, _ours(result, "vae_dense")
    best = min(ours.best_ns, ours.cpu_ns)
    reads, madds = 57 * 2, 57 * 32 + 32 * 16 + 16 * 3
    text = (
        f"One event reads {reads} bytes and has {madds} multiply-adds if no weight is skipped. This machine "
        f"({limits['cpu']}, {limits['threads']} threads, load {limits['load']:.1f} at the start) reads "
        f"{limits['memory_bytes_per_s_1'] / 1e9:.1f} GB/s with one thread, "
        f"{1e9 * reads / limits['memory_bytes_per_s_1']:.1f} ns per event, and does "
        f"{limits['float32_madds_per_s'] / 1e9:.0f} G float32 multiply-adds/s, "
        f"{1e9 * madds / limits['float32_madds_per_s']:.1f} ns"
    )
    if limits["int8_madds_per_s"]:
        text += (
            f", or {limits['int8_madds_per_s'] / 1e9:.0f} G int8 multiply-adds/s, "
            f"{1e9 * madds / limits['int8_madds_per_s']:.1f} ns"
        )
    return f"{text}. The kernel takes {best:.1f} ns."


def page(result: Result) -> str:
    """The part of docs/performance.md between the markers."""
    lines = [BEGIN, "", roofline(result), "", "| " + " | ".join(HEADINGS) + " |"]
    lines.append("|---|---|" + "---:|" * (len(HEADINGS) - 2))
    lines += ["| " + " | ".join(line) + " |" for line in cells(result)]
    lines += [
        "",
        "![speed and scaling](figures/bench.png)",
        "",
        "| scaling with | value | ns/event | CPU ns |",
    ]
    lines.append("|---|---:|---:|---:|")
    for p in result.scaling:
        lines.append(f"| {p['kind']} | {p['value']:g} | {p['ns']:,.1f} | {p['cpu_ns']:,.1f} |")
    return "\n".join([*lines, "", END])


def write(result: Result, docs: Path) -> list[Path]:
    """Write docs/performance.json and docs/figures/bench.png, refresh the page; returns the paths."""
    document, figure, text = (
        docs / "performance.json",
        docs / "figures" / "bench.png",
        docs / "performance.md",
    )
    figure.parent.mkdir(parents=True, exist_ok=True)
    write_text(document, json.dumps(result.document(), indent=1) + "\n")
    plot(result, figure)
    old = text.read_text(encoding="utf-8") if text.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, _, rest = old.partition(BEGIN)
    write_text(text, head + page(result) + rest.partition(END)[2])
    return [text, figure, document]


def plot(result: Result, file: Path) -> None:
    """Events per second of CPU, which a busy machine leaves alone, and four scalings."""
    from matplotlib.figure import Figure

    rows = [row for row in result.rows if row.events > 1 and (row.what != "l1forge" or row.threads == 1)]
    bars = max(3.5, 0.21 * len(rows))
    figure = Figure(figsize=(11, bars + 3.5), layout="constrained")
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=(bars, 3.5)))
    axis = top.subplots()
    colours = ["tab:orange" if row.what.startswith("l1forge") else "tab:gray" for row in rows]
    names = [f"{row.model}: {row.what}" for row in rows]
    axis.barh(names, [1e9 / row.cpu_ns for row in rows], color=colours)
    axis.invert_yaxis()
    axis.axvline(
        CROSSING_FREQUENCY, color="tab:red", linewidth=1, label="bunch crossings of the LHC a second"
    )
    axis.set_xscale("log")
    axis.set_xlabel("events per second of CPU")
    axis.legend(loc="lower right")
    kinds = list(dict.fromkeys(p["kind"] for p in result.scaling))
    for axis, kind in zip(np.ravel(bottom.subplots(1, len(kinds))), kinds, strict=True):
        points = [p for p in result.scaling if p["kind"] == kind]
        key = "ns" if kind == "threads" else "cpu_ns"
        values = [p["value"] for p in points]
        axis.plot(values, [p[key] for p in points], "o-", color="tab:orange")
        if kind == "threads":
            axis.set_ylim(bottom=0)
        else:
            axis.loglog()
        axis.set_xticks(values, [f"{v:g}" for v in values])
        axis.set_xticks([], minor=True)
        axis.tick_params(axis="x", rotation=30)
        axis.set_xlabel(kind)
        axis.set_ylabel("ns per event" if key == "ns" else "CPU ns per event")
    with atomic_path(file) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
