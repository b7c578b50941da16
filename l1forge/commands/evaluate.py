"""`l1forge evaluate MODEL`: what an algorithm is worth, as a table, JSON and figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.table import Table as RichTable

from l1forge.emulator.atomic import write_text
from l1forge.models.registry import Model, models
from l1forge.screen.console import Console


class _Study(Protocol):
    """What the studies of this module have in common."""

    def save(self, folder: Path) -> Sequence[str]:
        """Write everything, and return the names."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""


app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True)


@app.callback()
def evaluate() -> None:
    """Evaluate a model: efficiencies, rates and figures.

    Example: `l1forge evaluate tau_id -o build/tau_id`
    """


Muons = Annotated[int, typer.Option("--muons", "-n", help="Number of muons.", min=20_000)]
Seed = Annotated[
    int, typer.Option(help="Seed of the evaluation sample; it differs from every training seed.", min=0)
]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for muon_pt.json and the figures.")]
Docs = Annotated[Path | None, typer.Option(help="Also update the tables of this page (docs/muon.md).")]
Stubs = Annotated[
    Path | None,
    typer.Option(
        help="Stubs of another simulation (npz, parquet; docs/muon.md): compute the pT of each candidate and,"
        " if the file has the truth, turn-on, rates, charge and resolution."
    ),
]
PatternsOnly = Annotated[
    bool, typer.Option("--patterns-only", help="With --stubs: leave out the networks, which need eta.")
]
Trained = Annotated[
    Path | None,
    typer.Option(help="With --stubs: use the networks that `l1forge train muon_pt -o FOLDER` wrote."),
]
PatternFile = Annotated[
    Path | None,
    typer.Option(
        "--patterns",
        help="With --stubs: also measure the tables that `l1forge train muon_patterns -o` wrote.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse --stubs that differ from the training sample of the networks."),
]
Table = Annotated[Path | None, typer.Option("--json", help="Write the table to this JSON file.")]


@app.command("muon_pt")
def muon_pt(
    muons: Muons = 1_500_000,
    seed: Seed = 777,
    output: Output = Path("build/muon_pt"),
    docs: Docs = None,
    stubs: Stubs = None,
    patterns_only: PatternsOnly = False,
    strict: Strict = False,
    trained: Trained = None,
    patterns: PatternFile = None,
    json_output: Table = None,
) -> None:
    """Compare muon pT algorithms at equal efficiency: golden patterns, float, quantised and small network,
    boosted trees, perfect pT.

    Examples:

    `l1forge evaluate muon_pt -o build/muon_pt`

    `l1forge evaluate muon_pt --stubs full_simulation.parquet -o build/muons`
    """
    from l1forge.screen.outputs import check_folders, check_outputs

    console = Console()
    check_folders(output)
    check_outputs(json_output, docs)
    if stubs is not None:
        _stubs(stubs, output, json_output, console, not patterns_only, strict, trained, patterns)
        return
    for option, given in (
        ("--patterns-only", patterns_only),
        ("--strict", strict),
        ("--trained", trained),
        ("--patterns", patterns),
    ):
        if given:
            from l1forge.emulator.errors import InputError

            raise InputError("needs --stubs", field=option)
    from l1forge.emulator.atomic import atomic_files
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
    path: Path,
    output: Path,
    json_output: Path | None,
    console: Console,
    networks: bool,
    strict: bool,
    trained: Path | None,
    patterns: Path | None,
) -> None:
    from l1forge.models.muon_patterns import load_patterns
    from l1forge.models.muon_pt import foreign
    from l1forge.models.muon_pt.stub_tables import remarks, tables
    from l1forge.screen.trained import report as report_inputs

    tables_of_stubs = load_patterns(patterns) if patterns is not None else None
    sample, counts = foreign.read(path, networks)
    folders = foreign.folders_of(trained)
    made = foreign.compare(sample, folders[0]) if networks else None
    inputs = report_inputs(made, console, path, strict)
    with console.status(f"{counts.candidates} candidates"):
        result = foreign.evaluate_stubs(sample, output, networks, folders, tables_of_stubs)
    console.print(f"{counts.candidates} candidates, {counts.stubs} stubs -> {output}/muons.parquet")
    console.print(
        f"turned into the sector: {counts.recentred} candidates;"
        f" left out: {counts.outside_sector} stubs outside it, {counts.too_many} too many in a layer"
    )
    console.print(
        f"saturated: {counts.saturated_angles} bending angles;"
        f" no reference stub: {result['without_muon']} candidates"
    )
    for name in counts.absent:
        console.print(
            f"[yellow]no column {name}: the value is set to {'no angle' if name == 'phib' else 0}[/]"
        )
    if result["muons"]:
        for table in tables(result):
            console.print(table)
        console.print(f"wrote {output}/stubs.json")
    for line in remarks(result):
        console.print(f"[yellow]{line}[/]")
    if json_output is not None:
        document = {**result, "inputs": inputs}
        write_text(json_output, json.dumps(document, indent=1) + "\n")


