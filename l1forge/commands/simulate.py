"""`l1forge simulate`: events as the level-1 trigger sees them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from l1forge.screen.console import Console
    from l1forge.simulation.production import Run
    from l1forge.simulation.weighted import WeightedRun

    AnyRun = Run | WeightedRun

app = typer.Typer(rich_markup_mode="rich")


@app.command()
def simulate(
    process: Annotated[str, typer.Option(help="Process: zerobias or a signal (see --list).")] = "zerobias",
    n: Annotated[int, typer.Option("-n", "--events", help="Number of bunch crossings.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of everything except the pile-up pools.", min=0)] = 1,
    pileup: Annotated[float, typer.Option(help="Mean number of inelastic collisions per crossing.")] = 52.0,
    jobs: Annotated[
        int, typer.Option("-j", "--jobs", help="Number of processes; the events do not depend on it.", min=1)
    ] = 1,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Parquet file to write.")] = None,
    pool_scale: Annotated[
        float, typer.Option(help="Relative size of the pile-up pools: use 1 for rates, 0.1 for a first look.")
    ] = 1.0,
    pool_seed: Annotated[int, typer.Option(help="Seed of the pile-up pools.", min=0)] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder for pools and unfinished work; default: $L1FORGE_CACHE or .cache."),
    ] = None,
    weighted: Annotated[
        bool,
        typer.Option("--weighted", help="Weighted zero bias worth -n crossings (docs/simulation.md)."),
    ] = False,
    jets: Annotated[
        bool, typer.Option("--jets", help="Jets of five classes at 1 TeV, -n of each (docs/jets.md).")
    ] = False,
    sample: Annotated[bool, typer.Option("--sample", help="Regenerate the committed sample.")] = False,
    images: Annotated[
        bool,
        typer.Option(
            "--images",
            help="Also write calorimeter images, OUTPUT.images.parquet; with --sample: only the committed"
            " images (docs/calorimeter.md).",
        ),
    ] = False,
    list_processes: Annotated[bool, typer.Option("--list", help="Show the processes and stop.")] = False,
) -> None:
    """Simulate bunch crossings: Pythia 8, pile-up, detector, trigger objects.

    The first run generates pools of collisions, which all later runs reuse. This takes about 10 minutes on
    one core, or a tenth of that with --pool-scale 0.1; --jobs divides the work. Finished parts are kept:
    after Ctrl-C the same command continues where it stopped.

    \b
    Examples:
      l1forge simulate --process ttbar -n 10000 --jobs 2 -o ttbar.parquet
      l1forge simulate --process zerobias -n 50000 --pileup 60 --pool-scale 0.1 -o zb60.parquet
      l1forge simulate --weighted -n 1000000 --pool-scale 0.1 -o weighted.parquet
      l1forge simulate --sample --jobs 2
      l1forge simulate --sample --weighted --jobs 2
      l1forge simulate --sample --images --jobs 2
      l1forge simulate --process ttbar -n 5000 --images -o ttbar.parquet
      l1forge simulate --jets -n 2000 --seed 3 --jobs 2 -o jets.parquet
      l1forge simulate --sample --jets --jobs 2
    """
    from l1forge.screen.console import Console
    from l1forge.simulation.processes import SIGNALS

    console = Console()
    if list_processes:
        console.print("[bold]zerobias[/bold]  pile-up only")
        for name, signal in SIGNALS.items():
            console.print(f"[bold]{name}[/bold]  {signal.title}")
        return

    from l1forge.emulator.errors import InputError
    from l1forge.emulator.folders import cache_folder
    from l1forge.screen.outputs import check_folders
    from l1forge.simulation import production
    from l1forge.simulation import sample as recipe
    from l1forge.simulation import weighted as weighting

    if weighted and process != "zerobias":
        raise InputError(
            "goes with zero bias", field="--weighted", value=process, remedy="leave one of them out"
        )
    if weighted and images:
        raise InputError("does not go with --images", field="--weighted", remedy="leave one of them out")
    folder = cache or cache_folder()
    check_folders(folder)
    if jets:
        if weighted or process != "zerobias":
            given = "--weighted" if weighted else "--process"
            raise InputError("does not go with --jets", field=given, remedy="leave one of them out")
        _jets(n, seed, folder, output, sample, jobs, console)
        return
    if sample and weighted:
        recipe.WEIGHTED.parent.mkdir(parents=True, exist_ok=True)
        work: list[tuple[AnyRun, Path]] = [recipe.weighted(folder)]
    elif sample and images:
        work = []
    elif sample:
        recipe.FOLDER.mkdir(exist_ok=True)
        work = [*recipe.runs(folder)]
    elif weighted:
        of_weights = weighting.WeightedRun(n, seed, folder, pileup, pool_scale, pool_seed)
        work = [(of_weights, output or Path("zerobias_weighted.parquet"))]
    else:
        plain = production.Run(process, n, seed, folder, pileup, pool_scale, pool_seed)
        work = [(plain, output or Path(f"{process}.parquet"))]
    try:
        for run, path in work:
            _with_progress(run, path, jobs, console)
        if images:
            _images(folder, None if sample else work[0], jobs, console)
    except KeyboardInterrupt:
        console.print("interrupted: the same command continues where it stopped")
        raise


def _images(folder: Path, made: tuple[AnyRun, Path] | None, jobs: int, console: Console) -> None:
    """Images of the events that were just ``made``, or of the committed sample."""
    from l1forge.models.calorimeter import blind_sample
    from l1forge.screen.outputs import check_outputs
    from l1forge.screen.progress import bar
    from l1forge.simulation import images, production
    from l1forge.simulation.production import Run

    if made is None:
        images.FOLDER.mkdir(exist_ok=True)
        work = [*images.committed(folder), *blind_sample.runs(folder)]
        for image_run, _ in work:
            if image_run.run.process in blind_sample.OWN_EVENTS:
                image_run.events.parent.mkdir(exist_ok=True)
                _with_progress(image_run.run, image_run.events, jobs, console)
    else:
        run, events = made
        assert isinstance(run, Run)
        work = [(images.ImageRun(run, events, 0, run.n), events.with_suffix(".images.parquet"))]
    for image_run, path in work:
        check_outputs(path)
        with bar() as progress:
            todo = [part for part in image_run.pool_parts() if not part.path.exists()]
            task = progress.add_task("collisions (thousands)", total=len(todo))
            for done in production.make_pools(image_run, jobs):
                progress.advance(task, done)
            task = progress.add_task(
                f"{image_run.run.process} images (chunks)",
                total=len(image_run.chunks()),
                completed=image_run.finished,
            )
            for done in image_run.make_chunks(jobs):
                progress.advance(task, done)
        written = image_run.write(path)
        console.print(f"wrote {path}: {written} images, {path.stat().st_size / 1e6:.1f} MB")
    if made is None:
        _training_images(folder, jobs, console)


def _training_images(folder: Path, jobs: int, console: Console) -> None:
    """The committed images that train: zero bias of other pools, which the cut menu rejects."""
    from l1forge.models.calorimeter import training_sample
    from l1forge.models.calorimeter.samples import TRAINING
    from l1forge.screen.progress import bar
    from l1forge.simulation import production

    run, path = training_sample.run(folder), TRAINING
    with bar() as progress:
        task = progress.add_task("collisions (thousands)", total=None)
        for done in production.make_pools(run, jobs):
            progress.advance(task, done)
        task = progress.add_task("training images (chunks)", total=len(run.chunk_sizes()))
        for done in training_sample.make_chunks(run, jobs):
            progress.advance(task, done)
    written = training_sample.write(run)
    console.print(f"wrote {path}: {written} images, {path.stat().st_size / 1e6:.1f} MB")


def _with_progress(run: AnyRun, path: Path, jobs: int, console: Console) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from l1forge.screen.outputs import check_outputs
    from l1forge.simulation import production

    check_outputs(path)
    columns = (
        *(TextColumn("{task.description:28s}"), BarColumn(), MofNCompleteColumn()),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console) as progress:
        parts = run.pool_parts()
        missing = sum(not part.path.exists() for part in parts)
        if missing:
            task = progress.add_task(
                "collisions (thousands)", total=len(parts), completed=len(parts) - missing
            )
            for done in production.make_pools(run, jobs):
                progress.advance(task, done)
        task = progress.add_task(f"{run.process} crossings", total=run.to_simulate, completed=run.finished)
        for done in run.make_chunks(jobs):
            progress.advance(task, done)
    written = run.write(path)
    console.print(f"wrote {path}: {written} events, {path.stat().st_size / 1e6:.1f} MB")


def _jets(
    n: int, seed: int, cache: Path, output: Path | None, sample: bool, jobs: int, console: Console
) -> None:
    """Jets: of the committed file, or ``n`` of each class."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from l1forge.screen.outputs import check_outputs
    from l1forge.simulation.jets import CLASSES
    from l1forge.simulation.jets.production import CHUNK, JetRun
    from l1forge.simulation.jets.sample import FILE

    run = JetRun(cache=cache) if sample else JetRun(n, seed, cache)
    path = output or (FILE if sample else Path("jets.parquet"))
    check_outputs(path)
    columns = (
        *(TextColumn("{task.description:28s}"), BarColumn(), MofNCompleteColumn()),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    try:
        with Progress(*columns, console=console) as progress:
            finished = sum(chunk.exists() for _, _, chunk in run.chunks)
            task = progress.add_task("jets", total=len(run.chunks) * CHUNK, completed=finished * CHUNK)
            for done in run.make(jobs):
                progress.advance(task, done)
    except KeyboardInterrupt:
        console.print("interrupted: the same command continues where it stopped")
        raise
    written = run.write(path)
    console.print(
        f"wrote {path}: {written} jets of {len(CLASSES)} classes, {path.stat().st_size / 1e6:.1f} MB"
    )
