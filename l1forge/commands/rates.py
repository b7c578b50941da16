"""`l1forge rates MODEL`: rate against threshold of a score and what it buys in signal efficiency."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

HISTORY = "history.jsonl"


@app.command()
def rates(
    model: Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")],
    score: Annotated[str | None, typer.Option(help="Output of the graph; default: the first.")] = None,
    zero_bias: Annotated[
        Path | None,
        typer.Option(help="Zero-bias events, or arrays of inputs; default: the committed sample."),
    ] = None,
    signal: Annotated[
        list[Path] | None, typer.Option(help="Signal events or arrays, repeatable; default: the sample.")
    ] = None,
    rate: Annotated[
        list[float] | None, typer.Option(help="Target rate in kHz, repeatable [1, 10, 30].")
    ] = None,
    trained_on: Annotated[
        bool,
        typer.Option("--trained-on", help="Also use the sample's zero-bias events that trained the models."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for rates.json and rates.png; default: build/rates/MODEL[/SCORE]."
        ),
    ] = None,
) -> None:
    """Rate vs threshold, thresholds for target rates, efficiency per signal, with binomial errors.

    Every model, and every score that is not its first, has its own folder; history.jsonl in it keeps the
    results of all runs.

    Examples:

    `l1forge rates vae`

    `l1forge rates vae --score kl_score --rate 5 --signal my_signal.parquet -o study/`

    `l1forge rates tau_id --zero-bias background.npy --signal taus.npy`
    """
    from datetime import UTC, datetime

    from l1forge.emulator.atomic import append_line, atomic_files, write_text
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.graph.graph import Graph
    from l1forge.emulator.kernel import compile_graph
    from l1forge.emulator.rates.plot import plot
    from l1forge.emulator.rates.study import study
    from l1forge.models import graph_path
    from l1forge.screen.outputs import check_folders
    from l1forge.simulation import SAMPLE
    from l1forge.simulation.sample import N_TRAIN

    console = Console()
    file = graph_path(model)
    graph = Graph.load(file)
    name = score or graph.outputs[0]
    output = output or _folder(graph.name, name if name != graph.outputs[0] else None)
    check_folders(output)
    if name not in graph.outputs or graph[name].size != 1:
        raise InputError(
            "is not a score of this graph", field="--score", value=name, remedy=f"scores: {graph.outputs}"
        )
    source = zero_bias or SAMPLE / "zerobias.parquet"
    signals = signal or sorted(p for p in SAMPLE.glob("*.parquet") if p.name != "zerobias.parquet")
    for target in rate or []:
        if not 0 < target < math.inf:
            raise InputError("is not a rate in kHz", field="--rate", value=target, remedy="such as 10")
    if len({path.stem for path in signals}) < len(signals):
        raise InputError(
            "two signals have one name", field="--signal", remedy="tables list them by file name: rename one"
        )
    kernel = compile_graph(graph, [name])
    files = [source, *signals]
    scores = {
        path: _score(kernel, name, path) for path in track(files, "scoring", console=console, transient=True)
    }
    background = scores[source]
    sample = SAMPLE / "zerobias.parquet"
    left_out = N_TRAIN if not trained_on and sample.exists() and source.samefile(sample) else 0
    background = background[left_out:]
    if not len(background):
        raise InputError("holds no zero-bias crossing", file=source, remedy="give at least two events")
    for path in signals:
        if not len(scores[path]):
            raise InputError("holds no crossing", file=path, remedy="leave it out")
    lsb = graph[name].type.lsb
    report = study(background, {p.stem: scores[p] for p in signals}, rate or [1.0, 10.0, 30.0], lsb)
    report = {
        "model": graph.name,
        "graph": str(file),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "score": name,
        "type": str(graph[name].type),
        "zero_bias": str(source),
        "left_out_crossings": left_out,
        "signals": [str(path) for path in signals],
        "trained_on": trained_on,
        **report,
    }
    earlier = _earlier(output)
    with atomic_files(output) as folder:
        plot(report, f"{graph.name}: {name}", folder / "rates.png")
        write_text(folder / "rates.json", json.dumps(report, indent=1) + "\n")
    append_line(output / HISTORY, json.dumps({k: v for k, v in report.items() if k != "curve"}))
    if left_out:
        console.print(
            f"the first {left_out:,} crossings trained the models: left out (--trained-on uses them)"
        )
    console.print(rates_table(report))
    console.print(f"wrote {output}/rates.json and rates.png")
    if earlier:
        console.print(f"they replace those of {earlier}; {output}/{HISTORY} keeps the results of every run")


def _folder(model: str, score: str | None) -> Path:
    """build/rates/MODEL, or a folder in it for a score that is not the model's first."""
    named = re.sub(r"[^\w-]", "_", score or "")  # names of outputs may hold anything
    return Path("build/rates", model, named)


def _earlier(folder: Path) -> str | None:
    """What the study in ``folder`` was about, None if there is none."""
    try:
        old = json.loads((folder / "rates.json").read_text(encoding="utf-8"))
        return f"{old['model']} {old['score']} ({old.get('graph', 'graph not recorded')}, {old['zero_bias']})"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _score(kernel: Any, name: str, path: Path) -> Any:
    import numpy as np

    from l1forge.emulator.scoring.feeds import open_feed

    parts = [scores[name] for scores, _, _ in open_feed(path, kernel).scores(None, None)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def rates_table(report: dict[str, Any]) -> Table:
    """One column per target rate: threshold, measured rate, efficiency of every signal in percent."""
    crossings = report["zero_bias_crossings"]
    table = Table(title=f"{report['model']} {report['score']}, {crossings:,} zero-bias crossings")
    targets = report["targets"]
    table.add_column("target rate")
    for target in targets:
        table.add_column(f"{target['target_khz']:g} kHz", justify="right")
    table.add_row("score >=", *(str(target["threshold"]) for target in targets))
    rates_found = []
    for row in targets:
        up, down = row["rate_high_khz"] - row["rate_khz"], row["rate_khz"] - row["rate_low_khz"]
        rates_found.append(f"{row['rate_khz']:.2f} +{up:.2f} -{down:.2f}")
    table.add_row("rate in kHz", *rates_found, end_section=True)
    for name in targets[0]["efficiency"] if targets else []:
        values = [target["efficiency"][name] for target in targets]
        table.add_row(
            f"{name} in %",
            *(f"{100 * v['value']:.1f} ± {50 * (v['high'] - v['low']):.1f}" for v in values),
        )
    return table
