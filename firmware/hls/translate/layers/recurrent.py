"""LSTM and GRU (nnet_recurrent.h), unrolled: the state begins at zero with every event.

hls4ml keeps the state in a static array that the first step of an event resets, or in a local one: the same
numbers. Each step is that of ``lstm_static`` and ``gru_static``.
"""

from __future__ import annotations

from collections.abc import Callable

from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config, CppType
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.activation_tables import SYMMETRIC, symmetric_node
from l1forge.firmware.hls.translate.layers.dense import dense_nodes
from l1forge.firmware.hls.translate.layers.registry import translator


class _Layer:
    """The arithmetic that both kinds share: ``gates`` matrices side by side."""

    def __init__(
        self, builder: Builder, config: Config, weights: list[str], state: CppType, gates: int
    ) -> None:
        self.builder, self.config, self.state = builder, config, state
        self.inputs = builder.source.integer(config, "n_in")
        self.size = builder.source.integer(config, "n_state")
        self.width = gates * self.size
        self.accum = builder.source.type("accum_t", config)
        kinds = ("weight_t", "recurrent_weight_t", "bias_t", "recurrent_bias_t")
        rows = (self.inputs, self.size, 1, 1)
        self.weight, self.recurrent, self.bias, self.recurrent_bias = (
            builder.weight(name, kind, config, n * self.width)
            for name, kind, n in zip(weights, kinds, rows, strict=True)
        )
        self.first, self.second = (builder.source.member(config, f"mult_config{k}") for k in (1, 2))

    def _matrix(self, weight: Constant, config: Config, rows: int) -> Constant:
        strategy = str(self.builder.source.value(config, "strategy", "latency"))
        if strategy.startswith("resource"):  # stored output by output
            return Constant(weight.type, weight.data.reshape(self.width, rows).T)
        return Constant(weight.type, weight.data.reshape(rows, self.width))

    def of_input(self, x: Node, kind: CppType) -> Node:
        """W·x + b of all steps at once: (steps, width)."""
        matrix = self._matrix(self.weight, self.first, self.inputs)
        return dense_nodes(self.builder, x, kind, matrix, self.bias, self.first, self.accum, None)

    def of_state(self, h: Node | None) -> Node:
        """U·h + b of one step; before the first one h is zero."""
        if h is None:
            return self.builder.cast(self.builder.constant(self.recurrent_bias), self.accum.fixed)
        matrix = self._matrix(self.recurrent, self.second, self.size)
        return dense_nodes(
            self.builder, h, self.state, matrix, self.recurrent_bias, self.second, self.accum, None
        )

    def part(self, x: Node, k: int, count: int = 1) -> Node:
        """The elements of gate ``k`` and ``count`` − 1 after it."""
        size = count * self.size
        return self.builder.take(x, range(k * self.size, k * self.size + size), (size,))

    def added(self, a: Node, b: Node) -> Node:
        return self.builder.pair("add", a, b, self.accum.fixed)

    def activated(self, key: str, member: str, x: Node) -> Node:
        """``activation`` or ``activation_recr`` of the config, with the table of its struct ``member``."""
        function = self.config.templates.get(key, "").split("::")[-1].split("<")[0].strip()
        kind = self.accum.fixed
        if function == "relu":
            return self.builder.add("relu", [x], x.shape, kind)
        if function not in SYMMETRIC:
            remedy = "use tanh, sigmoid or relu"
            raise self.builder.refuse("activation of a recurrent layer is not supported", function, remedy)
        config = self.builder.source.member(self.config, member)
        size = self.builder.source.integer(config, "table_size")
        return symmetric_node(
            self.builder, function, x, size, self.builder.source.type("table_t", config).fixed, kind
        )


def _lstm(layer: _Layer) -> Callable[[Node], Node]:
    """Gates i, f, c, o: s = i·c + f·s, h = o·act(s)."""
    builder, state = layer.builder, layer.state.fixed
    h: Node | None = None
    s: Node | None = None

    def step(x: Node) -> Node:
        nonlocal h, s
        total = layer.added(x, layer.of_state(h))
        n = layer.size
        order = [*range(2 * n), *range(3 * n, 4 * n)]
        gates = layer.activated("activation_recr", "ACT_CONFIG_LSTM", builder.take(total, order, (3 * n,)))
        candidate = layer.activated("activation", "ACT_CONFIG_T", layer.part(total, 2))
        new = builder.pair("multiply", candidate, layer.part(gates, 0), state if s is None else None)
        if s is not None:
            new = builder.pair("add", new, builder.pair("multiply", s, layer.part(gates, 1)), state)
        s = new
        through = layer.activated("activation", "ACT_CONFIG_T", s)
        h = builder.pair("multiply", layer.part(gates, 2), through, state)
        return h

    return step