@app.command("muon_robustness")
def muon_robustness(
    network: Annotated[
        str, typer.Option(help="Network to train: muon_pt or muon_pt_small.")
    ] = "muon_pt_small",
    muons: Annotated[
        int | None, typer.Option("--muons", "-n", help="Training muons; default: 600 000.", min=10_000)
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of every method.", min=1, max=20)] = 2,
    test_muons: Annotated[
        int | None, typer.Option(help="Muons of each test sample; default: 500 000.", min=20_000)
    ] = None,
    train: Annotated[
        bool, typer.Option(help="Train every method; without it only the committed algorithms are measured.")
    ] = True,
    quick: Annotated[
        bool, typer.Option(help="Check that everything runs; the numbers mean nothing.")
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for muon_robustness.json.")] = Path(
        "build/muon_robustness"
    ),
    docs: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this page (docs/muon.md)."),
    ] = None,
) -> None:
    """Compare muon pT algorithms, trained on the nominal detector, on another one and with dead layers.

    Golden patterns, plain training, augmentation, adversarial training, matched moments, optimal transport,
    randomised simulation, and fine-tuning with 1 000 to 15 000 muons. About 15 minutes for the small network,
    hours for the large one, which a GPU does in minutes.

    Example: `l1forge evaluate muon_robustness -o build/muon_robustness`
    """
    import dataclasses

    from l1forge.emulator.errors import InputError
    from l1forge.firmware.synth.table import halves, refresh
    from l1forge.models.muon_pt.result_table import rounded
    from l1forge.screen.outputs import check_folders, check_outputs
    from l1forge.studies import muon_robustness as study
    from l1forge.studies import muon_robustness_page as page

    console = Console()
    check_folders(output)
    check_outputs(docs)
    if docs is not None:
        halves(docs, (page.BEGIN, page.END))
    chosen = None
    if train:
        from l1forge.models.muon_pt.network import NETWORKS

        if network not in NETWORKS:
            remedy = f"known: {', '.join(NETWORKS)}"
            raise InputError("unknown network", field="--network", value=network, remedy=remedy)
        chosen = NETWORKS[network]
    sizes = study.Sizes()
    if quick:
        sizes = sizes.quick()
    given: dict[str, Any] = {"training": muons, "test": test_muons, "seeds": tuple(range(31, 31 + seeds))}
    sizes = dataclasses.replace(sizes, **{name: value for name, value in given.items() if value is not None})
    with console.status("starting") as status:
        found = study.robustness(sizes, chosen, say=status.update, train=train)
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "muon_robustness.json", json.dumps(rounded(found.to_dict()), indent=1) + "\n")
    console.print(_grid("Committed, tested on A and B", list(page.HEADINGS), page.rows(found.rows)))
    if found.methods:
        console.print(_grid("Trained, tested on A and B", list(page.HEADINGS), page.rows(found.methods)))
    console.print(_grid("One layer of A dead", *page.dead_rows(found)))
    typer.echo(f"wrote {output}/muon_robustness.json")
    if docs is not None:
        refresh(docs, (page.BEGIN, page.END), page.text(found))


