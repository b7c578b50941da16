"""Muon RTL against its emulators: golden patterns, folded and unrolled networks, planted faults."""

import dataclasses

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Constant, Graph
from l1forge.firmware.muon.folded import generate_folded
from l1forge.firmware.muon.patterns import PatternTables, generate_patterns
from l1forge.firmware.rtl import generate as unroll
from l1forge.models import graph_path
from l1forge.models.hls_projects import hls_project
from l1forge.models.muon_patterns import Patterns, find_patterns, load_patterns
from l1forge.models.muon_pt.features import muon_features
from l1forge.simulation.muons import NO_STUB, REFERENCE_LAYERS, MuonSettings, generate
from l1forge.simulation.muons.layers import BENDING
from l1forge.testbench.cosim import cosimulate
from l1forge.testbench.drivers.build import verilate
from l1forge.testbench.drivers.interval_driver import opened_spaced
from l1forge.testbench.flow import hls_implementation
from l1forge.testbench.muon import verify_folded, verify_patterns

PATTERNS = 10  # of 80: the Verilog of all takes a minute to compile; `l1forge cosim-muons` runs it


def circuit(patterns):
    chosen = slice(0, PATTERNS)
    return PatternTables(
        *(table[:, :, chosen] for table in (patterns.offset, patterns.slope, patterns.shift, patterns.value)),
        REFERENCE_LAYERS,
        BENDING.tolist(),
    )


@pytest.fixture(scope="module")
def patterns():
    """Trained tables with invented slopes; only the first PATTERNS have values."""
    trained = load_patterns()
    spread = np.linspace(0, 79, PATTERNS).astype(int)
    generator = np.random.default_rng(4)
    tables = [np.zeros_like(t) for t in (trained.offset, trained.slope, trained.shift, trained.value)]
    sources = (trained.offset, trained.slope, trained.shift, trained.value)
    for table, source in zip(tables, sources, strict=True):
        table[:, :, :PATTERNS] = source[:, :, spread]
    tables[1][:, :, :PATTERNS] = generator.integers(-60, 60, tables[1][:, :, :PATTERNS].shape)
    return Patterns(*tables)


@pytest.fixture(scope="module")
def rows():
    """Simulated stubs, empty candidates, and random codes over the whole range of a stub."""
    sample = generate(3000, 31, MuonSettings(noise=0.2))
    generator = np.random.default_rng(6)
    value = generator.integers(-1023, 1024, (1000, 36))
    value[generator.random(value.shape) < 0.6] = NO_STUB
    value[:3] = NO_STUB
    random = np.concatenate([value, generator.integers(0, 16, value.shape)], axis=1)
    muons = [sample.value.reshape(len(sample), -1), sample.quality.reshape(len(sample), -1)]
    return np.concatenate([np.concatenate(muons, axis=1), random]).astype(np.int64)


def emulator(patterns):
    def run(rows):
        value, quality = (part.reshape(-1, 18, 2).astype(np.int16) for part in np.split(rows, 2, axis=1))
        return np.stack(find_patterns(value, quality, patterns), axis=1).astype(np.int64)

    return run


def test_pattern_rtl_equals_the_emulator(patterns, rows, tmp_path):
    project, events, wrong, first = verify_patterns(
        circuit(patterns), emulator(patterns), iter([rows[:2000], rows[2000:]]), tmp_path / "patterns"
    )
    assert (events, wrong, first) == (4000, 0, None)
    assert project.latency == 7
    assert len(np.unique(emulator(patterns)(rows)[:, 0])) == PATTERNS + 1


def test_one_flipped_bit_of_a_pattern_table_is_noticed(patterns, rows, tmp_path):
    value = patterns.value.copy()
    value[0, 0, 3, 64] ^= 1  # the reference layer itself: read for every candidate with this reference
    other = emulator(dataclasses.replace(patterns, value=value))
    _, _, wrong, first = verify_patterns(circuit(patterns), other, iter([rows]), tmp_path / "patterns")
    assert wrong > 0
    assert first is not None


def test_pattern_tables_that_do_not_fit_are_refused(patterns, tmp_path):
    tables = circuit(patterns)
    with pytest.raises(InputError, match="offset"):
        generate_patterns(dataclasses.replace(tables, offset=tables.offset + 4000), tmp_path / "x")
    with pytest.raises(InputError, match="shift"):
        generate_patterns(dataclasses.replace(tables, shift=tables.shift + 8), tmp_path / "x")


@pytest.fixture(scope="module")
def small():
    return Graph.load(graph_path("muon_pt_small"))


@pytest.fixture(scope="module")
def muons():
    sample = generate(3000, 32, MuonSettings(noise=0.1))
    return muon_features(sample.value, sample.eta, sample.quality)[0].astype(np.int64)


def test_folded_rtl_hls_and_emulator_are_equal(small, muons, tmp_path):
    hls = {"hls": hls_implementation(hls_project("muon_pt_small", small, tmp_path), small)}
    folded, report = verify_folded(small, muons, tmp_path / "folded", extra=hls)
    assert report.passed, report.verdict
    assert report.crossings == report.checked["hls"] == report.checked["rtl"] == 3600
    assert (folded.interval, folded.project.latency) == (6, 6 + 3 * 4 + 4 * 3)


def flipped(graph):
    place = next(i for i, node in enumerate(graph.nodes) if node.op == "dense")
    node = graph.nodes[place]
    weight = node.constants["weight"]
    data = weight.data.copy()
    data[18, 0] += 1 if data[18, 0] < 0 else -1
    constants = dict(node.constants) | {"weight": Constant(weight.type, data)}
    nodes = list(graph.nodes)
    nodes[place] = dataclasses.replace(node, constants=constants)
    return Graph(graph.name, nodes, graph.outputs, dict(graph.meta))


def test_a_wrong_weight_and_a_late_clock_are_noticed(small, muons, tmp_path):
    folded = generate_folded(small, tmp_path / "folded")
    simulation = verilate(folded.project)
    with opened_spaced(simulation, folded.interval) as bench:
        assert not cosimulate(folded.project, flipped(small), {"muons": [muons]}, driver=bench).passed
    late = dataclasses.replace(simulation, project=dataclasses.replace(folded.project, latency=31))
    with opened_spaced(late, folded.interval) as bench:
        assert bench.stream(muons[:50]).misplaced > 0


def test_events_closer_than_the_interval_are_noticed(small, muons, tmp_path):
    folded = generate_folded(small, tmp_path / "folded")
    with opened_spaced(verilate(folded.project), folded.interval - 1) as bench:
        assert not cosimulate(folded.project, small, {"muons": [muons[:200]]}, driver=bench).passed


def test_unfoldable_graphs_are_refused(small, tmp_path):
    nodes = list(small.nodes)
    last = nodes[-1]
    nodes[-1] = dataclasses.replace(last, type=dataclasses.replace(last.type, rounding="TRN"))
    with pytest.raises(InputError, match="RND_CONV"):
        generate_folded(Graph("x", nodes, small.outputs), tmp_path / "x")
    with pytest.raises(InputError, match="inputs_per_clock"):
        generate_folded(small, tmp_path / "x", inputs_per_clock=0)


def test_unrolled_small_network_equals_the_emulator(small, muons, tmp_path):
    project = unroll(small, tmp_path / "unrolled")
    report = cosimulate(project, small, {"muons": [muons]})
    assert report.passed, report.verdict
    assert report.crossings == len(muons)
