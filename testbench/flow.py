"""The co-verification of a graph: RTL written, simulated by every driver, all results in one report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.folders import build_folder
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.testbench.cosim import Driver, Implementation, Progress, cosimulate
from l1forge.testbench.directed import Directed, directed
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.cocotb_driver import CocotbDriver
from l1forge.testbench.drivers.pyverilator_driver import PyVerilatorDriver
from l1forge.testbench.outcome import Report
from l1forge.testbench.stimuli import Block, Plan, as_inputs, sample_files

COCOTB, PYVERILATOR = 20_000, 2_000  # crossings through the two slow drivers, at most
WAVES = 500  # crossings in a waveform
CSIM = 200_000  # crossings through the compiled HLS C++, at most: 10k to 20k a second
DEEP_SEED_STEP = 1_000_003


def hls_implementation(folder: Path, graph: Graph) -> Implementation:
    """The compiled C++ of an HLS project whose inputs and outputs are the graph's, in order.

    Where the graph scales event columns itself, the project gets what that makes of them.
    """
    from l1forge.firmware.hls.written.compiled import open_compiled
    from l1forge.firmware.inputs.binding import values_for_network

    compiled = open_compiled(folder)
    values = values_for_network(graph)

    def run(block: Block) -> NDArray[np.int64]:
        results = compiled(values(as_inputs(graph, block)))
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
    rows: Block | None = None,
) -> tuple[RtlProject, Report]:
    """Write the RTL of ``graph``, if no ``project`` is given, and co-verify ``n`` crossings with all drivers.

    cocotb and pyverilator take the first few (the same stimuli kinds, other seeds), the compiled harness the
    rest. ``deep``: the compiled harness alone. ``extra_limit``: as in ``cosimulate``, per driver.
    ``found``: the directed rows, if they are known; if not given, a short search without proofs.
    ``rows``: real inputs of a graph that event files do not feed.

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
        kinds = Plan(count).stimuli(graph, files, seed + number * DEEP_SEED_STEP, found, rows)
        together = {kind: merged(blocks, driver is not None) for kind, blocks in kinds.items()}
        report = cosimulate(
            project,
            graph,
            together,
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


def merged(blocks: Iterator[Block], whole: bool) -> Iterator[Block]:
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