@app.command("muon_monotone")
def muon_monotone(
    muons: Annotated[int, typer.Option("--muons", "-n", help="Training muons.", min=2_000)] = 100_000,
    test_muons: Annotated[int, typer.Option(help="Muons of the test sample.", min=20_000)] = 300_000,
    seed: Annotated[int, typer.Option(help="Seed of the training.", min=0)] = 1,
    epochs: Annotated[int, typer.Option(help="Passes over the muons.", min=1)] = 8,
    seconds: Annotated[float, typer.Option(help="Most seconds for the proof.", min=1)] = 60.0,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for graph.json, muon_monotone.json.")
    ] = Path("build/muon_monotone"),
) -> None:
    """Train a network of muon pT that is monotone in the bending, prove it, and measure what this costs.

    Example: `l1forge evaluate muon_monotone -o build/muon_monotone`, then
    `l1forge prove-monotone build/muon_monotone/graph.json --input bending:decreasing`
    """
    from l1forge.models.muon_pt.result_table import rounded
    from l1forge.screen.outputs import check_folders
    from l1forge.studies.muon_monotone import HEADINGS, monotone_study

    console = Console()
    check_folders(output)
    with console.status("starting") as status:
        found = monotone_study(muons, test_muons, seed, epochs, seconds, say=status.update)
    output.mkdir(parents=True, exist_ok=True)
    found.graph.save(output / "graph.json")
    write_text(output / "muon_monotone.json", json.dumps(rounded(found.to_dict()), indent=1) + "\n")
    console.print(_grid("ln(pT) that never rises with the bending", list(HEADINGS), found.rows()))
    console.print(f"{found.proof.verdict}: {found.proof.boxes:,} boxes, {found.proof.seconds:.1f} s")
    typer.echo(f"wrote {output}/graph.json and muon_monotone.json")
    if found.proof.verdict != "monotone":
        raise typer.Exit(1)


@app.command("anomaly")
def anomaly(
    zero_bias: Annotated[
        Path | None,
        typer.Option(
            "--zero-bias",
            help="Event file with zero bias: two thirds fit baselines and train, the rest judges; default:"
            " the committed sample, split as everywhere.",
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option("--test", help="Zero bias that judges instead; its weights are used if it has them."),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option("--signal", help="NAME=FILE, repeatable; default: those of the committed sample."),
    ] = None,
    blind: Annotated[
        list[str] | None,
        typer.Option("--blind", help="NAME=FILE of a signal that no choice looked at, repeatable."),
    ] = None,
    menu: Annotated[
        Path | None,
        typer.Option(help="Menu whose cut-based seeds say what is pure; default: the default menu."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="name=graph.json in place of vae, tail_pairs, vae_dense."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=0, max=100, help="Trainings of the VAE for the spread.")] = 5,
    replicas: Annotated[int, typer.Option(min=20, max=5000, help="Replicas for the errors.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the replicas.")] = 1,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables, JSON, plot.")] = Path(
        "build/anomaly"
    ),
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the study to this JSON file.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this page (docs/vae.md)."),
    ] = None,
) -> None:
    """Compare the anomaly scores with baselines: gain at equal pure rate, efficiency at equal total rate.

    Errors are joint: thresholds, signals and zero bias are drawn again in every replica. About two minutes on
    a quiet machine, most of it five trainings.

    Examples:

    `l1forge evaluate anomaly -o build/anomaly`

    `l1forge evaluate anomaly --zero-bias run3.parquet --signal A4l=a4l.h5 --menu L1Menu.xml --seeds 0`
    """
    from l1forge.emulator.events.check_files import check_event_files
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.firmware.synth.table import refresh
    from l1forge.models.anomaly.options import named_files
    from l1forge.models.anomaly.samples import ZERO_BIAS
    from l1forge.studies import anomaly as studies
    from l1forge.studies import anomaly_files as files
    from l1forge.studies.gain_tables import areas

    console = Console()
    _check(output, json_output, docs, (files.BEGIN, files.END))
    given, hidden, graphs = (
        named_files(texts, o) for texts, o in ((signal, "--signal"), (blind, "--blind"), (model, "--model"))
    )
    check_event_files([f for f in (zero_bias, test, *given.values(), *hidden.values()) if f is not None])
    with console.status("reading") as status:
        found = studies.evaluate(
            zero_bias=zero_bias or ZERO_BIAS,
            test=test,
            signals=given or None,
            blind=hidden,
            menu=menu or DEFAULT,
            graphs=graphs,
            seeds=seeds,
            replicas=replicas,
            seed=seed,
            say=status.update,
        )
    for title, kind, rate in files.tables_of():
        console.print(_grid(f"{title}, in %", *files.table(found, kind, rate)))
    console.print(_grid("area under the ROC curve, in %", *areas(found)))
    console.print(
        _grid("replicas in which it gains more than the hardest baseline, in %", *files.probabilities(found))
    )
    for name in found.left_out:
        console.print(name)
    _write(found, output, json_output)
    if docs is not None:
        refresh(docs, (files.BEGIN, files.END), files.page(found))


