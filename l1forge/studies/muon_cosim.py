"""Co-verification of the muon firmware on simulated muons: golden patterns, networks folded in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from l1forge.studies.html import html_table

if TYPE_CHECKING:
    import numpy as np

    from l1forge.simulation.muons.sample import MuonSample

BLOCK = 20_000
NOISE = 0.05
NETWORKS = ("muon_pt_small", "muon_pt")
HEADINGS = ("design", "implementations", "events", "interval", "latency", "mismatches")
Say = Callable[[str], None]


def _silent(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Design:
    """One muon design: what was compared, and its size. ``interval`` and ``latency`` in clocks."""

    design: str
    implementations: str
    events: int
    mismatches: int
    interval: int
    latency: int
    first: str | None
    multipliers: int
    memory_bits: int
    seconds: float


@dataclass(frozen=True)
class MuonVerification:
    """The designs in the order in which they were verified."""

    designs: tuple[Design, ...]
    seed: int

    @property
    def passed(self) -> bool:
        """Whether no design differs from its emulator."""
        return not any(design.mismatches for design in self.designs)

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data for JSON, one entry for each design."""
        return [asdict(design) for design in self.designs]

    def _repr_html_(self) -> str:
        rows = [[getattr(design, heading) for heading in HEADINGS] for design in self.designs]
        return html_table(f"muon firmware, seed {self.seed}", HEADINGS, rows)


def verify_muons(
    n: int = 100_000,
    *,
    small: bool = False,
    inputs_per_clock: int = 8,
    csim: int = 100_000,
    seed: int = 1,
    progress: Say = _silent,
) -> MuonVerification:
    """Prove the muon RTL (patterns; networks folded in time) and the hls4ml C++ equal to the emulators.

    Parameters
    ----------
    n, seed
        Simulated muons; seed of muons, corners and random codes.
    small
        Leave the ten-layer network out.
    inputs_per_clock, csim
        Inputs of each neuron per clock; events through the HLS C++ at most.
    progress
        Called with each step's name.

    Raises
    ------
    InputError
        If a tool is missing or a design does not build.
    """
    from l1forge.models.muon_pt.features import muon_features
    from l1forge.simulation.muons import MuonSettings, generate

    sample = generate(n, seed, MuonSettings(noise=NOISE))
    progress("golden patterns: building, then simulating")
    designs = [_patterns(sample, n)]
    features, _ = muon_features(sample.value, sample.eta, sample.quality)
    for name in NETWORKS[: 1 if small else 2]:
        progress(f"{name}: building, then simulating")
        designs.append(_network(name, features, inputs_per_clock, csim, seed))
    return MuonVerification(tuple(designs), seed)


def _patterns(sample: MuonSample, n: int) -> Design:
    import numpy as np

    from l1forge.emulator.folders import build_folder
    from l1forge.firmware.muon.patterns import PatternTables
    from l1forge.models.muon_patterns import find_patterns, load_patterns
    from l1forge.simulation.muons import REFERENCE_LAYERS
    from l1forge.simulation.muons.layers import BENDING, N_LAYERS, SLOTS
    from l1forge.testbench.muon import verify_patterns

    started = time.perf_counter()
    shape = (-1, N_LAYERS, SLOTS)
    tables = load_patterns()

    def emulate(rows: np.ndarray) -> np.ndarray:
        value, quality = np.split(rows.astype(np.int16), 2, axis=1)
        result = find_patterns(value.reshape(shape), quality.reshape(shape), tables)
        return np.stack(result, axis=1).astype(np.int64)

    def blocks() -> Iterator[np.ndarray]:
        rows = np.concatenate([sample.value.reshape(n, -1), sample.quality.reshape(n, -1)], axis=1)
        for start in range(0, n, BLOCK):
            yield rows[start : start + BLOCK].astype(np.int64)

    circuit = PatternTables(
        tables.offset, tables.slope, tables.shift, tables.value, REFERENCE_LAYERS, BENDING.tolist()
    )
    folder = build_folder() / "rtl" / "muon_patterns"
    project, events, wrong, first = verify_patterns(circuit, emulate, blocks(), folder)
    return Design(
        design=project.name,
        implementations="emulator, RTL",
        events=events,
        mismatches=wrong,
        interval=1,
        latency=project.latency,
        first=first,
        multipliers=0,
        memory_bits=int(tables.value.size * 6),
        seconds=time.perf_counter() - started,
    )


def _network(name: str, features: np.ndarray, inputs_per_clock: int, csim: int, seed: int) -> Design:
    import numpy as np

    from l1forge.emulator.folders import build_folder
    from l1forge.emulator.graph.graph import Graph
    from l1forge.models import graph_path
    from l1forge.models.hls_projects import hls_project
    from l1forge.screen.quiet import quiet_stderr
    from l1forge.testbench.flow import hls_implementation
    from l1forge.testbench.muon import verify_folded

    started = time.perf_counter()
    graph = Graph.load(graph_path(name))
    with quiet_stderr():  # torch talks while it is imported
        hls = hls_project(name, graph, build_folder() / "hls")
    folded, report = verify_folded(
        graph,
        features.astype(np.int64),
        build_folder() / "rtl" / f"{name}_folded",
        inputs_per_clock=inputs_per_clock,
        extra={"hls": hls_implementation(hls, graph)} if hls is not None else {},
        extra_limit=csim,
        seed=seed,
    )
    return Design(
        design=folded.project.name,
        implementations=", ".join(["emulator", *(f"{k} {m}" for k, m in report.checked.items())]),
        events=report.crossings,
        mismatches=report.mismatches + report.misplaced + report.missing,
        interval=folded.interval,
        latency=folded.project.latency,
        first=str(report.examples[0]) if report.examples else None,
        multipliers=folded.multipliers,
        memory_bits=folded.memory_bits,
        seconds=time.perf_counter() - started,
    )
