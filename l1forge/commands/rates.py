"""`l1forge rates MODEL`: rate against threshold of a score; `l1forge rates MENU INPUT…`: rates of a menu."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown")

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL|MENU", help="Model name (vae, ...) or graph file; or a menu: YAML, XML, compiled JSON."
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...", help="Zero-bias event files or patterns ('run*.parquet') for a menu."
    ),
]
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
        "--output", "-o", help="Folder for the results; default: build/rates/MODEL[/SCORE] or /MENU."
    ),
]
OF_MENU = "Only with a menu"
Prescales = Annotated[
    list[Path] | None,
    typer.Option(
        help="CSV (ours or Index,Name,...), or UGT_BASE_RS_*.xml, repeatable.", rich_help_panel=OF_MENU
    ),
]
Column = Annotated[
    str | None, typer.Option(help="Prescale column; default: the first.", rich_help_panel=OF_MENU)
]
Group = Annotated[
    list[str] | None,
    typer.Option(help="NAME=PATTERN of seed names, repeatable, also for one NAME.", rich_help_panel=OF_MENU),
]
Target = Annotated[
    list[str] | None,
    typer.Option(help="SEED=RATE (1kHz): threshold of its leading cut, repeatable.", rich_help_panel=OF_MENU),
]
ModelFile = Annotated[
    list[str] | None,
    typer.Option("--model", help="name=graph.json, in place of that model.", rich_help_panel=OF_MENU),
]
WithoutModel = Annotated[
    list[str] | None,
    typer.Option(help="Leave out the seeds that need this model, repeatable.", rich_help_panel=OF_MENU),
]
Scheme = Annotated[
    Path | None, typer.Option(help="Filling scheme, JSON or CSV; default: LHC.", rich_help_panel=OF_MENU)
]
Details = Annotated[
    bool,
    typer.Option(
        "--details/--no-details",
        help="Crossings and rate curve of every seed in the page.",
        rich_help_panel=OF_MENU,
    ),
]
Curves = Annotated[
    bool | None,
    typer.Option(
        "--curves/--no-curves",
        help="Rate curve of every seed; default: for up to 2 M crossings.",
        rich_help_panel=OF_MENU,
    ),
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Leave out files that cannot be read, and say which.", rich_help_panel=OF_MENU
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Count on a Dask cluster: tcp://HOST:PORT, or local:N for N processes here.",
        rich_help_panel=OF_MENU,
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--lumi-mask",
        help="JSON of runs and luminosity sections to count (NanoAOD).",
        rich_help_panel=OF_MENU,
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Threads; default: all cores.", min=1, rich_help_panel=OF_MENU)
]


@app.command()
def rates(
    model: Model,
    inputs: Inputs = None,
    score: Score = None,
    zero_bias: ZeroBias = None,
    signal: Signal = None,
    rate: Rate = None,
    trained_on: TrainedOn = False,
    output: Output = None,
    prescales: Prescales = None,
    column: Column = None,
    group: Group = None,
    target: Target = None,
    model_file: ModelFile = None,
    without_model: WithoutModel = None,
    scheme: Scheme = None,
    threads: Threads = None,
    details: Details = True,
    curves: Curves = None,
    skip_bad: SkipBad = False,
    dask: Dask = None,
    lumi_mask: Mask = None,
) -> None:
    """Compute rates with errors: a model's score against its threshold, or every seed of a menu.

    A menu gives total, pure and proportional rates before and after prescales, groups, overlaps, FinOR,
    thresholds for target rates (docs/rates.md); a page (rates.html), JSON, CSV, PNG and PDF files. If a
    study was killed, the same command continues it.

    The errors are binomial. Every model has its own folder, and so has every score other than the first;
    history.jsonl in it keeps the results of all runs.

    Examples:

    `l1forge rates vae`

    `l1forge rates vae_dense --score kl_score --rate 5 --signal my_signal.parquet -o study/`

    `l1forge rates tau_id --zero-bias background.npy --signal taus.npy`

    `l1forge rates menu.yaml 'run*.parquet' @more.txt https://host/run7.parquet -o study/ --skip-bad`

    `l1forge rates menu.yaml 'run*.root' --dask tcp://scheduler:8786`

    `l1forge rates L1Menu.xml zb.parquet --prescales columns.csv --column 2p0E34 --group 'muons=L1_*Mu*'`

    `l1forge rates menu.yaml zb.parquet --target L1_SingleMu22=1kHz`
    """
    from l1forge.screen.outputs import check_folders
    from l1forge.studies import rates as studies
    from l1forge.studies.rates_inputs import is_menu
    from l1forge.studies.sources import load_graph

    console = Console()
    of_menu = {
        "INPUT": inputs,
        "--prescales": prescales,
        "--column": column,
        "--group": group,
        "--target": target,
        "--model": model_file,
        "--without-model": without_model,
        "--scheme": scheme,
        "--threads": threads,
        "--no-details": not details,
        "--curves": curves is not None,
        "--skip-bad": skip_bad,
        "--dask": dask,
        "--lumi-mask": lumi_mask,
    }
    if is_menu(model):
        of_score = {"--score": score, "--zero-bias": zero_bias, "--signal": signal, "--rate": rate}
        _refuse(of_score, "goes with a model, not with a menu", model)
        _of_menu(console, model, output, trained_on, of_menu, details, curves)
        return
    _refuse(of_menu, "goes with a menu (.yaml, .xml, compiled .json), not with a model", model)
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


def _refuse(options: dict[str, Any], problem: str, given: str) -> None:
    """InputError for the first option that was given and does not fit."""
    from l1forge.emulator.errors import InputError

    for name, value in options.items():
        if value:
            raise InputError(f"{problem} such as {given}", field=name, value=_text(value))


def _text(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) else str(value)


def _of_menu(
    console: Console,
    menu: str,
    output: Path | None,
    trained_on: bool,
    options: dict[str, Any],
    details: bool,
    curves: bool | None,
) -> None:
    from rich.progress import Progress

    from l1forge.commands.rates_tables import print_menu_rates
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders
    from l1forge.studies.clusters import cluster
    from l1forge.studies.rates_inputs import parse_target
    from l1forge.studies.rates_menu import menu_rates

    groups = parse_groups(options["--group"])
    targets = dict(parse_target(text) for text in options["--target"] or [])
    if len(targets) < len(options["--target"] or []):
        raise InputError("names a seed twice", field="--target", remedy="one rate for each seed")
    folder = output or Path("build/rates", re.sub(r"[^\w-]", "_", Path(menu).stem))
    check_folders(folder)
    if options["--dask"] and options["--threads"]:
        raise InputError("goes without --dask", field="--threads", remedy="workers have their own threads")
    kept = folder.absolute().parent / f".{folder.name}.unfinished"
    with ExitStack() as stack:
        workers = stack.enter_context(cluster(options["--dask"])) if options["--dask"] else None
        bar = stack.enter_context(Progress(console=console, transient=True))
        task = bar.add_task("crossings", total=None)
        study = menu_rates(
            menu,
            options["INPUT"] or [],
            prescales=options["--prescales"] or [],
            column=options["--column"],
            groups=groups,
            targets=targets,
            models=options["--model"] or [],
            without_models=options["--without-model"] or [],
            scheme=options["--scheme"],
            trained_on=trained_on,
            threads=options["--threads"],
            seen=lambda rows: bar.advance(task, rows),
            details=details,
            curves=curves,
            skip_bad=options["--skip-bad"],
            cluster=workers,
            kept=kept,
            lumi_mask=options["--lumi-mask"],
        )
    replaced = (folder / "rates.json").exists()
    names = study.save(folder)
    print_menu_rates(console, study)
    console.print(f"wrote {folder}/ {', '.join(names)}{'; they replace earlier ones' if replaced else ''}")


def parse_groups(texts: list[str] | None) -> dict[str, list[str]]:
    """Name to patterns of ``NAME=PATTERN``.

    Raises
    ------
    InputError
        If one is not of this form.
    """
    from l1forge.emulator.errors import InputError

    groups: dict[str, list[str]] = {}
    for text in texts or []:
        name, separator, pattern = text.partition("=")
        if not (separator and name and pattern):
            raise InputError("NAME=PATTERN expected", field="--group", value=text, remedy="muons=L1_*Mu*")
        groups.setdefault(name, []).append(pattern)
    return groups


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
