"""Train teacher and student with several seeds, keep the one whose teacher has the lowest validation loss."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import mplhep
import numpy as np
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from rich.progress import Progress
from rich.table import Table

from l1forge.emulator.atomic import atomic_path, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.source import open_events
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.scoring.trained_inputs import TrainedInputs
from l1forge.models.anomaly.crossings import CutMenu
from l1forge.models.anomaly.samples import counted_part
from l1forge.models.calorimeter import network, weights
from l1forge.models.calorimeter.hls import NAME, export_graph
from l1forge.models.calorimeter.samples import Images, events_of, read
from l1forge.models.calorimeter.training import Schedule, fit_student, fit_teacher, mild_outliers
from l1forge.models.registry import Report
from l1forge.simulation.images import read_images
from l1forge.simulation.regions import N_REGIONS

FEWEST = 500
"""Images below which a training makes no sense."""


def main(
    seed: int,
    output: Path,
    images: Path,
    events: Path | None,
    menu: Path,
    trainings: int,
    schedule: Schedule,
    report: Report,
    limit: int | None = None,
) -> dict[str, Any]:
    """Train ``trainings`` pairs of networks from ``seed`` on; the files of the best one appear in ``output``.

    ``limit``: use the first images only. Returns what is in training.json. Raises InputError as ``read``.
    """
    report(f"seeds {seed} .. {seed + trainings - 1}")
    file = read_images(images)
    complete = load_menu(menu)
    cuts: CutMenu | None = None
    if events is None and file.rejected_by == complete.name:
        kept, found_n = file.images[:limit], len(file.images)
    else:
        source = events or events_of(images, file.events)
        cuts = CutMenu.of(complete, open_events(source).columns)
        found = read(images, source, cuts, limit=limit)
        kept, found_n = found.images[~found.accepted], found.n
    if len(kept) < FEWEST:
        raise InputError(
            "too few images of crossings that the menu rejects",
            file=images,
            value=len(kept),
            remedy=f"at least {FEWEST:,}",
        )
    cut = counted_part(len(kept))
    train, validation = kept[:cut], kept[cut:]
    runs: dict[int, dict[str, Any]] = {}
    students: dict[int, weights.Arrays] = {}
    best: tuple[float, int, Any, Any] | None = None
    with Progress(transient=True) as progress:
        total = trainings * (schedule.teacher_epochs + schedule.student_epochs)
        task = progress.add_task("training", total=total)

        def step(stage: str, done: int, loss: float) -> None:
            progress.update(task, advance=1, description=f"seed {number}, {stage}: loss {loss:.2f}")

        for number in range(seed, seed + trainings):
            teacher, loss = fit_teacher(train, validation, number, schedule, step)
            student, distance = fit_student(teacher, train, validation, number, schedule, step)
            runs[number] = {"teacher_loss": loss, "student_distance": distance} | _likeness(
                teacher, student, validation
            )
            students[number] = weights.student_arrays(student)
            if best is None or loss < best[0]:
                best = loss, number, teacher, student
    assert best is not None  # there is at least one training
    _, number, teacher, student = best
    result = {
        "menu": complete.name,
        "images": len(kept),
        "schedule": asdict(schedule),
        "kept_seed": number,
        "runs": {str(key): value for key, value in runs.items()},
    }
    output.mkdir(parents=True, exist_ok=True)
    trained = weights.Trained(number, students, weights.teacher_arrays(teacher))
    weights.save(output / weights.FILE, trained)
    export_graph(output / weights.FILE, output / "graph.json")
    write_text(output / "training.json", json.dumps(result, indent=1) + "\n")
    record(kept).save(output / "inputs.json")
    with atomic_path(output / "student.png") as temporary:
        _plot(teacher, student, validation, temporary)
    report(_table(runs, number))
    for line in cuts.notes() if cuts is not None else ():
        report(line)
    report(
        f"{len(kept):,} of {found_n:,} images used, of crossings that {complete.name} without its models"
        " rejects; a third of them validates"
    )
    return result


def shortened(schedule: Schedule) -> Schedule:
    """A few epochs: proves that the code runs, not a result."""
    return replace(schedule, teacher_epochs=1, student_epochs=2, batch=64)


def record(images: Images) -> TrainedInputs:
    """The record of the training's regions."""
    names = [f"{network.INPUT}[{i}]" for i in range(N_REGIONS)]
    return TrainedInputs.of(NAME, "zero bias, calorimeter images", names, images)


def _likeness(teacher: Any, student: Any, images: Images) -> dict[str, float]:
    """How the student follows the teacher: correlation on zero bias, and on mild outliers."""
    extra = mild_outliers(images, len(images), np.random.default_rng(0))
    found = {}
    for name, x in (("correlation", images), ("correlation_outliers", extra)):
        pairs = network.teacher_scores(teacher, x), network.student_scores(student, x)
        found[name] = float(np.corrcoef(*pairs)[0, 1])
    return found


def _table(runs: dict[int, dict[str, Any]], kept: int) -> Table:
    table = Table(title="trainings: the teacher of the lowest validation loss is kept, with its student")
    headings = ("seed", "teacher's loss", "student − teacher", "correlation", "on outliers", "")
    for heading in headings:
        table.add_column(heading, justify="right")
    for seed, run in runs.items():
        cells = (f"{run['teacher_loss']:.3f}", f"{run['student_distance']:.2f}")
        likeness = (f"{run['correlation']:.3f}", f"{run['correlation_outliers']:.3f}")
        table.add_row(str(seed), *cells, *likeness, "kept" if seed == kept else "")
    return table


def _plot(teacher: Any, student: Any, images: Images, path: Path) -> None:
    """The student's score against the teacher's, on images that validate."""
    extra = mild_outliers(images, len(images), np.random.default_rng(0))
    with style.context(mplhep.style.CMS), rc_context({"font.size": 14}):
        figure = Figure(figsize=(7, 6), layout="constrained")
        axis = figure.subplots()
        for x, name, colour in ((images, "zero bias", "tab:blue"), (extra, "mild outliers", "tab:orange")):
            axis.plot(network.teacher_scores(teacher, x), network.student_scores(student, x), ".", ms=1,
                      color=colour, rasterized=True, alpha=0.4, label=name)  # fmt: skip
        axis.plot([0, 256], [0, 256], "k-", lw=0.8)
        axis.set(xlabel="teacher's score", ylabel="student's score", xlim=(0, 200), ylim=(0, 200))
        axis.legend(markerscale=12, fontsize=12)
        figure.savefig(path, dpi=80, bbox_inches="tight")
