"""`l1forge evaluate MODEL`: what an algorithm is worth, as a table, JSON and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from l1forge.screen.console import Console

app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Evaluate a model: efficiencies, rates and figures.

    Example: `l1forge evaluate tau_id -o build/tau_id`
    """


@app.command("muon_pt")
def muon_pt(
    muons: Annotated[int, typer.Option("--muons", "-n", min=20_000)] = 1_500_000,
    seed: Annotated[
        int, typer.Option(help="Of the evaluation sample; differs from every training seed.", min=0)
    ] = 777,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for muon_pt.json and the figures.")
    ] = Path("build/muon_pt"),
    docs: Annotated[
        Path | None, typer.Option(help="Also refresh the tables of this page (docs/muon.md).")
    ] = None,
    stubs: Annotated[
        Path | None,
        typer.Option(
            help="Stubs of another simulation (npz, parquet; docs/muon.md): pT of each, and with truth"
            " turn-on, rates, charge and resolution."
        ),
    ] = None,
    patterns_only: Annotated[
        bool, typer.Option("--patterns-only", help="--stubs without the networks, which need eta.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse --stubs unlike those that the networks were trained on.")
    ] = False,
    json_output: Annotated[Path | None, typer.Option("--json", help="The table as JSON.")] = None,
) -> None:
    """Muon pT: golden patterns, float, quantised and small network, perfect pT at equal efficiency.

    Examples:

    `l1forge evaluate muon_pt -o build/muon_pt`

    `l1forge evaluate muon_pt --stubs full_simulation.parquet -o build/muons`
    """
    from l1forge.screen.outputs import check_folders, check_outputs

    console = Console()
    check_folders(output)
    check_outputs(json_output, docs)
    if stubs is not None:
        _stubs(stubs, output, json_output, console, not patterns_only, strict)
        return
    for option, given in (("--patterns-only", patterns_only), ("--strict", strict)):
        if given:
            from l1forge.emulator.errors import InputError

            raise InputError("needs --stubs", field=option)
    from l1forge.emulator.atomic import atomic_files, write_text
    from l1forge.models.muon_pt import plots
    from l1forge.models.muon_pt import result_table as report
    from l1forge.models.muon_pt.evaluation import evaluate as compare
    from l1forge.simulation.muons.bending import draw_bending

    with console.status(f"{muons} muons through all algorithms (about a minute per million)"):
        if docs is not None:
            report.halves(docs)
        result = compare(muons, seed)
        with atomic_files(output) as folder:
            plots.draw_all(result, folder)
            draw_bending(folder / "muon_bending.png")
            write_text(folder / "muon_pt.json", json.dumps(report.rounded(result), indent=1) + "\n")
    console.print(report.rich_table(result))
    console.print(f"wrote {output}/muon_pt.json and figures")
    if json_output is not None:
        write_text(json_output, json.dumps(report.rounded(result["table"]), indent=1) + "\n")
    if docs is not None:
        report.refresh(docs, result)


def _stubs(
    path: Path, output: Path, json_output: Path | None, console: Console, networks: bool, strict: bool
) -> None:
    from l1forge.emulator.atomic import write_text
    from l1forge.models.muon_pt import foreign
    from l1forge.models.muon_pt.stub_tables import remarks, tables
    from l1forge.screen.trained import report as report_inputs

    sample, counts = foreign.read(path, networks)
    made = foreign.compare(sample) if networks else None
    inputs = report_inputs(made, console, path, strict)
    with console.status(f"{counts.candidates} candidates"):
        result = foreign.evaluate_stubs(sample, output, networks)
    console.print(f"{counts.candidates} candidates, {counts.stubs} stubs -> {output}/muons.parquet")
    console.print(
        f"left out: {counts.outside_sector} stubs outside the sector, {counts.too_many} too many in a layer"
    )
    console.print(
        f"held at the limit: {counts.saturated_angles} bending angles;"
        f" no reference stub: {result['without_muon']} candidates"
    )
    for name in counts.absent:
        console.print(f"[yellow]no column {name}: taken as {'no angle' if name == 'phib' else 0}[/]")
    if result["muons"]:
        for table in tables(result):
            console.print(table)
        console.print(f"wrote {output}/stubs.json")
    for line in remarks(result):
        console.print(f"[yellow]{line}[/]")
    if json_output is not None:
        document = {**result, "inputs": inputs}
        write_text(json_output, json.dumps(document, indent=1) + "\n")


TreeOutput = Annotated[Path | None, typer.Option("--output", "-o", help="Folder; default build/MODEL.")]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="The report as JSON.")]


def _trees(model: str, output: Path | None, json_output: Path | None) -> None:
    import importlib

    from l1forge.emulator.atomic import atomic_files, write_text
    from l1forge.emulator.folders import build_folder
    from l1forge.screen.outputs import check_folders, check_outputs

    check_folders(output)
    check_outputs(json_output)
    training = importlib.import_module(f"l1forge.models.{model}.train")
    target = output or build_folder() / model
    with atomic_files(target) as folder:
        report = training.evaluate(folder)
    typer.echo(f"wrote {target}/roc.png, loss_vs_bits.png, training.json and graph.json")
    if json_output is not None:
        write_text(json_output, json.dumps(report, indent=1) + "\n")


@app.command("tau_id")
def tau_id(output: TreeOutput = None, json_output: JsonOutput = None) -> None:
    """Tau identification: ROC, background at the isolation bit's efficiency, loss against bits.

    Example: `l1forge evaluate tau_id -o build/tau_id`
    """
    _trees("tau_id", output, json_output)


@app.command("eg_iso")
def eg_iso(output: TreeOutput = None, json_output: JsonOutput = None) -> None:
    """e/gamma isolation: ROC, background at the isolation bit's efficiency, loss against bits.

    Example: `l1forge evaluate eg_iso --json build/eg_iso.json`
    """
    _trees("eg_iso", output, json_output)


@app.command("event_bdt")
def event_bdt(output: TreeOutput = None, json_output: JsonOutput = None) -> None:
    """VBF H->tautau classifier: efficiency at equal rate against cut-based seeds, loss against bits.

    Example: `l1forge evaluate event_bdt -o build/event_bdt`
    """
    _trees("event_bdt", output, json_output)
