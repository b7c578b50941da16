"""`l1forge train NAME`: train a model from its seed and export its graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from l1forge.models.registry import Model, Training, models

app = typer.Typer(rich_markup_mode="markdown", no_args_is_help=True)

LARGEST_SEED = 2**32 - 1
"""Largest seed of NumPy's legacy generator, which Keras and scikit-learn use."""
Seed = Annotated[
    int, typer.Option(help="Seed of all random numbers; it is printed and stored.", min=0, max=LARGEST_SEED)
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder to write to; default: the model's own.")
]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", help="npz file to write.")]


@app.callback()
def train() -> None:
    """Train a model from its seed, e.g. `l1forge train vae`."""


@contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """A temporary folder whose files move to ``folder`` if the training succeeds; prints their names."""
    from l1forge.emulator.atomic import atomic_files
    from l1forge.screen.outputs import check_folders

    check_folders(folder)
    with atomic_files(folder) as new:
        yield new
        names = sorted(file.name for file in new.iterdir())
    typer.echo(f"wrote {', '.join(names)} in {folder}")


def _command(model: Model, training: Training) -> Callable[..., None]:
    """``training`` as a command: its own options after --seed and --output."""

    def command(seed: int, output: Path | None, **options: Any) -> None:
        from l1forge.screen.console import Console
        from l1forge.screen.outputs import check_folders, check_outputs
        from l1forge.screen.quiet import quiet_stderr

        (check_outputs if training.writes == "file" else check_folders)(output)
        with ExitStack() as stack:
            if training.writes == "folder":
                output = stack.enter_context(_filled(output or model.folder))
            if training.talks:
                stack.enter_context(quiet_stderr())
            training.run(seed, output, Console().print, **options)

    own = list(inspect.signature(training.run, eval_str=True).parameters.values())[3:]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    output = OutputFile if training.writes == "file" else Output
    shared = [
        inspect.Parameter("seed", kind, default=training.seed, annotation=Seed),
        inspect.Parameter("output", kind, default=None, annotation=output),
    ]
    command.__doc__ = training.run.__doc__
    command.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {option.name: option.annotation for option in [*shared, *own]}
    return command


for _model in models().values():
    if _model.training is not None:
        app.command(_model.name)(_command(_model, _model.training))


@app.command("inputs")
def inputs(
    model: Annotated[
        list[str] | None, typer.Argument(help="Names of models; default: all models of this repository.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for MODEL.inputs.json; default: the models' own."),
    ] = None,
) -> None:
    """Record ranges and coarse histograms of the training inputs of the committed models, without training.

    `emulate`, `evaluate` and `path` compare their inputs with these records. `l1forge train MODEL` also
    writes the record of its model.

    Example: `l1forge train inputs`
    """
    from l1forge.emulator.errors import InputError
    from l1forge.screen.outputs import check_folders

    check_folders(output)
    records = {name: found.inputs for name, found in models().items() if found.inputs is not None}
    for name in model or records:
        if name not in records:
            raise InputError(
                "has no committed training sample",
                field="MODEL",
                value=name,
                remedy=f"one of {', '.join(records)}",
            )
    for name in model or records:
        target = output / f"{name}.inputs.json" if output else models()[name].record
        target.parent.mkdir(parents=True, exist_ok=True)
        record = records[name]()
        record.save(target)
        typer.echo(f"{name}: {record.events:,} events of {record.sample} -> {target}")