def _gru(layer: _Layer) -> Callable[[Node], Node]:
    """Gates z, r (r, z in PyTorch's order), h: h = act(x + r·u)·(1 − z) + h·z."""
    builder, state = layer.builder, layer.state.fixed
    torch_order = str(builder.source.value(layer.config, "pytorch_order", "false")) in ("true", "1")
    reset, update = (0, 1) if torch_order else (1, 0)
    h: Node | None = None

    def step(x: Node) -> Node:
        nonlocal h
        u = layer.of_state(h)
        gates = layer.activated(
            "activation_recr", "ACT_CONFIG_GRU", layer.added(layer.part(x, 0, 2), layer.part(u, 0, 2))
        )
        past = builder.pair("multiply", layer.part(gates, reset), layer.part(u, 2), layer.accum.fixed)
        candidate = layer.activated("activation", "ACT_CONFIG_T", layer.added(layer.part(x, 2), past))
        z = layer.part(gates, update)
        rest = builder.pair("subtract", builder.number(1), z)
        new = builder.pair("multiply", candidate, rest, state if h is None else None)
        if h is not None:
            new = builder.pair("add", new, builder.pair("multiply", h, z), state)
        h = new
        return h

    return step


@translator("lstm_stack", "gru_stack")
def stack(builder: Builder, call: Call) -> None:
    """All steps of a sequence, forwards."""
    config = config_of(builder, call)
    _check(builder)
    if len(call.arguments) != 6:
        raise builder.refuse("a state that is given from outside is not supported", remedy="begin at zero")
    source, result, *weights = call.arguments
    x = builder.value(source)
    steps = builder.source.integer(config, "n_sequence")
    state = builder.declared(result)
    outputs = _unrolled(builder, config, x.node, x.cpp, weights, state, call.function, range(steps))
    if builder.source.integer(config, "n_sequence_out") == 1:
        outputs = outputs[-1:]
    _store(builder, result, outputs)


def _check(builder: Builder) -> None:
    if builder.source.streamed:
        raise builder.refuse("recurrent layers are not read in io_stream", remedy="use io_parallel")


def _unrolled(
    builder: Builder,
    config: Config,
    x: Node,
    kind: CppType,
    weights: list[str],
    state: CppType,
    function: str,
    order: range,
) -> list[Node]:
    """The state after each step, in the order in which the inputs are read."""
    layer = _Layer(builder, config, weights, state, 4 if function.startswith("lstm") else 3)
    shape = (len(order), layer.inputs)
    rows = x if x.shape == shape else builder.add("reshape", [x], shape, x.type)
    gates = layer.of_input(rows, kind)
    step = (_lstm if function.startswith("lstm") else _gru)(layer)
    width = layer.width
    return [step(builder.take(gates, range(k * width, (k + 1) * width), (width,))) for k in order]


def _store(builder: Builder, result: str, parts: list[Node]) -> None:
    kind = builder.declared(result).fixed
    if len(parts) == 1:
        builder.store(result, builder.cast(parts[0], kind, builder.layer))
        return
    size = sum(part.size for part in parts)
    builder.store(result, builder.add("concatenate", parts, (size,), kind, builder.layer, axis=0))


@translator("bidirectional_stack")
def bidirectional(builder: Builder, call: Call) -> None:
    """Two layers, the second from the end to the beginning; their states side by side."""
    _check(builder)
    config = config_of(builder, call)
    source, result, *weights = call.arguments
    x, state = builder.value(source), builder.declared(result)
    steps = builder.source.integer(config, "n_sequence")
    found = []
    for side, names, order in (
        ("forward", weights[:4], range(steps)),
        ("backward", weights[4:], range(steps - 1, -1, -1)),
    ):
        function = config.templates.get(f"RNNfunc_{side}", "").split("::")[-1]
        part = builder.source.member(config, f"{side.upper()}_CONFIG")
        found.append(_unrolled(builder, part, x.node, x.cpp, names, state, function, order))
    forward, backward = found
    if builder.source.integer(config, "n_sequence_out") == 1:
        _store(builder, result, [forward[-1], backward[-1]])
        return
    _store(builder, result, [part for pair in zip(forward, reversed(backward), strict=True) for part in pair])
