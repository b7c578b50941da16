"""The folder for the offline software: model, class, scales, Makefile, test with vectors, manifest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.atomic import atomic_files
from l1forge.emulator.c_export import model_namespace
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.cmssw import texts
from l1forge.firmware.deliver.exported import Exported, digest_of

NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*", re.ASCII)
VERSION_NAME = re.compile(r"[A-Za-z0-9]+", re.ASCII)
"""Without underscore: a_b of version c and a of version b_c would be one namespace."""
LONGEST = 80
"""Characters of a name: it becomes a file name."""


@dataclass(frozen=True)
class CmsswProject(Exported):
    """An exported model; ``model``: name of its graph."""

    model: str
    outputs: tuple[str, ...]
    inputs: int
    results: int
    vectors: int

    MANIFEST, FORMAT, FORMAT_VERSION = "cmssw.json", "l1forge-cmssw", 1
    READER, COMMAND = "the offline software", "export-cmssw"

    @property
    def source(self) -> Path:
        """The file to compile."""
        return self.folder / f"{self.base}_emulator.cpp"

    @property
    def vector_file(self) -> Path:
        """The test vectors: a title, then a line of inputs and results each."""
        return self.folder / "test/vectors.txt"

    def check(self) -> None:
        """Refuse counts and names that no package has."""
        if len(self.outputs) != 1:
            raise ValueError("outputs names not one output")
        if min(self.inputs, self.results, self.vectors) < 1:
            raise ValueError("a number is not positive")
        check_names(self.name, self.version)

    def read_vectors(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs (vectors, inputs) and results (vectors, results) of the test vectors.

        Raises
        ------
        InputError
            If the file is missing, or holds another number of integers.
        """
        try:
            lines = self.vector_file.read_text(encoding="ascii").splitlines()[1:]
            numbers = [[int(word) for word in line.split()] for line in lines]
            if [len(row) for row in numbers] != [self.inputs + self.results] * self.vectors:
                raise ValueError(f"not {self.vectors} lines of {self.inputs + self.results} integers")
            rows = np.array(numbers, np.int64)
        except (OSError, ValueError, OverflowError) as error:
            raise InputError(
                f"test vectors cannot be used: {error}", file=self.vector_file, remedy="export again"
            ) from error
        return rows[:, : self.inputs], rows[:, self.inputs :]


def check_names(name: str, version: str) -> None:
    """Refuse what cannot be a part of C++ names.

    Raises
    ------
    InputError
        If the name or the version is no identifier.
    """
    for field, text, pattern, remedy in (
        ("--name", name, NAME, "such as my_axo: letters, digits, single underscores"),
        ("--version", version, VERSION_NAME, "such as v1 or v1p2: letters and digits"),
    ):
        if not pattern.fullmatch(text) or len(text) > LONGEST:
            raise InputError("is no identifier for C++", field=field, value=text[:LONGEST], remedy=remedy)


def chosen(graph: Graph, score: str | None) -> Graph:
    """The part of a graph that gives one output.

    Raises
    ------
    InputError
        If the graph has several outputs and none is chosen, no such output, or no inputs.
    """
    known = ", ".join(graph.outputs)
    if score is None and len(graph.outputs) > 1:
        raise InputError(
            "has several outputs: a package gives one",
            file=graph.file,
            field="--score",
            value=known,
            remedy=f"choose one, such as --score {graph.outputs[0]}",
        )
    output = score or graph.outputs[0]
    if output not in graph.outputs:
        raise InputError("is not an output of this graph", field="--score", value=output, remedy=known)
    part = graph.subgraph([output])
    if not part[output].size or not sum(node.size for node in part.inputs):
        raise InputError("has no inputs or no results", file=graph.file, field="--score", value=output)
    return part