@app.command("jet_tagger")
def jet_tagger(
    data: Annotated[
        Path | None,
        typer.Option(
            help="File of jets (docs/jets.md): its test part judges; default: the committed sample."
        ),
    ] = None,
    replicas: Annotated[int, typer.Option(min=10, max=5000, help="Replicas for the errors of losses.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the replicas.")] = 1,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for JSON and plot.")] = Path(
        "build/jets"
    ),
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the study to this JSON file.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this page (docs/jets.md)."),
    ] = None,
) -> None:
    """Compare the jet taggers: float, 6 bit, ternary and binary on the same test jets.

    Examples:

    `l1forge evaluate jet_tagger -o build/jets`

    `l1forge evaluate jet_tagger --data jetImage_7_150p_0_10000.h5`
    """
    from l1forge.firmware.synth.table import Table, refresh
    from l1forge.studies import jets as studies

    console = Console()
    _check(output, json_output, docs, (studies.BEGIN, studies.END))
    with console.status("reading") as status:
        found = studies.evaluate(data, replicas=replicas, seed=seed, say=status.update)
    console.print(_grid("jet taggers, in %", *found.table()))
    console.print(_grid("rejection at half the jets of the class", *found.rejections()))
    _write(found, output, json_output)
    if docs is not None:
        rows = Table.load(docs.with_name("synthesis.json")).rows
        refresh(docs, (studies.BEGIN, studies.END), found.page(rows))


@app.command("jet_sets")
def jet_sets(
    data: Annotated[
        Path | None,
        typer.Option(help="File of jets with constituents; its test part judges."),
    ] = None,
    designs: Annotated[
        bool,
        typer.Option("--designs", help="Also write every network's Verilog and tell its size (minutes)."),
    ] = False,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for JSON and plot.")] = Path(
        "build/jet_sets"
    ),
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the study to this JSON file.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this page (docs/jet_sets.md)."),
    ] = None,
) -> None:
    """Compare the networks on sets of constituents: deep sets of 8, 16 and 32, and the graph network.

    Examples:

    `l1forge evaluate jet_sets -o build/jet_sets`

    `l1forge evaluate jet_sets --designs --docs docs/jet_sets.md -o docs/figures`
    """
    from l1forge.firmware.synth.table import Table, refresh
    from l1forge.studies import jet_sets as studies

    console = Console()
    _check(output, json_output, docs, (studies.BEGIN, studies.END))
    with console.status("reading") as status:
        found = studies.evaluate(data, designs=designs, say=status.update)
    console.print(_grid("networks on sets of constituents, in %", *found.table()))
    known = Path("docs/synthesis.json") if docs is None else docs.with_name("synthesis.json")
    rows = Table.load(known).rows if known.exists() else {}
    if designs:
        console.print(_grid("firmware at 240 MHz", *found.resources(rows)))
    _write(found, output, json_output)
    if docs is not None:
        refresh(docs, (studies.BEGIN, studies.END), found.page(rows))


