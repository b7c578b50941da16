"""A PyTorch network as a list of operations on one event, whichever way it was written.

Modules, functions, tensor methods and the operators of ``torch.export`` all become named operations. The
network is run once on random events, so that sizes and constants are numbers and every operation that only
moves elements is known by the elements it moves.
"""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.frontend.program import Operation, Program, Value, refuse
from l1forge.firmware.hls.converters.frontend.torch_modules import as_function, attention, recurrent

if TYPE_CHECKING:
    from torch import Tensor as FxTensor
    from torch.export import ExportedProgram
    from torch.fx import Graph as FxGraph
    from torch.fx import GraphModule
    from torch.fx import Node as FxNode
    from torch.nn import Module

BATCH = 13  # a size that networks rarely have
MOVES = {
    *("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "ravel", "view_as", "reshape_as"),
    *("transpose", "permute", "movedim", "moveaxis", "swapaxes", "swapdims", "t", "flip", "roll"),
    *("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "narrow", "select", "slice", "getitem"),
    *("index", "index_select", "expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave"),
    *("getattr", "pixel_shuffle", "channel_shuffle"),
}
"""Operations whose result holds elements of their input and nothing else."""

SAME = {
    *("identity", "contiguous", "detach", "clone", "float", "double", "to", "type_as", "alias"),
    *("to_copy", "lift_fresh_copy"),
    *("dropout", "alpha_dropout", "feature_dropout", "dropout1d", "dropout2d"),
}
"""Operations that do nothing at inference."""


def read_program(network: Module, input_shapes: Sequence[tuple[int, ...]] | None = None) -> Program:
    """The operations of a ``torch.nn.Module`` or of a ``torch.export.ExportedProgram`` at inference.

    Parameters
    ----------
    input_shapes
        Shape of one event of each input, without the batch axis; an exported program knows its own.

    Raises
    ------
    InputError
        If the network cannot be traced or run on such inputs.
    """
    import torch

    if isinstance(network, torch.export.ExportedProgram):
        traced, samples = _exported(network)
    elif isinstance(network, torch.nn.Module):
        if input_shapes is None:
            raise InputError(
                "a torch.nn.Module needs the shapes of its inputs",
                field="input_shape",
                remedy="give one for each, without the batch axis",
            )
        traced, samples = _symbolic(network, input_shapes)
    else:
        raise InputError(
            "is not a torch.nn.Module", field="network", value=type(network).__name__, remedy="load it first"
        )
    places = [node for node in traced.graph.nodes if node.op == "placeholder"]
    required = [node for node in places if not node.args]
    if not len(required) <= len(samples) <= len(places):
        raise InputError(
            f"the network takes {len(places)} inputs ({', '.join(n.name for n in places)})",
            field="input_shape",
            value=f"{len(samples)} shapes",
            remedy="give one shape for each, without the batch axis",
        )
    return _Reader(traced, samples).program


def traced_network(network: Module, input_shapes: Sequence[tuple[int, ...]]) -> Any:
    """The ``torch.fx.GraphModule`` whose nodes have the names of the operations of ``read_program``.

    Raises
    ------
    InputError
        If the network cannot be traced.
    """
    import torch

    exported = isinstance(network, torch.export.ExportedProgram)
    return (_exported(network) if exported else _symbolic(network, input_shapes))[0]


def _symbolic(network: Module, shapes: Sequence[tuple[int, ...]]) -> tuple[Any, list[Any]]:
    import torch

    kinds = {type(module).__module__.split(".")[0] for module in network.modules()}
    if "brevitas" in kinds:
        raise InputError(
            "Brevitas layers lose their quantisers here",
            field="network",
            remedy="convert it through QONNX: export_qonnx, then convert_onnx",
        )
    network = copy.deepcopy(network).cpu().eval()
    types = {p.dtype for p in network.parameters()} or {torch.float32}
    if not types <= {torch.float32, torch.float64}:
        network = network.float()
        types = {torch.float32}
    if _leaf(network):  # a network of one layer is not traced through
        network = torch.nn.Sequential(network)
    parameters = list(inspect.signature(network.forward).parameters.values())[len(shapes) :]
    fixed = {p.name: p.default for p in parameters if p.default is not p.empty}
    try:
        traced = torch.fx.GraphModule(network, torch.fx.Tracer().trace(network, concrete_args=fixed))
    except Exception as error:  # whatever forward() does with the proxies
        raise InputError(
            f"torch.fx cannot trace forward(): {' '.join(str(error).split())}",
            field="network",
            remedy="take decisions on data out of forward(), or export it with torch.export",
        ) from error
    generator = torch.Generator().manual_seed(0)
    dtype = max(types, key=lambda t: t.itemsize)
    return traced, [torch.randn((BATCH, *shape), generator=generator, dtype=dtype) for shape in shapes]


def _leaf(module: Module) -> bool:

    return type(module).__module__.startswith("torch.nn") and not any(module.children())


def _exported(program: ExportedProgram) -> tuple[Any, list[Any]]:
    import torch

    traced = program.module()
    generator = torch.Generator().manual_seed(0)
    samples = []
    for node in traced.graph.nodes:
        if node.op == "placeholder":
            sample = node.meta["val"]
            sizes = [int(s) if isinstance(s, int) else BATCH for s in sample.shape]
            if not sample.dtype.is_floating_point:
                raise refuse(
                    "takes integers, as an embedding does", node.name, str(sample.dtype),
                    "use Keras for networks with an Embedding, or give the network floats",
                )  # fmt: skip
            samples.append(torch.randn(sizes, generator=generator, dtype=sample.dtype))
    return traced, samples


def _kind(node: FxNode) -> str:
    """The operation's plain name: ``F.relu``, ``x.relu_()`` and ``aten.relu.default`` are all ``relu``."""
    if node.op == "call_method":
        name = str(node.target)
    else:
        name = str(getattr(node.target, "__name__", node.target)).split(".")[0]
    return name if name.endswith("__") or name == "requires_grad_" else name.rstrip("_").lstrip("_") or name


class _Reader:
    """Runs the traced network node by node and writes down what it does."""

    def __init__(self, traced: GraphModule, samples: list[Any]) -> None:
        self.traced = traced
        self.batch = int(samples[0].shape[0]) if samples and samples[0].ndim else 0
        self.program = Program([])
        self.results: dict[Any, Any] = {}
        self.values: dict[Any, Any] = {}  # node -> Value (or a tuple of them) where it depends on the inputs
        self.modules = dict(traced.named_modules())
        needed = _needed(traced.graph)
        places = iter(samples)
        for node in traced.graph.nodes:
            if node.op == "placeholder":
                self._input(node, next(places, None))
            elif node.op == "output":
                self.program.outputs = list(self._outputs(node.args[0]))
            elif node in needed:
                self._operation(node)

    def _input(self, node: FxNode, sample: Any) -> None:
        if sample is None:  # an argument with a default value
            self.results[node] = node.args[0]  # its default
            return
        self.results[node] = sample
        self.values[node] = Value(node.name, tuple(sample.shape[1:]))
        self.program.inputs.append(self.values[node])

    def _outputs(self, result: FxTensor) -> Iterator[Value]:
        import torch

        if isinstance(result, torch.fx.Node):
            value = self.values.get(result)
            for one in value if isinstance(value, tuple) else (value,):
                if not isinstance(one, Value):
                    raise refuse("output does not depend on the inputs", result.name)
                yield one
        elif isinstance(result, dict | list | tuple):
            for part in result.values() if isinstance(result, dict) else result:
                yield from self._outputs(part)

    def _operation(self, node: FxNode) -> None:
        import torch

        try:
            result = self._run(node, self.results.__getitem__)
        except Exception as error:  # whatever the layer says of a wrong shape
            raise InputError(
                f"does not run on inputs of the given shape: {' '.join(str(error).split())}",
                field=f"layer {node.name}",
                remedy="check the shapes of the inputs, without the batch axis",
            ) from error
        self.results[node] = result
        if not any(n in self.values for n in node.all_input_nodes):
            return
        module = self.modules.get(node.target) if node.op == "call_module" else None
        if type(module).__name__ in ("LSTM", "GRU", "RNN"):
            self._recurrent(node, module, result[0])
            return
        parts = result if isinstance(result, tuple | list) else [result]
        if not any(isinstance(part, torch.Tensor) for part in parts):
            return  # a size: a number from here on
        kind, arguments, options = self._described(node)
        first = arguments[0] if arguments else None
        if kind in SAME:
            self.values[node] = first
        elif isinstance(first, tuple) and kind in ("getitem", "getattr"):
            place = arguments[1]
            self.values[node] = first[{"values": 0, "indices": 1}.get(place, place)]
            if isinstance(self.values[node], _Missing):
                raise refuse(self.values[node].problem, node.name, place, self.values[node].remedy)
        elif isinstance(first, tuple) and kind in MOVES:
            self.values[node] = self._of_layers(node, first, kind)
        elif kind in MOVES and isinstance(first, Value):
            self._move(node, first)
        else:
            self._check_inplace(node, kind)
            values = result if isinstance(result, torch.Tensor) else result[0]
            made = self._value(node.name, values)
            self.program.operations.append(Operation(node.name, kind, arguments, options, made))
            self.values[node] = made if isinstance(result, torch.Tensor) else (made, _missing(kind))

    def _recurrent(self, node: FxNode, module: Module, result: FxTensor) -> None:
        """Layer by layer; the final states are elements of the sequences."""
        arguments = [self.values.get(a, a) for a in node.args]
        x, states = arguments[0], []
        steps, width = int(result.shape[1]), int(result.shape[2])
        layers = recurrent(module, node.name, tuple(arguments))
        for k, (kind, sides, size) in enumerate(layers):
            name = node.name if k == len(layers) - 1 else f"{node.name}_layer{k}"
            made = Value(name, (steps, width))
            back = sides[1] if len(sides) > 1 else None
            self.program.operations.append(Operation(name, kind, (x, sides[0], back), {}, made))
            numbers = np.arange(steps * width).reshape(steps, width)
            for side, index in enumerate((numbers[-1, :size], numbers[0, size:])[: len(sides)]):
                state = Value(f"{name}_state{side}", (size,))
                move = Operation(state.name, "move", (made,), {}, state, index.astype(np.int64))
                self.program.operations.append(move)
                states.append(state)
            x = made
        cells = _Missing("the cells' final state is not supported", "use the output, or the state h")
        self.values[node] = (
            x,
            tuple(states) if module.__class__.__name__ == "GRU" else (tuple(states), cells),
        )

    def _of_layers(self, node: FxNode, states: tuple[Any, ...], kind: str) -> Any:
        """What a network does to final states, whose first axis is the layer: squeeze, if there is one."""
        if kind in ("squeeze", "flatten", "view", "reshape") and len(states) == 1:
            return states[0]
        raise refuse(
            "changes the final states of a recurrent layer, whose first axis is not the batch", node.name,
            kind, "take one layer's, h[-1], first",
        )  # fmt: skip

    def _described(self, node: FxNode) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        import torch

        def known(other: FxNode) -> Any:
            return self.values.get(other, self.results.get(other))

        arguments = torch.fx.node.map_arg(node.args, known)
        options = dict(torch.fx.node.map_arg(node.kwargs, known))
        for name in ("input", "self", "tensors"):
            if name in options:
                arguments = (options.pop(name), *arguments)
        if node.op != "call_module":
            kind = _kind(node)
            if kind == "batch_norm" and isinstance(node.target, torch._ops.OpOverload):
                x, weight, bias, mean, variance, *rest = arguments  # the function's order is another
                arguments = (x, mean, variance, weight, bias, *rest)
            return kind, tuple(arguments), options
        module = self.modules[node.target]
        if type(module).__name__ == "MultiheadAttention":
            return attention(module, node.name, tuple(arguments), options)
        return as_function(self.modules[node.target], node.name, (*arguments, *options.values()))

    def _run(self, node: FxNode, look_up: Callable[[Any], Any]) -> Any:
        import torch

        arguments = torch.fx.node.map_arg(node.args, look_up)
        options = torch.fx.node.map_arg(node.kwargs, look_up)
        if node.op == "call_module":
            return self.modules[node.target](*arguments, **options)
        if node.op == "get_attr":
            return operator.attrgetter(node.target)(self.traced)
        if node.op == "call_method":
            return getattr(arguments[0], node.target)(*arguments[1:], **options)
        return node.target(*arguments, **options)

    def _value(self, name: str, result: FxTensor) -> Value:
        if not result.ndim or result.shape[0] != self.batch:
            raise refuse(
                "the first axis of the result is no longer the batch", name, tuple(result.shape),
                "keep the batch axis first and untouched",
            )  # fmt: skip
        return Value(name, tuple(int(n) for n in result.shape[1:]))

    def _move(self, node: FxNode, source: Value) -> None:
        """Send element numbers through the operation: the result tells which elements it holds."""
        import torch

        numbers = torch.arange(self.batch * source.size).reshape(self.batch, *source.shape)
        moved = self._run(node, lambda n: numbers if self.values.get(n) is source else self.results[n])
        parts = [moved] if isinstance(moved, torch.Tensor) else list(moved)
        values = []
        for k, part in enumerate(parts):
            value = self._value(node.name if len(parts) == 1 else f"{node.name}_{k}", part)
            rows = part.reshape(self.batch, -1).numpy()
            if (rows != rows[0] + source.size * np.arange(self.batch)[:, None]).any():
                raise refuse("mixes events of the batch", node.name, remedy="keep the batch axis first")
            index = rows[0].astype(np.int64)
            self.program.operations.append(Operation(value.name, "move", (source,), {}, value, index))
            values.append(value)
        self.values[node] = values[0] if isinstance(moved, torch.Tensor) else tuple(values)

    def _check_inplace(self, node: FxNode, kind: str) -> None:
        inplace = str(node.target).endswith("_") or node.kwargs.get("inplace", False)
        if node.op == "call_module":
            inplace = getattr(self.modules[node.target], "inplace", False)
        if inplace and any(len(n.users) > 1 for n in node.all_input_nodes[:1] if n in self.values):
            raise refuse(
                "works in place on a tensor that is used elsewhere", node.name, kind, "use inplace=False"
            )


@dataclass(frozen=True)
class _Missing:
    """A result that has no counterpart."""

    problem: str
    remedy: str


def _missing(kind: str) -> _Missing:
    if kind == "multi_head_attention":
        return _Missing("the weights of an attention are not supported", "use the first result only")
    return _Missing("positions of a maximum are not supported", "use the values only")


def _needed(graph: FxGraph) -> set[Any]:
    """The nodes that an output depends on."""
    needed: set[Any] = set()
    waiting = [node for node in graph.nodes if node.op == "output"]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting.extend(node.all_input_nodes)
    return needed
