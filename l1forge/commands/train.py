"""`l1forge train NAME`: train a model from its seed and export its graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True)

LARGEST_SEED = 2**32 - 1
"""What NumPy's old generator takes, which Keras and scikit-learn use."""
Seed = Annotated[
    int, typer.Option(help="Seed of everything random; printed and stored.", min=0, max=LARGEST_SEED)
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="Folder; default: the model's own.")]


@app.callback()
def train() -> None:
    """Train a model from its seed, e.g. `l1forge train vae`."""


@contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """A place for files that become ``folder``'s if the training ends well; says which."""
    from l1forge.emulator.atomic import atomic_files
    from l1forge.screen.outputs import check_folders

    check_folders(folder)
    with atomic_files(folder) as new:
        yield new
        names = sorted(file.name for file in new.iterdir())
    typer.echo(f"wrote {', '.join(names)} in {folder}")


@app.command()
def vae(
    seed: Seed = 1,
    output: Output = None,
    sample: Annotated[
        Path | None, typer.Option(help="Folder of event files; default: the committed sample.")
    ] = None,
    quick: Annotated[bool, typer.Option(help="One epoch on few events: a check, not a result.")] = False,
) -> None:
    """Train the anomaly VAE on zero bias: float, quantised, pruned; efficiencies, plots and graph.

    Example: `l1forge train vae --seed 7 -o build/vae7`
    """
    import l1forge.models.vae.train as training
    from l1forge.models.vae.hls import export_graph
    from l1forge.screen.quiet import import_tensorflow, quiet_stderr
    from l1forge.simulation import SAMPLE

    options = training.Options()
    with _filled(output or Path(training.__file__).parent) as new:
        import_tensorflow()
        training.main(seed, new, sample or SAMPLE, options.shortened() if quick else options)
        with quiet_stderr():
            export_graph(new / "weights.npz", new / "graph.json")


@app.command("muon_pt")
def muon_pt(
    seed: Seed = 31,
    output: Output = None,
    quick: Annotated[bool, typer.Option(help="One epoch on few muons: a check, not a result.")] = False,
) -> None:
    """Train the muon pT networks (10 x 128 and the small one): float, quantised, calibrated, graphs.

    Example: `l1forge train muon_pt --quick -o build/muon`
    """
    from l1forge.screen.outputs import check_folders
    from l1forge.screen.quiet import quiet_stderr

    check_folders(output)
    with quiet_stderr():  # torch and its exporter talk
        import l1forge.models.muon_pt.train as training

        training.main(seed, output, quick=quick, report=typer.echo)


@app.command("muon_patterns")
def muon_patterns(
    seed: Seed = 2024,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="npz file to write.")] = None,
    muons: Annotated[int, typer.Option("--muons", "-n", min=1000)] = 2_000_000,
) -> None:
    """Fill the golden-pattern tables from simulated muons (about a minute).

    Example: `l1forge train muon_patterns -o build/patterns.npz`
    """
    import l1forge.models.muon_patterns.train as training
    from l1forge.screen.outputs import check_outputs

    check_outputs(output)
    training.main(seed, output or training.TRAINED, muons)


Trees = Annotated[int, typer.Option("--trees", min=1, help="Boosting rounds.")]
Candidates = Annotated[
    Path | None, typer.Option("--data", help="Candidate file; default: the committed one.")
]


@app.command("tau_id")
def tau_id(seed: Seed = 1, output: Output = None, data: Candidates = None, trees: Trees = 60) -> None:
    """Train the hadronic-tau identification (XGBoost), choose its types, evaluate, write graph and plots.

    Example: `l1forge train tau_id --trees 100 -o build/tau_id`
    """
    import l1forge.models.tau_id.train as training

    with _filled(output or training.FOLDER) as folder:
        training.main(seed, folder, data or training.DATA, trees)


@app.command("eg_iso")
def eg_iso(seed: Seed = 1, output: Output = None, data: Candidates = None, trees: Trees = 50) -> None:
    """Train the e/gamma isolation (scikit-learn), choose its types, evaluate, write graph and plots.

    Example: `l1forge train eg_iso --seed 3 -o build/eg_iso`
    """
    import l1forge.models.eg_iso.train as training

    with _filled(output or training.FOLDER) as folder:
        training.main(seed, folder, data or training.DATA, trees)


@app.command("event_bdt")
def event_bdt(
    seed: Seed = 1,
    output: Output = None,
    zero_bias: Annotated[
        Path | None, typer.Option(help="Zero-bias events; default: the committed sample.")
    ] = None,
    signal: Annotated[Path | None, typer.Option(help="Signal events; default: the committed VBF.")] = None,
    trees: Trees = 60,
) -> None:
    """Train the VBF H->tautau classifier, write it as a TMVA file, read that back, quantise and evaluate.

    Example: `l1forge train event_bdt -o build/event_bdt`
    """
    import l1forge.models.event_bdt.train as training
    from l1forge.screen.outputs import check_event_files

    check_event_files(file for file in (zero_bias, signal) if file is not None)
    with _filled(output or training.FOLDER) as folder:
        training.main(seed, folder, zero_bias, signal or training.SIGNAL, trees)


@app.command("inputs")
def inputs(
    model: Annotated[
        list[str] | None, typer.Argument(help="Models; default: all of this repository.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for MODEL.inputs.json; default: the models' own."),
    ] = None,
) -> None:
    """Record ranges and coarse histograms of what the committed models were trained on, without training.

    `emulate`, `evaluate` and `path` compare with these records. Every training writes its own.

    Example: `l1forge train inputs`
    """
    from l1forge.emulator.errors import InputError
    from l1forge.models.training_inputs import RECORDS, committed
    from l1forge.screen.outputs import check_folders

    check_folders(output)
    for name in model or RECORDS:
        if name not in RECORDS:
            raise InputError(
                "has no committed training sample",
                field="MODEL",
                value=name,
                remedy=f"one of {', '.join(RECORDS)}",
            )
    for name in model or RECORDS:
        target = output / f"{name}.inputs.json" if output else committed(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        record = RECORDS[name]()
        record.save(target)
        typer.echo(f"{name}: {record.events:,} events of {record.sample} -> {target}")
