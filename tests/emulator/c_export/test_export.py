"""The exported C++ header, compiled, gives the kernel's integers; its C ABI and example work."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from l1forge.emulator.c_export import export_c
from l1forge.emulator.c_export.export import identifier
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.kernel import compile_graph
from tests.emulator.kernel.random_graphs import OPERATIONS, corner_inputs, random_graph

FLAGS = ("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror")


def named(seed: int) -> Graph:
    graph = random_graph(
        seed, 2 + seed % 3, OPERATIONS[seed % len(OPERATIONS)], widest=(10, 18, 26)[seed % 3]
    )
    return Graph(f"Random {seed}", graph.nodes, graph.outputs)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Two graphs per operation in one translation unit, warnings as errors."""
    folder = tmp_path_factory.mktemp("export")
    graphs = []
    for seed in range(2 * len(OPERATIONS)):
        graph = named(seed)
        header = export_c(graph, folder)
        assert header.name == f"random_{seed}.hpp"
        graphs.append(graph)
    text = "".join(f'#include "random_{seed}.hpp"\n' for seed in range(len(graphs)))
    (folder / "all.cpp").write_text(text)
    shared = folder / "all.so"
    subprocess.run(["g++", *FLAGS, "-fPIC", "-shared", "all.cpp", "-o", shared], cwd=folder, check=True)
    return ctypes.CDLL(str(shared)), graphs


def evaluate(library, graph: Graph, x: np.ndarray) -> np.ndarray:
    """The C batch entry on (n, inputs) integers: (n, outputs)."""
    outputs = sum(graph[name].size for name in graph.outputs)
    result = np.zeros((len(x), outputs), np.int64)
    call = getattr(library, f"{identifier(graph.name)}_evaluate_batch")
    call.restype = ctypes.c_int64
    given = np.ascontiguousarray(x.reshape(len(x), -1), np.int32)
    bad = call(
        ctypes.c_void_p(given.ctypes.data), ctypes.c_void_p(result.ctypes.data), ctypes.c_int64(len(x))
    )
    assert bad == 0
    return result


@pytest.mark.parametrize("seed", range(2 * len(OPERATIONS)))
def test_equal_to_kernel(library, seed):
    shared, graphs = library
    graph = graphs[seed]
    x = corner_inputs(graph, 300, seed)
    expected = compile_graph(graph, backend="interpreter").run_rows(x)
    columns = [expected[name].reshape(len(x), -1) for name in graph.outputs]
    np.testing.assert_array_equal(evaluate(shared, graph, x), np.concatenate(columns, axis=1))


def test_out_of_range_input_is_reported(library):
    shared, graphs = library
    graph = graphs[0]
    node = graph.inputs[0]
    x = (ctypes.c_int32 * node.size)(*[0] * (node.size - 1), node.type.maximum + 1)
    result = (ctypes.c_int64 * 99)()
    assert shared.random_0_evaluate(x, result) == node.size


def test_example_reads_events(tmp_path):
    graph = named(6)
    header = export_c(graph, tmp_path)
    program = tmp_path / "example"
    source = header.with_name("random_6_example.cpp")
    subprocess.run(["g++", *FLAGS, source, "-o", program], check=True)
    x = corner_inputs(graph, 20)
    text = "\n".join(" ".join(map(str, row.reshape(-1))) for row in x)
    answer = subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout
    expected = compile_graph(graph).run_rows(x)
    columns = np.concatenate([expected[name].reshape(len(x), -1) for name in graph.outputs], axis=1)
    np.testing.assert_array_equal(
        np.array([list(map(int, line.split())) for line in answer.splitlines()]), columns
    )


def test_names_cannot_escape_into_code(tmp_path):
    evil = 'x */ int main() { return 1; } /* "'
    node = Node(evil, "input", (), (1,), FixedType(8, 8))
    cast = replace(node, name="y\n#error", op="cast", inputs=(evil,))
    header = export_c(Graph(evil, [node, cast], ["y\n#error"]), tmp_path)
    text = header.read_text()
    assert "#error" not in text
    assert "return 1; }" not in text
    subprocess.run(
        ["g++", *FLAGS, "-fsyntax-only", "-x", "c++", header.with_name(header.stem + "_example.cpp")],
        check=True,
    )


def test_wide_input_is_refused(tmp_path):
    node = Node("x", "input", (), (1,), FixedType(40, 40))
    cast = Node("y", "cast", ("x",), (1,), FixedType(8, 8))
    with pytest.raises(InputError, match="32 bits"):
        export_c(Graph("wide", [node, cast], ["y"]), tmp_path)
    assert not list(tmp_path.iterdir())


def test_header_in_two_translation_units(tmp_path):
    """The C interface is defined once and can be declared anywhere."""
    export_c(named(1), tmp_path)
    (tmp_path / "one.cpp").write_text('#include "random_1.hpp"\n')
    (tmp_path / "two.cpp").write_text(
        '#define RANDOM_1_DECLARE_ONLY\n#include "random_1.hpp"\n'
        "int main() {\n"
        "  std::int32_t input[random_1_model::n_inputs] = {};\n"
        "  std::int64_t output[random_1_model::n_outputs];\n"
        "  return random_1_evaluate(input, output);\n}\n"
    )
    subprocess.run(["g++", *FLAGS, "one.cpp", "two.cpp", "-o", "both"], cwd=tmp_path, check=True)
    subprocess.run(["./both"], cwd=tmp_path, check=True)
