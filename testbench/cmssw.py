"""Exported emulator packages, compiled, loaded with dlopen and compared with the emulator as integers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.cmssw import CmsswProject
from l1forge.firmware.cmssw.project import chosen
from l1forge.firmware.cmssw.texts import FLAGS, INTERFACE
from l1forge.firmware.tools import children
from l1forge.firmware.verify import Comparison, compare
from l1forge.testbench.cosim import emulator_of
from l1forge.testbench.stimuli import Block

DRIVER = Path(__file__).parent / "drivers/cmssw.cpp"


@dataclass(frozen=True)
class CmsswVerification:
    """Results of every crossing, and the folder's own test vectors, compared as integers.

    ``same_graph``: the folder was exported from this graph.
    """

    name: str
    crossings: int
    result: Comparison
    vectors: Comparison
    same_graph: bool

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return self.same_graph and self.result.exact and self.vectors.exact

    @property
    def verdict(self) -> str:
        """One line: numbers, and the first difference."""
        text = f"{self.result.mismatches} mismatches in {self.crossings:,} crossings"
        text += f", {self.vectors.mismatches} in {self.vectors.events:,} test vectors"
        if first := self.result.first or self.vectors.first:
            text += f"; {first}"
        return text if self.same_graph else f"{text}; exported from another graph: export again"


def build(project: CmsswProject, place: Path, flags: Sequence[str] = ()) -> Path:
    """Compile an exported folder to a shared library in ``place``, as its Makefile does.

    Raises
    ------
    InputError
        If g++ is missing or refuses the folder.
    """
    target = place / f"{project.base}.so"
    folder = project.folder.resolve()
    _compile(
        [*FLAGS, *flags, "-shared", f"-I{folder}", str(project.source.resolve()), "-o", str(target)], folder
    )
    return target


def run(
    packages: Sequence[tuple[CmsswProject, Block]], *, threads: int = 1, flags: Sequence[str] = ()
) -> list[NDArray[np.int64]]:
    """Results (n, results) of packages that live in one process, each given its rows (n, inputs).

    Parameters
    ----------
    threads
        Threads that share the rows; each has an instance of every model.
    flags
        More flags for g++, such as ``-fsanitize=thread``.

    Raises
    ------
    InputError
        If g++ is missing or fails, a library cannot be loaded, refuses an input, or ends the process.
    """
    with tempfile.TemporaryDirectory(prefix="l1forge-cmssw-") as folder:
        work = Path(folder)
        (work / "hls4ml").mkdir()
        (work / "hls4ml/emulator.h").write_text(INTERFACE, encoding="utf-8")
        program = work / "driver"
        flat = ["-std=c++17", "-O1", "-pthread", *flags, f"-I{work}", str(DRIVER), "-o", str(program), "-ldl"]
        _compile(flat, DRIVER)
        command = [str(program), str(threads)]
        for number, (project, rows) in enumerate(packages):
            place = work / str(number)
            place.mkdir()
            library = build(project, place, flags)
            if rows.shape[1:] != (project.inputs,):
                raise InputError(
                    "takes another number of inputs", file=project.folder, value=f"{project.inputs}"
                )
            np.ascontiguousarray(rows, np.int32).tofile(place / "in")
            sizes = [str(project.inputs), str(project.results)]
            command += [str(library), *sizes, str(place / "in"), str(place / "out")]
        done = children.run(command)
        if done.returncode:
            said = " | ".join(done.stderr.strip().splitlines())[:400] or f"exit code {done.returncode}"
            raise InputError(f"the package failed: {said}", file=packages[0][0].folder)
        return [
            np.fromfile(work / str(i) / "out", np.int64).reshape(len(rows), project.results)
            for i, (project, rows) in enumerate(packages)
        ]


def _compile(arguments: list[str], file: Path) -> None:
    try:
        done = children.run(["g++", *arguments])
    except FileNotFoundError as error:
        raise InputError("compiler not found", field="g++", remedy="install g++") from error
    if done.returncode:
        lines = done.stderr.splitlines()
        said = " | ".join([line for line in lines if "error" in line or "cannot" in line] or lines)[:400]
        raise InputError(f"g++ failed: {said}", file=file)


def verify_cmssw(project: CmsswProject, graph: Graph, rows: Block) -> CmsswVerification:
    """Run ``rows`` (n, inputs) and the folder's test vectors; compare with ``graph``'s emulator; tolerance 0.

    Raises
    ------
    InputError
        As ``run``; if the graph has no such output, or another number of inputs.
    """
    (output,) = project.outputs
    part = chosen(graph, output)
    inputs = sum(node.size for node in part.inputs)
    if (inputs, part[output].size) != (project.inputs, project.results):
        raise InputError(
            f"has {project.inputs} inputs and {project.results} results, the model has"
            f" {inputs} and {part[output].size}",
            file=project.folder,
            remedy="export again",
        )
    emulate = emulator_of(part)
    given, written = project.read_vectors()
    (found,) = run([(project, rows)])
    return CmsswVerification(
        project.base,
        len(rows),
        compare(output, emulate(rows), found),
        compare(output, emulate(given), written),
        project.is_of(part),
    )
