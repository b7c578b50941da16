"""The co-verification of a graph: RTL written, simulated by every driver, all results in one report."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import Driver, Implementation, Progress, cosimulate
from l1forge.testbench.directed import Directed, directed
from l1forge.testbench.drivers.build import DONE, locked, verilate
from l1forge.testbench.drivers.cocotb_driver import CocotbDriver
from l1forge.testbench.drivers.pyverilator_driver import PyVerilatorDriver
from l1forge.testbench.outcome import Report
from l1forge.testbench.stimuli import Block

SAMPLE = Path(__file__).resolve().parents[1] / "simulation" / "sample"
BLOCK = 50_000
COCOTB, PYVERILATOR = 20_000, 2_000  # crossings through the two slow drivers, at most
WAVES = 500  # crossings in a waveform
CSIM = 200_000  # crossings through the compiled HLS C++, at most: 10k to 20k a second
DEEP_SEED_STEP = 1_000_003


@dataclass(frozen=True)
class Plan:
    """How many crossings of which kind; the rest of ``n`` is random bits."""

    n: int
    real: float = 0.5
    corner: float = 0.1

    def stimuli(
        self, graph: Graph, files: list[Path], seed: int, found: Directed | None = None
    ) -> dict[str, Iterator[Block]]:
        """The blocks of each kind, reproducible from ``seed``; real events repeat if there are too few.

        ``found``: directed rows, driven first; they take half of what would be random bits at most.
        """
        generator = np.random.default_rng(seed)
        has_sources = all("source" in node.attributes for node in graph.inputs)
        real = int(self.n * self.real) if files and has_sources else 0
        corner = int(self.n * self.corner)
        rest = self.n - real - corner
        rows = found.rows[: rest // 2] if found is not None else None
        directed_kind = {} if rows is None else {stimuli.DIRECTED: _blocks(rows)}
        rest -= 0 if rows is None else len(rows)
        return {
            **directed_kind,
            "real": _repeated(graph, files, real),
            "corner": _corners(graph, corner, generator),
            "random": _random(graph, rest, generator),
        }


def _blocks(rows: Block) -> Iterator[Block]:
    for first in range(0, len(rows), BLOCK):
        yield rows[first : first + BLOCK]


def _repeated(graph: Graph, files: list[Path], n: int) -> Iterator[Block]:
    while n > 0:
        before = n
        for block in stimuli.real_events(graph, files, n, BLOCK):
            yield block[:n]
            n -= len(block)
        if n == before:
            raise InputError("holds no events", file=files[0])


def _corners(graph: Graph, n: int, generator: np.random.Generator) -> Iterator[Block]:
    values = stimuli.corner_values(graph) if n else []
    for first in range(0, n, BLOCK):
        yield stimuli.corners(graph, min(BLOCK, n - first), generator, values)


def _random(graph: Graph, n: int, generator: np.random.Generator) -> Iterator[Block]:
    for first in range(0, n, BLOCK):
        yield stimuli.random_bits(graph, min(BLOCK, n - first), generator)


def sample_files(folder: Path = SAMPLE) -> list[Path]:
    """The committed event samples, if they are there."""
    return sorted(folder.glob("*.parquet"))


def has_hls(model: str) -> bool:
    """True if ``model`` names a model that can be written as an hls4ml project."""
    return (
        model.isidentifier()
        and importlib.util.find_spec(f"l1forge.models.{model}") is not None
        and (importlib.util.find_spec(f"l1forge.models.{model}.hls") is not None)
    )


def hls_project(model: str, graph: Graph, parent: Path) -> Path | None:
    """The hls4ml project of a model, written on the first call; None if the model has none.

    The folder's name carries the graph's digest, so that a retrained model gets a new project.
    """
    if not has_hls(model):
        return None
    from l1forge.firmware.hls.translate.graph import write_project

    folder = parent / f"{model}-{hashlib.sha256(graph.to_json().encode()).hexdigest()[:12]}"
    with locked(folder):
        if not (folder / DONE).exists():
            # hls4ml reports every layer; TensorFlow, QKeras and hls4ml warn about each other
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write_project(importlib.import_module(f"l1forge.models.{model}.hls").hls_model(folder))
            (folder / DONE).touch()
    return folder


def hls_implementation(folder: Path, graph: Graph) -> Implementation:
    """The compiled C++ of an hls4ml project whose inputs and outputs are the graph's, in order."""
    from l1forge.firmware.hls.project.compiled import CompiledProject

    compiled = CompiledProject(folder)

    def run(block: Block) -> NDArray[np.int64]:
        results = compiled(list(stimuli.as_inputs(graph, block).values()))
        return np.concatenate([r.reshape(len(block), -1) for r in results], axis=1)

    return run