@app.command("calorimeter")
def calorimeter(
    zero_bias: Annotated[
        Path | None,
        typer.Option(
            "--zero-bias",
            help="Image file with zero bias: its last third judges; default: the committed one, whose images"
            " from crossing 300,000 on judge.",
        ),
    ] = None,
    signal: Annotated[
        list[str] | None,
        typer.Option(
            "--signal",
            help="NAME=IMAGES, repeatable; default: those of the committed sample, blind ones included.",
        ),
    ] = None,
    blind: Annotated[
        list[str] | None,
        typer.Option("--blind", help="NAME=IMAGES of a signal that no choice looked at, repeatable."),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events",
            help="NAME=FILE: events of the crossings of a signal, or of zerobias, repeatable; default: the"
            " file that the image file names.",
        ),
    ] = None,
    menu: Annotated[
        Path | None,
        typer.Option(help="Menu whose cut-based seeds say what is pure; default: the default menu."),
    ] = None,
    trained: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `l1forge train calorimeter -o FOLDER` wrote; default: the committed one."
        ),
    ] = None,
    seeds: Annotated[
        bool, typer.Option("--seeds/--no-seeds", help="Also the teacher and the students of all seeds.")
    ] = True,
    replicas: Annotated[int, typer.Option(min=20, max=5000, help="Replicas for the errors.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the replicas.")] = 1,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for tables, JSON, plots.")] = Path(
        "build/calorimeter"
    ),
    json_output: Annotated[
        Path | None, typer.Option("--json", help="Write the study to this JSON file.")
    ] = None,
    docs: Annotated[
        Path | None,
        typer.Option(help="Also write the tables between the markers of this page (docs/calorimeter.md)."),
    ] = None,
) -> None:
    """Compare the score of calorimeter images with baselines and the VAE: gain at equal pure rate.

    Errors are joint: thresholds, signals and zero bias are drawn again in every replica. About two minutes.

    Examples:

    `l1forge evaluate calorimeter -o build/calorimeter`

    `l1forge evaluate calorimeter --blind h_aa4b=h_aa4b.images.parquet --no-seeds`
    """
    from l1forge.emulator.menu.language.load import DEFAULT
    from l1forge.firmware.synth.table import refresh
    from l1forge.models import GRAPH, graph_path
    from l1forge.models.anomaly.options import named_files
    from l1forge.models.calorimeter.samples import ZERO_BIAS
    from l1forge.models.calorimeter.weights import FILE
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.studies import calorimeter as studies
    from l1forge.studies import calorimeter_files as files
    from l1forge.studies.gain_tables import areas

    console = Console()
    _check(output, json_output, docs, (files.BEGIN, files.END))
    given, hidden, objects = (
        named_files(texts, o) for texts, o in ((signal, "--signal"), (blind, "--blind"), (events, "--events"))
    )
    graph = graph_path("calorimeter") if trained is None else trained / GRAPH
    with console.status("reading") as status, quiet_stderr():
        found = studies.evaluate(
            zero_bias=zero_bias or ZERO_BIAS,
            signals=given or None,
            blind=hidden or None,
            events=objects,
            menu=menu or DEFAULT,
            graph=graph,
            networks=graph.parent / FILE if seeds else None,
            replicas=replicas,
            seed=seed,
            say=status.update,
        )
    for title, kind, rate in files.tables_of():
        console.print(_grid(f"{title}, in %", *files.table(found, kind, rate)))
    console.print(_grid("area under the ROC curve, in %", *areas(found)))
    for name in found.left_out:
        console.print(name)
    _write(found, output, json_output)
    if docs is not None:
        refresh(docs, (files.BEGIN, files.END), files.page(found))


def _check(output: Path, json_output: Path | None, docs: Path | None, between: tuple[str, str]) -> None:
    """InputError if a study's results could not be written; before hours of work, not behind them."""
    from l1forge.firmware.synth.table import halves
    from l1forge.screen.outputs import check_folders, check_outputs

    check_folders(output)
    check_outputs(json_output, docs)
    if docs is not None:
        halves(docs, between)


def _write(found: _Study, output: Path, json_output: Path | None) -> None:
    """The files of a study, and its JSON elsewhere if asked for."""
    typer.echo(f"wrote {', '.join(found.save(output))} in {output}")
    if json_output is not None:
        write_text(json_output, json.dumps(found.to_dict(), indent=1) + "\n")


def _grid(title: str, head: list[str], rows: Sequence[Sequence[str]]) -> RichTable:
    table = RichTable(title=title)
    for i, name in enumerate(head):
        table.add_column(name, justify="right" if i else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


TreeOutput = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the report; default: build/MODEL.")
]
JsonOutput = Annotated[Path | None, typer.Option("--json", help="Write the report to this JSON file.")]


def _command(model: Model) -> Callable[..., None]:
    """The model's own evaluation as a command."""

    def command(output: TreeOutput = None, json_output: JsonOutput = None) -> None:
        from l1forge.screen.outputs import check_folders, check_outputs
        from l1forge.studies.evaluation import evaluate as study

        check_folders(output)
        check_outputs(json_output)
        evaluation = study(model.name, output, Console().print)
        *first, last = evaluation.files
        typer.echo(f"wrote {evaluation.folder}/{', '.join(first)} and {last}")
        if json_output is not None:
            write_text(json_output, json.dumps(evaluation.report, indent=1) + "\n")

    command.__doc__ = model.evaluate.__doc__
    return command


for _model in models().values():
    if _model.evaluate is not None:
        app.command(_model.name)(_command(_model))
