"""io_stream projects: the same layers with other data movement, compared with their own compiled C++."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.fuzz.campaign import build
from l1forge.firmware.hls.fuzz.network import DISTRIBUTED, Network
from l1forge.firmware.hls.translate.graph import import_project

from .networks import compare, drawn

pytestmark = pytest.mark.filterwarnings("ignore")

WIDE = {"accum": "fixed<16,8>", "result": "fixed<12,6,RND,SAT>"}
SATURATING = {"accum": "fixed<9,5,RND,SAT>", "result": "fixed<10,5>"}
CHAINS: dict[str, tuple[tuple[str, ...], tuple[int, ...], int, int]] = {
    "clones and merges": (("dense", "batch_norm", "merge", "concatenate", "dense"), (5,), 4, 20),
    "convolution and pooling": (("conv1d", "pool1d", "concatenate", "global_pool"), (6, 3), 11, 20),
    "two dimensions": (("conv2d", "pool2d", "batch_norm"), (5, 4, 2), 5, 20),
    "depthwise, padded, transposed": (("zero_padding", "depthwise1d", "transpose"), (5, 2), 2, 20),
    "softmax": (("softmax",), (4,), 2, 2),
    "softmax of pixels": (("conv1d", "softmax"), (4, 3), 7, 1),
}


@pytest.mark.parametrize("case", CHAINS)
def test_chain(case: str, tmp_path: Path) -> None:
    makers, shape, seed, varied = CHAINS[case]
    types = None if makers[-1] == "softmax" else WIDE
    compare(drawn(*makers, shape=shape, types=types, seed=seed, io="io_stream"), tmp_path, varied=varied)


@pytest.mark.parametrize("kind", ["AveragePooling1D", "MaxPooling1D"])
def test_window_is_held_in_the_accumulator(kind: str, tmp_path: Path) -> None:
    """A tree of saturating sums, where io_parallel adds in order."""
    network = drawn(
        "pool1d",
        shape=(9, 2),
        types={"accum": "fixed<6,3,RND,SAT>", "result": "fixed<8,3>"},
        seed=1,
        io="io_stream",
    )
    network.layers[-1] |= {"class_name": kind, "pool_width": 3, "stride_width": 3, "n_out": 3}
    compare(network, tmp_path, varied=10)


@pytest.mark.parametrize("activation", ["ternary_tanh", "selu"])
def test_activations_that_differ_from_io_parallel(activation: str, tmp_path: Path) -> None:
    layer = {"class_name": "Activation", "name": "a", "inputs": ["x"], "n_in": 4, "activation": activation}
    layers = [{"class_name": "InputLayer", "name": "x", "inputs": ["input"], "input_shape": [4]}, layer]
    types = {"x": {"result": "fixed<6,2>"}, "a": {"result": "fixed<8,3>", "table": "fixed<10,4>"}}
    if activation == "ternary_tanh":  # of its own class it gets no call
        layer |= {"quantizer_precision": None}
        types["a"] = {"result": "fixed<2,2>"}
    compare(Network(layers, types, ["a"], io="io_stream"), tmp_path, varied=2)


def test_resource_and_distributed_arithmetic(tmp_path: Path) -> None:
    network = drawn("dense", shape=(6,), types=SATURATING, seed=5, strategy="Resource", io="io_stream")
    network.reuse = 3
    compare(network, tmp_path / "resource")
    chain = drawn("conv1d", "dense", shape=(5, 2), seed=9, strategy=DISTRIBUTED, io="io_stream")
    compare(chain, tmp_path / "distributed")


@pytest.mark.parametrize("reuse", [2, 6])  # below and above the number of channels
def test_depthwise_with_resource_strategy(reuse: int, tmp_path: Path) -> None:
    """Products of a channel are added in the order of the reuse loop, which saturation makes visible."""
    types = {"accum": "fixed<7,3,TRN,SAT>", "result": "fixed<7,3>"}
    network = drawn("depthwise1d", shape=(6, 3), types=types, seed=8, strategy="Resource", io="io_stream")
    assert network.layers[-1]["class_name"] == "DepthwiseConv1D"
    network.reuse = reuse
    compare(network, tmp_path)
    network.io = "io_parallel"
    with pytest.raises(InputError, match="stops at an assertion with this strategy"):
        build(network, "net0", tmp_path / "parallel")


def test_sizes_without_bridge(tmp_path: Path) -> None:
    """Only the firmware folder is left: the first layer tells how many elements it reads."""
    for number, (maker, shape) in enumerate([("dense", (5,)), ("conv1d", (5, 2)), ("pool1d", (6, 2))]):
        folder = tmp_path / str(number)
        build(drawn(maker, shape=shape, types=WIDE, seed=9, io="io_stream"), "net0", folder)
        expected = import_project(folder).inputs[0].shape
        (folder / "net0_bridge.cpp").unlink()
        assert import_project(folder).inputs[0].shape == expected


def test_functions_without_streams_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="for io_parallel only"):
        build(drawn("layer_norm", shape=(3, 4), io="io_stream"), "net0", tmp_path)


def test_words_of_other_sizes_are_refused(tmp_path: Path) -> None:
    """hls4ml leaves words of a flattened tensor as they were, and reads on after their end."""
    network = drawn("flatten", "activation", shape=(4, 3), seed=1, io="io_stream")
    with pytest.raises(InputError, match="have words of 3, 12 elements") as caught:
        build(network, "net0", tmp_path)
    assert "layer activation" in str(caught.value)


def test_padded_pooling_is_refused(tmp_path: Path) -> None:
    build(drawn("pool1d", shape=(6, 2), types=WIDE, seed=9, io="io_stream"), "net0", tmp_path)
    path = tmp_path / "firmware" / "parameters.h"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"pad_left = 0", "pad_left = 1", text), encoding="utf-8")
    with pytest.raises(InputError, match="stops at an assertion"):
        import_project(tmp_path)