def verify(
    graph: Graph,
    n: int,
    *,
    extra: Mapping[str, Implementation] | None = None,
    files: list[Path] | None = None,
    extra_limit: int = CSIM,
    seed: int = 1,
    deep: bool = False,
    threads: int = 1,
    folder: Path | None = None,
    project: RtlProject | None = None,
    progress: Progress | None = None,
    found: Directed | None = None,
) -> tuple[RtlProject, Report]:
    """Write the RTL of ``graph``, if no ``project`` is given, and co-verify ``n`` crossings with all drivers.

    cocotb and pyverilator take the first few (the same stimuli kinds, other seeds), the compiled harness the
    rest. ``deep``: the compiled harness alone. ``extra_limit``: as in ``cosimulate``, per driver.
    ``found``: the directed rows, if they are known; if not given, a short search without proofs.

    Raises
    ------
    InputError
        If ``n`` is not positive, the graph has no RTL, a tool is missing, or an event file cannot be used.
    """
    if n < 1:
        raise InputError("nothing to verify", field="-n", value=n, remedy="give a positive number")
    project = project or generate(graph, (folder or build_folder() / "rtl") / graph.name)
    simulation = verilate(project)
    files = sample_files() if files is None else files
    found = found or directed(graph, proofs=False)
    total: Report | None = None
    slow: list[tuple[str, Driver, int]] = []
    if not deep:
        slow = [
            ("cocotb", CocotbDriver(simulation, seed), min(COCOTB, n // 5)),
            ("pyverilator", PyVerilatorDriver(simulation, seed), min(PYVERILATOR, n // 20)),
        ]
    rest = n - sum(count for _, _, count in slow)
    drivers: list[tuple[str, Driver | None, int]] = [*slow, ("harness", None, rest)]
    for number, (label, driver, count) in enumerate(drivers):
        if count <= 0:
            continue
        kinds = Plan(count).stimuli(graph, files, seed + number * DEEP_SEED_STEP, found)
        merged = {kind: _merged(blocks, driver is not None) for kind, blocks in kinds.items()}
        report = cosimulate(
            project,
            graph,
            merged,
            extra=extra,
            extra_limit=extra_limit,
            driver=driver,
            label=label,
            threads=threads if driver is None else 1,
            seed=seed,
            directed=found,
            progress=progress,
        )
        if total is None:
            total = report
        else:
            total.merge(report)
            total.driver += f" + {label}"
        if total.interrupted:
            break
    assert total is not None  # the harness has had at least one crossing
    return project, total


def _merged(blocks: Iterator[Block], whole: bool) -> Iterator[Block]:
    """All blocks as one for drivers that start a simulator per stream."""
    if not whole:
        return blocks
    parts = list(blocks)
    return iter([np.concatenate(parts)]) if parts else iter(())


def waveform(
    graph: Graph,
    path: Path,
    *,
    files: list[Path] | None = None,
    seed: int = 1,
    project: RtlProject | None = None,
) -> Path:
    """A short run under cocotb with its waveform (VCD) left at ``path``."""
    project = project or generate(graph, build_folder() / "rtl" / graph.name)
    driver = CocotbDriver(verilate(project, waves=True), seed, path)
    files = sample_files() if files is None else files
    kinds = Plan(WAVES).stimuli(graph, files, seed)
    block = np.concatenate(list(islice(chain.from_iterable(kinds.values()), 3)))
    cosimulate(project, graph, {"waves": [block]}, driver=driver, label="cocotb")
    return path
