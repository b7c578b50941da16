"""The trained artefact ``weights.npz``: students of all seeds, and the teacher of the one that was kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_path
from l1forge.emulator.errors import InputError
from l1forge.models.calorimeter import network

FILE = "weights.npz"
WEIGHTS = Path(__file__).parent / FILE
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class TrainedStudents:
    """``kept``: the seed that was chosen; ``students`` by seed; ``teacher``: of the kept seed."""

    kept: int
    students: Mapping[int, Arrays]
    teacher: Arrays


def student_arrays(model: Any) -> Arrays:
    """Kernel and bias of every layer of a student that was trained."""
    found: Arrays = {}
    for layer in network.STUDENT_LAYERS:
        found[f"{layer}/kernel"], found[f"{layer}/bias"] = model.get_layer(layer).get_weights()
    return found


def teacher_arrays(model: Any) -> Arrays:
    """Every weight of a teacher, in order."""
    return {str(i): weight for i, weight in enumerate(model.get_weights())}


def student(arrays: Arrays) -> Any:
    """The QKeras student of these weights."""
    model = network.student()
    for layer in network.STUDENT_LAYERS:
        model.get_layer(layer).set_weights([arrays[f"{layer}/kernel"], arrays[f"{layer}/bias"]])
    return model


def teacher(arrays: Arrays) -> Any:
    """The float teacher of these weights."""
    model = network.teacher()
    model.set_weights([arrays[str(i)] for i in range(len(arrays))])
    return model


def save(path: Path, trained: TrainedStudents) -> None:
    """Write the artefact."""
    arrays: dict[str, Any] = {"kept": np.array(trained.kept)}
    for seed, found in trained.students.items():
        arrays |= {f"student/{seed}/{name}": values for name, values in found.items()}
    arrays |= {f"teacher/{name}": values for name, values in trained.teacher.items()}
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load(path: Path = WEIGHTS) -> TrainedStudents:
    """Read what ``save`` wrote.

    Raises
    ------
    InputError
        If it is not such a file.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        students: dict[int, Arrays] = {}
        teacher_: Arrays = {}
        for name, values in arrays.items():
            kind, _, rest = name.partition("/")
            if kind == "student":
                seed, _, key = rest.partition("/")
                students.setdefault(int(seed), {})[key] = values
            elif kind == "teacher":
                teacher_[rest] = values
        kept = int(arrays["kept"])
        for layer in network.STUDENT_LAYERS:
            for found in students.values():
                found[f"{layer}/kernel"], found[f"{layer}/bias"]
        students[kept]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            "not the weights of this network", file=path, remedy="train it: l1forge train calorimeter"
        ) from error
    return TrainedStudents(kept, students, teacher_)
