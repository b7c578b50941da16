"""`l1forge efficiency MENU SIGNAL…`: efficiencies of a menu, turn-on curves, model seeds against cuts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from l1forge.commands.menu_options import (
    Menu,
    ModelFile,
    Scheme,
    TrainedOn,
    WithoutModel,
    counting,
    study_folder,
)

if TYPE_CHECKING:
    from l1forge.emulator.rates.intervals import Fraction
    from l1forge.screen.console import Console
    from l1forge.studies.efficiency import MenuEfficiencies

app = typer.Typer(rich_markup_mode="markdown")

Signals = Annotated[
    list[str], typer.Argument(metavar="SIGNAL...", help="Signal event files or patterns, one signal each.")
]
ZeroBias = Annotated[
    list[str] | None,
    typer.Option(help="Zero-bias file, plain or weighted, repeatable; default: the committed sample."),
]
TurnOns = Annotated[
    list[str] | None,
    typer.Option(
        "--turn-on", metavar="SEED=QUANTITY", help="Curve against a column such as gen.mu.pt, repeatable."
    ),
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME=PATTERN", help="Group of seeds, repeatable.")
]
Compare = Annotated[
    bool, typer.Option("--compare/--no-compare", help="Hold model seeds against re-tuned cuts.")
]
Correctionlib = Annotated[
    Path | None, typer.Option(help="Also write the turn-on curves as correctionlib JSON.")
]
Seed = Annotated[int, typer.Option(help="Seed of the replicas that give the errors.", min=0)]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for the results; default: build/efficiency/MENU."),
]


@app.command()
def efficiency(
    menu: Menu,
    signals: Signals,
    zero_bias: ZeroBias = None,
    turn_on: TurnOns = None,
    group: Groups = None,
    compare: Compare = True,
    correctionlib: Correctionlib = None,
    model: ModelFile = None,
    without_model: WithoutModel = None,
    scheme: Scheme = None,
    trained_on: TrainedOn = False,
    seed: Seed = 1,
    output: Output = None,
) -> None:
    """Measure efficiencies of a menu on signals, with Clopper-Pearson intervals.

    Also turn-on curves with fits, ROC curves of the models' scores, and what each model seed gains against
    the cut menu with its thresholds re-tuned to the same rate (docs/efficiency.md); JSON, CSV and PNG files.

    Examples:

    `l1forge efficiency menu.yaml ttbar.parquet htautau.parquet -o study/`

    `l1forge efficiency menu.yaml zmumu.parquet --turn-on L1_SingleMu22=gen.mu.pt --correctionlib mu.json`

    `l1forge efficiency menu.yaml 'signals/*.parquet' --zero-bias weighted.parquet --no-compare`
    """
    from l1forge.commands.rates import parse_groups
    from l1forge.screen.console import Console
    from l1forge.screen.outputs import check_outputs
    from l1forge.studies.efficiency import efficiency as measure
    from l1forge.studies.efficiency import parse_turn_on
    from l1forge.studies.efficiency_files import write_corrections

    console = Console()
    turn_ons = [parse_turn_on(text) for text in turn_on or []]
    folder = study_folder("efficiency", menu, output)
    if correctionlib is not None:
        from l1forge.emulator.errors import InputError

        check_outputs(correctionlib)
        if not turn_ons:
            remedy = "ask for a curve with --turn-on SEED=QUANTITY"
            raise InputError("there are no turn-on curves to write", field="--correctionlib", remedy=remedy)
    with counting(console, "events") as seen:
        study = measure(
            menu,
            signals,
            zero_bias=zero_bias,
            compare_models=compare,
            turn_ons=turn_ons,
            groups=parse_groups(group),
            models=model or [],
            without_models=without_model or [],
            scheme=scheme,
            trained_on=trained_on,
            seed=seed,
            seen=seen,
        )
    names = study.save(folder)
    _show(console, study)
    if correctionlib is not None:
        write_corrections(study, correctionlib)
        console.print(f"wrote {correctionlib}")
    console.print(f"wrote {folder}/ {', '.join(names)}")


def _percent(part: Fraction) -> str:
    up, down = 100 * (part.high - part.value), 100 * (part.value - part.low)
    return f"{100 * part.value:.2f} +{up:.2f} −{down:.2f}"


def _show(console: Console, study: MenuEfficiencies) -> None:
    from l1forge.emulator.rates.turn_on import PARAMETERS

    reasons: dict[str, list[str]] = {}
    for seed in study.excluded:
        reasons.setdefault(seed.reason, []).append(seed.name)
    for reason, names in reasons.items():
        console.print(f"[yellow]{len(names)} seeds are not evaluated[/]: {reason}: {', '.join(names[:5])}")
    table = Table(title=f"{study.menu}: efficiency in % before prescales")
    table.add_column("seed")
    for of in study.signals:
        table.add_column(f"{of.signal} ({of.events:,})", justify="right")
    for name in study.signals[0].seeds:
        table.add_row(name, *(_percent(of.seeds[name]) for of in study.signals))
    for group in study.signals[0].groups:
        table.add_row(f"group {group}", *(_percent(of.groups[group]) for of in study.signals))
    table.add_section()
    table.add_row("menu without models", *(_percent(of.cuts) for of in study.signals))
    table.add_row("menu", *(_percent(of.menu) for of in study.signals))
    console.print(table)
    for on in study.turn_ons:
        fit = on.curve.fit
        found = on.curve.reason
        if fit is not None:
            parameters = zip(PARAMETERS, fit.values, fit.errors, strict=True)
            found = ", ".join(f"{name} {value:.3f} ± {error:.3f}" for name, value, error in parameters)
            found += f", χ² {fit.chi2:.1f} for {fit.degrees} degrees of freedom"
        console.print(f"{on.seed} on {on.signal} against {on.quantity}: {found}", highlight=False)
    for roc in study.rocs:
        for name, (threshold, khz, value) in roc.operating.items():
            console.print(
                f"{name} on {roc.signal}: {roc.score} ≥ {threshold}, {khz:.2f} kHz, {100 * value:.2f} %; "
                f"area under the curve {roc.area:.4f}",
                highlight=False,
            )
    for kind, title in (("pure", "gained at equal pure rate"), ("total", "alone, at equal total rate")):
        mine = [gain for gain in study.gains if gain.kind == kind]
        if not mine:
            continue
        gains = Table(title=f"model seeds against re-tuned cuts: efficiency in % {title}")
        for column in ("seed", "signal", "rate (kHz)", "model", "cuts", "difference", "cuts re-tuned", ""):
            gains.add_column(column, justify="left" if column in ("seed", "signal") else "right")
        for g in mine:
            parts = [f"{100 * e.value:.2f} ± {100 * e.error:.2f}" for e in (g.model, g.cuts, g.difference)]
            rate = f"{g.rate_khz.value:.2f} ± {g.rate_khz.error:.2f}"
            gains.add_row(g.seed, g.signal, rate, *parts, g.how, g.verdict)
        console.print(gains)
