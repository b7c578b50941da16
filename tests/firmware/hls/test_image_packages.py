"""Packages as the calorimeter anomaly trigger is published: 252 regions in, one unsigned score out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel import compile_graph
from l1forge.firmware.hls.package.graph import import_package
from l1forge.simulation.regions import N_REGIONS, REGION_MAX
from l1forge.studies.packages import check_package

from .packages import Layout, changed, simple_wrapper, write_package

SCORE = "ap_ufixed<16,8,AP_RND_CONV,AP_SAT>"


def test_a_dense_student_on_the_experiments_regions_is_imported_exactly(tmp_path: Path) -> None:
    layout = Layout(sizes=(N_REGIONS, 15, 1), result=SCORE, wrapper=simple_wrapper("hls4ml_net_v1", "NN/"))
    package = write_package(tmp_path / "Net_v1", layout)
    defines = package / "NN" / "defines.h"
    text = changed(
        defines.read_text(), ("ap_fixed<14,6,AP_RND_CONV,AP_SAT> input_t", "ap_ufixed<10,10> input_t")
    )
    defines.write_text(text)
    imported = import_package(package)
    graph = imported.graph
    assert [str(node.type) for node in graph.inputs] == ["ufixed<10,10>"]
    assert (graph.inputs[0].size, graph[graph.outputs[0]].size) == (N_REGIONS, 1)
    assert str(graph[graph.outputs[0]].type) == "ufixed<16,8,RND_CONV,SAT>"
    found = check_package(imported, 800, optimisation="-O0")
    assert [comparison.mismatches for comparison in found] == [0] * len(found)


@pytest.mark.filterwarnings("ignore")  # TensorFlow, QKeras and hls4ml warn about each other
def test_a_convolutional_student_in_the_packages_layout_is_imported_exactly(tmp_path: Path) -> None:
    from l1forge.firmware.hls.converters.keras import convert_keras
    from l1forge.firmware.hls.translate.graph import export_graph, write_project
    from l1forge.models.calorimeter import network

    student = network.student()
    rng = np.random.default_rng(1)
    for name in network.STUDENT_LAYERS:
        layer = student.get_layer(name)
        layer.set_weights([rng.normal(0, 0.4, weight.shape) for weight in layer.get_weights()])
    model = convert_keras(student, "Net_v1", tmp_path / "project", network.INPUT_TYPE)
    own: Graph = export_graph(model)
    write_project(model)
    package = tmp_path / "Net_v1"
    shutil.copytree(tmp_path / "project" / "firmware", package)
    wrapper = changed(
        simple_wrapper(""),
        ("N_INPUT_1_1", str(N_REGIONS)),
        ("N_LAYER_4", "1"),
    )
    (package / "Net_emulator_v1.cpp").write_text(wrapper)
    imported = import_package(package)
    images = rng.integers(0, REGION_MAX + 1, (N_REGIONS, 500)) * (rng.random((N_REGIONS, 500)) < 0.05)
    scores = []
    for graph in (own, imported.graph):
        kernel = compile_graph(graph)
        values = {graph.inputs[0].name: np.ascontiguousarray(images, np.int16)}
        scores.append(kernel.run_array(values)[graph.outputs[0]].ravel())
    np.testing.assert_array_equal(*scores)
    assert len(np.unique(scores[0])) > 100
    found = check_package(imported, 400, optimisation="-O0")
    assert [comparison.mismatches for comparison in found] == [0] * len(found)