def write_cmssw(
    graph: Graph,
    folder: str | Path,
    version: str,
    *,
    name: str | None = None,
    vectors: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
) -> CmsswProject:
    """Write a model as an emulator package.

    Parameters
    ----------
    graph
        The model with its one output: ``chosen``.
    folder
        Folder to write.
    version, name
        Part of all names, so that several models and versions work in one process; ``name`` None: that
        of the graph.
    vectors
        Kind to inputs (n, inputs) and the emulator's results (n, results), for the test program.

    Raises
    ------
    InputError
        If a name is no identifier, or the graph cannot be computed with 64-bit integers.
    """
    name = graph.name if name is None else name
    check_names(name, version)
    inputs = sum(node.size for node in graph.inputs)
    output = graph[graph.outputs[0]]
    base, namespace = f"{name}_{version}", f"l1forge_{name}_{version}"
    count = sum(len(x) for x, _ in vectors.values())
    made = CmsswProject(
        Path(folder),
        name,
        version,
        digest_of(graph),
        graph.name,
        tuple(graph.outputs),
        inputs,
        output.size,
        count,
    )
    one = output.size == 1
    names = [output.name] if one else [f"{output.name}[{i}]" for i in range(output.size)]
    words: dict[str, Any] = {
        "base": base,
        "namespace": namespace,
        "model": graph.name,
        "version": version,
        "digest": made.digest[:12],
        "inputs": inputs,
        "outputs": output.size,
        "vectors": count,
        "flags": " ".join(texts.FLAGS),
        "pair": texts.PAIR if one else "",
        "read_pair": texts.READ_PAIR if one else "",
        "test_pair": texts.TEST_PAIR if one else "",
        "results": _results(output.size),
        "input_rows": ",\n".join(_input_rows(graph)),
        "output_rows": ",\n".join(
            f"  {{{_quoted(element)}, {_quoted(str(output.type))}, {output.type.lsb!r}}}" for element in names
        ),
        "output_table": "\n".join(
            f"| `{_plain(element)}` | `{output.type}` | {output.type.lsb!r} |" for element in names
        ),
    }
    network = texts.NETWORK.format(**words | {"model": model_namespace(graph, namespace).rstrip("\n")})
    files = {
        f"NN/{base}.h": network,
        f"{base}_emulator.cpp": texts.EMULATOR.format(**words),
        "scales.h": texts.SCALES.format(**words),
        "hls4ml/emulator.h": texts.INTERFACE,
        "Makefile": texts.MAKEFILE.format(**words),
        "README.md": texts.README.format(**words),
        f"test/test_{base}.cpp": texts.TEST.format(**words),
        "test/vectors.txt": _vectors(vectors),
    }
    with atomic_files(folder, replace_folders=True) as work:
        for file, text in files.items():
            (work / file).parent.mkdir(exist_ok=True)
            (work / file).write_text(text, encoding="utf-8")
        made.save(work)
    return CmsswProject.load(folder)


def _vectors(vectors: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]) -> str:
    kinds = ", ".join(f"{len(x)} {kind}" for kind, (x, _) in vectors.items())
    lines = [f"# inputs, then results, as raw integers; {kinds}"]
    for inputs, results in vectors.values():
        lines += [" ".join(map(str, row)) for row in np.hstack([inputs, results]).tolist()]
    return "\n".join(lines) + "\n"


def _results(size: int) -> str:
    kinds = [f"`std::int64_t*` to {size} integer(s)", f"`std::array<std::int64_t, {size}>*`"]
    if size == 1:
        kinds.append(
            "`std::pair<std::array<std::int64_t, 1>, std::int64_t>*` (result and score: the same integer)"
        )
    return ", or ".join(kinds)


def _input_rows(graph: Graph) -> list[str]:
    rows = []
    for node in graph.inputs:
        sources = node.attributes.get("source", [""] * node.size)
        for source in sources:
            column = COLUMNS.get(source.partition("[")[0])
            lsb, unit = (column[1].lsb, column[1].unit) if column else (node.type.lsb, "")
            limits = f"INT64_C({node.type.minimum}), INT64_C({node.type.maximum})"
            rows.append(
                f"  {{{_quoted(source)}, {_quoted(str(node.type))}, {limits}, {lsb!r}, {_quoted(unit)}}}"
            )
    return rows


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.,:<>\[\]() /-]", "_", text)


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"'
