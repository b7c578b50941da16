"""PyTorch networks nobody here made: the graph is the network, exactly, and the compiled C++ is the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.reference import evaluate
from l1forge.firmware.hls.converters.torch import convert_torch
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.translate.graph import import_project, write_project
from l1forge.firmware.verify import compare, compare_with_graph

Shapes = list[tuple[int, ...]]
EVENTS = 60


pytestmark = pytest.mark.usefixtures("quiet_frameworks")


class Network(nn.Module):
    """Layers by name, and ``forward`` as a function of them and the inputs."""

    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Any) -> Any:
        return self._forward(self, x)


class Pair(Network):
    """A network of two inputs."""

    def forward(self, jets: Any, muons: Any) -> Any:  # type: ignore[override]
        return self._forward(self, jets, muons)


def _snapped(network: nn.Module) -> nn.Module:
    """All parameters multiples of 1/4, batch norm scales of 1/2: then float arithmetic is exact too."""
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randint(-4, 5, parameter.shape, generator=generator) / 4
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.eps = 0.0
            module.running_var.fill_(4.0)
            module.running_mean.copy_(torch.arange(len(module.running_mean)) / 2)
    return network.eval()


def _compare(network: nn.Module, shapes: Shapes, folder: Path, compiled: bool = False) -> None:
    """Inputs are integers in a type with four fractional bits: averages of up to 16 of them are exact."""
    network = _snapped(network)
    hls = convert_torch(
        network,
        shapes,
        "net",
        folder,
        "fixed<8,4>",
        default_precision="fixed<22,12>",
        max_precision="fixed<52,32>",
    )
    write_project(hls)
    graph = import_project(folder)
    rng = np.random.default_rng(3)
    inputs = [16 * rng.integers(-8, 8, (EVENTS, int(np.prod(shape)))) for shape in shapes]
    expected = network(
        *(
            torch.tensor(x.reshape(-1, *s) / 16, dtype=torch.float32)
            for x, s in zip(inputs, shapes, strict=True)
        )
    )
    expected = list(expected.values()) if isinstance(expected, dict) else expected
    expected = [expected] if isinstance(expected, torch.Tensor) else expected
    found = evaluate(graph, {node.name: x for node, x in zip(graph.inputs, inputs, strict=True)})
    for name, values in zip(graph.outputs, expected, strict=True):
        scaled = np.ldexp(values.detach().double().numpy(), graph[name].type.fraction)
        integers = scaled.astype(np.int64)
        assert (integers == scaled).all()
        assert compare(name, integers, found[name]).first is None
        assert len(np.unique(found[name])) > 3
    if compiled:
        results = CompiledProject(folder, QUICK)(inputs)
        assert [r.first for r in compare_with_graph(graph, inputs, results)] == [None] * len(results)


def _residual(net: Any, x: Any) -> Any:
    h = net.bn(net.a(x))
    for block in (net.b, net.c):
        h = h + F.relu(block(h))
    return {"mu": net.mu(h), "h": h, "two": net.two(torch.cat([h, F.hardtanh(h[:, 2:5], -2, 3), x * 2], 1))}


def _two(net: Any, jets: Any, muons: Any) -> Any:
    pairs = torch.einsum("bij,bkj->bik", net.point(jets), muons)
    pooled = torch.cat((F.relu(net.point(jets)).mean(dim=1), muons.sum(1), muons.amax(dim=1)), dim=-1)
    return net.out(pooled), 1 - pairs.transpose(1, 2)


def _image(net: Any, x: Any) -> Any:
    h = F.relu6(net.bn(net.conv(x)))
    h = F.max_pool2d(torch.cat([h, net.one(x)], dim=1), 2) - 0.5
    return net.out(h.view(h.size(0), -1))


def test_residual_network_with_three_outputs(tmp_path: Path) -> None:
    layers = {"a": nn.Linear(6, 5), "b": nn.Linear(5, 5, bias=False), "c": nn.Linear(5, 5)}
    layers |= {"mu": nn.Linear(5, 2), "two": nn.Linear(14, 3)}
    _compare(Network(_residual, bn=nn.BatchNorm1d(5), **layers), [(6,)], tmp_path, compiled=True)


def test_two_inputs_of_points(tmp_path: Path) -> None:
    network = Pair(_two, point=nn.Linear(3, 3), out=nn.Linear(9, 2))
    _compare(network, [(4, 3), (2, 3)], tmp_path, compiled=True)


def test_sum_behind_a_layer_along_a_sequence(tmp_path: Path) -> None:
    """hls4ml merges the two, and forgets it when it makes a convolution of the layer."""
    _compare(Network(lambda net, x: 3 - net.l(x), l=nn.Linear(3, 4)), [(5, 3)], tmp_path, compiled=True)


def test_layer_normalisation(tmp_path: Path) -> None:
    """A table of inverse roots: close to PyTorch for variances between 0.1 and 16, equal to the C++."""
    network = nn.Sequential(nn.LayerNorm(4)).eval()
    write_project(convert_torch(network, [(3, 4)], "net", tmp_path, "fixed<9,4>"))
    graph = import_project(tmp_path)
    inputs = np.random.default_rng(3).integers(-127, 128, (EVENTS, 12))
    found = CompiledProject(tmp_path, QUICK)(inputs)
    assert compare_with_graph(graph, inputs, found)[0].first is None
    rows = inputs.reshape(-1, 4) / 32
    expected = network(torch.tensor(rows.reshape(-1, 3, 4), dtype=torch.float32)).detach().numpy()
    error = np.abs(found[0] * graph[graph.outputs[0]].type.lsb - expected.reshape(EVENTS, -1)).reshape(-1, 4)
    assert error[rows.var(axis=1) > 0.1].max() < 0.005


def test_convolutions(tmp_path: Path) -> None:
    layers = {"conv": nn.Conv2d(2, 3, 3, padding="same"), "one": nn.Conv2d(2, 2, 1), "out": nn.Linear(20, 2)}
    _compare(Network(_image, bn=nn.BatchNorm2d(3), **layers), [(2, 4, 5)], tmp_path, compiled=True)


def _simple(function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda net, x: function(x)


MATRIX = torch.arange(12).reshape(4, 3) / 4 - 1

FUNCTIONS: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "slice": ((6,), lambda x: x[:, 1:4]),
    "step": ((6,), lambda x: x[:, ::2]),
    "element": ((3, 4), lambda x: x[:, -1]),
    "column": ((3, 4), lambda x: x[:, :, 1]),
    "middle": ((2, 4, 3), lambda x: x[:, :, 1:3]),
    "chunk": ((6,), lambda x: torch.chunk(x, 2, dim=1)[1] - torch.split(x, 3, 1)[0]),
    "flip": ((5,), lambda x: x.flip(1)),
    "permute": ((2, 3, 4), lambda x: x.permute(0, 3, 1, 2)),
    "method chain": (
        (2, 6),
        lambda x: x.contiguous().transpose(1, 2).reshape(-1, 12).unsqueeze(1).squeeze(1),
    ),
    "flatten": ((2, 3), lambda x: 2 * torch.flatten(x, start_dim=1)),
    "constants": ((4,), lambda x: (2 * x - 1) / 4 + torch.tensor([0.5, 1.0, 2.0, -1.0])),
    "negative": ((4,), lambda x: 3 - (-x)),
    "square": ((4,), lambda x: x**2 + x * x),
    "absolute": ((4,), lambda x: x.abs()),
    "clamp": ((4,), lambda x: torch.clamp(x, -0.5, 2)),
    "clamp one side": ((4,), lambda x: x.clamp(max=1.5)),
    "maximum": ((4,), lambda x: torch.maximum(x, -x) - torch.max(x, 2 * x)),
    "leaky": ((4,), lambda x: F.leaky_relu(x, 0.25)),
    "threshold": ((4,), lambda x: F.threshold(x, 0.5, 0)),
    "sum": ((3, 4), lambda x: torch.sum(x, dim=2)),
    "mean": ((4, 3), lambda x: x.mean(1, keepdim=True)),
    "max": ((4, 3), lambda x: x.max(dim=1).values),
    "max pool with padding": ((2, 5), lambda x: F.max_pool1d(F.relu(x), 3, stride=2, padding=1)),
    "average pool": ((2, 4, 4), lambda x: F.avg_pool2d(x, (2, 4))),
    "adaptive pool": ((2, 4, 4), lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1)),
    "pad": ((2, 3), lambda x: F.pad(x, (1, 2))),
    "map of constants": ((2, 3), lambda x: F.max_pool1d(x, 1) * torch.tensor([[1.0, 2, 0.5], [3, -1, 1]])),
    "broadcast": ((3, 4), lambda x: x + x[:, :1]),
    "mask": ((3, 4), lambda x: x * x[:, :, :1]),
    "pairs": ((3, 2), lambda x: (x.unsqueeze(1) - x.unsqueeze(2)).flatten(1)),
    "smallest": ((4, 3), lambda x: x.amin(1)),
    "stack": ((3,), lambda x: torch.stack([x, 2 * x], dim=2)),
    "einsum with constants": ((4, 3), lambda x: torch.einsum("bnf,ne->bef", x, MATRIX)),
    "einsum over two axes": ((2, 3), lambda x: torch.einsum("nfk,bnf->bk", MATRIX.reshape(2, 3, 2)[:2], x)),
    "interpolate": ((2, 3), lambda x: F.interpolate(x, scale_factor=2)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, tmp_path: Path) -> None:
    shape, function = FUNCTIONS[name]
    _compare(Network(_simple(function)), [shape], tmp_path)


LAYERS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "one layer": ((5,), lambda: nn.Linear(5, 3)),
    "prelu": ((5,), lambda: nn.Sequential(nn.Linear(5, 4), nn.PReLU(4), nn.PReLU())),
    "nested": ((4,), lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU6()), nn.Dropout())),
    "points": ((3, 4), lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(15, 2))),
    "groups": ((4, 6), lambda: nn.Conv1d(4, 6, 3, groups=2, stride=2, padding=1)),
    "dilation": ((2, 6, 5), lambda: nn.Conv2d(2, 2, 2, dilation=(2, 1), bias=False)),
    "to dense": (
        (2, 6), lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 2)),
    ),
    "zero padding": ((1, 3, 4), lambda: nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), nn.Conv2d(1, 2, 2))),
    "hard tanh": ((4,), lambda: nn.Sequential(nn.Linear(4, 3), nn.Hardtanh())),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str, tmp_path: Path) -> None:
    shape, make = LAYERS[name]
    _compare(make(), [shape], tmp_path)


def _nan() -> nn.Module:
    layer = nn.Linear(4, 2)
    layer.weight.data[0, 0] = float("nan")
    return layer


def _large() -> nn.Module:
    layer = nn.Linear(4, 2)
    layer.weight.data[0, 0] = 40.0
    return layer


def _branch(net: Any, x: Any) -> Any:
    return x if x.sum() > 0 else -x


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "shape": (lambda: nn.Linear(3, 2), "does not run on inputs of the given shape"),
    "nan": (_nan, "layer _0: a weight is not finite"),
    "range": (_large, r"layer _0: 1 constants do not fit .*got 40.0"),
    "operation": (lambda: nn.Sequential(nn.Linear(4, 4), nn.GELU()), "layer _1.*gelu.*use SiLU or ReLU"),
    "branch": (lambda: Network(_branch), "cannot trace forward"),
    "batch": (lambda: Network(_simple(lambda x: x.sum())), "no longer the batch"),
    "mixes": (lambda: Network(_simple(lambda x: x.roll(1, 0))), "mixes events"),
    "input": (lambda: Network(_simple(lambda x: x.view(-1, 2, 2))), "output is an input"),
    "twice": (lambda: Network(lambda net, x: [net.a(x)] * 2, a=nn.ReLU()), "output twice"),
    "in place": (lambda: Network(lambda net, x: x.relu_() + x), "in place"),
    "inputs": (lambda: Pair(lambda net, x, y: x + y), "takes 2 inputs"),
    "no module": (lambda: {"weight": 1}, "is not a torch.nn.Module"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_are_one_line(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        convert_torch(make(), (4,), "net", tmp_path / "hls", "fixed<8,4>")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hls").exists()


def test_jet_tagger_with_softmax(tmp_path: Path) -> None:
    """Wide inferred logits would index one entry of the softmax's table: they are narrowed to its bits.

    hls4ml's own tables would make it 0.46: differences wrap, and inverses have a step of a quarter.
    """
    torch.manual_seed(2)
    layers = (nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 5), nn.Softmax(dim=1))
    network = nn.Sequential(*layers).eval()
    write_project(convert_torch(network, (16,), "net", tmp_path, "fixed<10,4>"))
    graph = import_project(tmp_path)
    inputs = np.random.default_rng(1).integers(-512, 512, (EVENTS, 16))
    found = CompiledProject(tmp_path, QUICK)(inputs)
    assert compare_with_graph(graph, inputs, found)[0].first is None
    expected = network(torch.tensor(inputs / 64, dtype=torch.float32)).detach().numpy()
    assert np.abs(found[0] * graph[graph.outputs[0]].type.lsb - expected).max() < 0.01
    with pytest.raises(InputError, match="unknown strategy"):
        convert_torch(network, (16,), "net", tmp_path, "fixed<10,4>", strategy="Fast")


def test_types_of_inputs_by_name(tmp_path: Path) -> None:
    network = Pair(lambda net, jets, muons: net.out(torch.cat([jets, muons], 1)), out=nn.Linear(5, 2))
    types = {"jets": "fixed<8,4>", "muons": "ufixed<6,6>"}
    write_project(convert_torch(network, [(3,), (2,)], "net", tmp_path, types))
    graph = import_project(tmp_path)
    assert {node.name: str(node.type) for node in graph.inputs} == types
    with pytest.raises(InputError, match=r"input has no type.*muons"):
        convert_torch(network, [(3,), (2,)], "net", tmp_path, {"jets": "fixed<8,4>"})


def test_exported_program_is_the_same_network(tmp_path: Path) -> None:
    layers = {"a": nn.Linear(6, 5), "b": nn.Linear(5, 5, bias=False), "c": nn.Linear(5, 5)}
    layers |= {"mu": nn.Linear(5, 2), "two": nn.Linear(14, 3)}
    network = _snapped(Network(_residual, bn=nn.BatchNorm1d(5), **layers))
    program = torch.export.export(network, (torch.zeros(2, 6),))
    rng = np.random.default_rng(0)
    inputs = rng.integers(-128, 128, (EVENTS, 6))
    found = []
    for name, form, shape in (("module", network, (6,)), ("program", program, None)):
        write_project(convert_torch(form, shape, "net", tmp_path / name, "fixed<8,4>"))
        graph = import_project(tmp_path / name)
        found.append(list(evaluate(graph, {graph.inputs[0].name: inputs}).values()))
    assert all(compare("export", a, b).first is None for a, b in zip(*found, strict=True))


def test_integer_inputs_are_refused_by_name(tmp_path: Path) -> None:
    program = torch.export.export(nn.Sequential(nn.Embedding(8, 2)), (torch.zeros(2, 3, dtype=torch.int64),))
    with pytest.raises(InputError, match=r"takes integers.*Keras"):
        convert_torch(program, None, "net", tmp_path, "uint<3>")
