"""`l1forge rates MODEL`: rate against threshold of a score and what it buys in signal efficiency."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[str, typer.Argument(help="Model name (vae, ...) or path of a graph file.")]
Score = Annotated[str | None, typer.Option(help="Output of the graph to use as score; default: the first.")]
ZeroBias = Annotated[
    Path | None,
    typer.Option(help="Event file or array of inputs with zero-bias events; default: the committed sample."),
]
Signal = Annotated[
    list[Path] | None,
    typer.Option(help="Event file or array with signal events; repeatable; default: the sample."),
]
Rate = Annotated[list[float] | None, typer.Option(help="Target rate in kHz; repeatable; default: 1, 10, 30.")]
TrainedOn = Annotated[
    bool,
    typer.Option("--trained-on", help="Also use the zero-bias events on which the models were trained."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Folder for rates.json and rates.png; default: build/rates/MODEL[/SCORE]."
    ),
]


@app.command()
def rates(
    model: Model,
    score: Score = None,
    zero_bias: ZeroBias = None,
    signal: Signal = None,
    rate: Rate = None,
    trained_on: TrainedOn = False,
    output: Output = None,
) -> None:
    """Compute rate against threshold, thresholds for target rates, and signal efficiencies, with errors.

    The errors are binomial. Every model has its own folder, and so has every score other than the first;
    history.jsonl in it keeps the results of all runs.

    Examples:

    `l1forge rates vae`

    `l1forge rates vae --score kl_score --rate 5 --signal my_signal.parquet -o study/`

    `l1forge rates tau_id --zero-bias background.npy --signal taus.npy`
    """
    from l1forge.screen.outputs import check_folders
    from l1forge.studies import rates as studies
    from l1forge.studies.sources import load_graph

    console = Console()
    graph = load_graph(model)
    folder = output or _folder(graph.name, score if score not in (None, graph.outputs[0]) else None)
    check_folders(folder)
    result = studies.rates(
        graph,
        score=score,
        zero_bias=zero_bias,
        signals=signal,
        targets_khz=rate or studies.TARGETS_KHZ,
        trained_on=trained_on,
        track=lambda samples: track(samples, "scoring", console=console, transient=True),
    )
    earlier = result.save(folder)
    if left_out := result.left_out_crossings:
        console.print(
            f"the first {left_out:,} crossings are left out: the models were trained on them"
            " (--trained-on uses them)"
        )
    console.print(rates_table(result.to_dict()))
    console.print(f"wrote {folder}/rates.json and rates.png")
    if earlier:
        history = f"{folder}/{studies.HISTORY}"
        console.print(f"they replace those of {earlier}; {history} keeps the results of every run")


def _folder(model: str, score: str | None) -> Path:
    """build/rates/MODEL, or a folder in it for a score that is not the model's first."""
    named = re.sub(r"[^\w-]", "_", score or "")  # names of outputs may hold anything
    return Path("build/rates", model, named)


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
