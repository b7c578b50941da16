"""Softmax in hls4ml's four implementations (nnet_activation.h)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, wrap
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call, Config
from l1forge.firmware.hls.project.weights import constant
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.activation_tables import bits_table, check_index, exp, single
from l1forge.firmware.hls.translate.layers.registry import translator


def index_table(
    kind: FixedType, target: FixedType, size: int, function: Callable[[float], float]
) -> Constant:
    """``function`` of the value whose top bits are the index and whose other bits are zero."""
    bits = (size - 1).bit_length()
    raw = np.arange(size, dtype=object) << max(kind.width - bits, 0)
    integers = wrap(raw, kind.width, kind.signed)
    return constant([function(single(math.ldexp(int(v), -kind.fraction))) for v in integers], target, (size,))


def _inverse(x: float) -> float:
    return math.inf if x == 0 else single(1.0 / x)


@translator("softmax", "softmax_multidim")
def softmax(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    source, result = call.arguments
    x = builder.value(source).node
    n_slice = builder.source.integer(config, "n_slice", x.size)
    outer, inner = 1, 1
    if call.function == "softmax_multidim":
        outer, inner = (builder.source.integer(config, key) for key in ("n_outer", "n_inner"))
    if builder.source.streamed:  # one slice a word, along the channels
        n_slice = builder.source.pack(call.template[0])
        outer = x.size // n_slice
    implementation = str(builder.source.value(config, "implementation", "latency"))
    numbers = np.arange(outer * n_slice * inner).reshape(outer, n_slice, inner)
    parts = [builder.take(x, numbers[:, j, :].ravel().tolist(), (outer * inner,)) for j in range(n_slice)]
    kind = builder.declared(result).fixed
    made = _IMPLEMENTATIONS.get(implementation)
    if made is None:
        raise builder.refuse("softmax implementation is not known", implementation)
    joined = _join(builder, made(builder, config, parts, kind))
    back = np.argsort(numbers.transpose(1, 0, 2).ravel()).tolist()
    builder.store(result, builder.cast(builder.take(joined, back, x.shape), kind, builder.layer))


def _join(builder: Builder, parts: Sequence[Node]) -> Node:
    size = sum(part.size for part in parts)
    return builder.add("concatenate", parts, (size,), parts[0].type, axis=0)


def _spread(builder: Builder, node: Node, count: int) -> Node:
    """``node`` repeated ``count`` times, to meet the joined parts."""
    return builder.take(node, np.tile(np.arange(node.size), count).tolist(), (count * node.size,))


def _split(builder: Builder, node: Node, count: int) -> list[Node]:
    size = node.size // count
    return [builder.take(node, range(j * size, (j + 1) * size), (size,)) for j in range(count)]


def _one_size(builder: Builder) -> bool:
    """Whether the project's headers are those of hls4ml before 1.2."""
    names = ("softmax_latency", "softmax_stable", "softmax_legacy")
    old = {builder.source.means(name, "one_table_size") for name in names}
    if len(old) > 1 and not builder.source.streamed:
        raise builder.refuse("the project's headers mix functions of softmax of several releases of hls4ml")
    return old.pop() if len(old) == 1 else builder.source.means(names[0], "one_table_size")


def _normalise(
    builder: Builder, config: Config, exponentials: Node, count: int, kind: FixedType
) -> list[Node]:
    """The sum by hls4ml's adder tree, its inverse from a table, and the products."""
    old = _one_size(builder)  # one size of table, and one type for exponentials and their sum
    keys = ("exp_table_t", "exp_table_t", "inv_table_t") if old else ("accum_t", "inv_inp_t", "inv_table_t")
    accum, inverse_in, inverse = (builder.source.type(key, config).fixed for key in keys)
    values = builder.cast(exponentials, accum)
    total = builder.cast(builder.reduce("add", _split(builder, values, count), accum), inverse_in)
    size = builder.source.integer(config, "table_size" if old else "inv_table_size")
    table = index_table(inverse_in, inverse, size, _inverse)
    inverted = bits_table(builder, total, inverse, table)
    product = builder.pair("multiply", values, _spread(builder, inverted, count), kind)
    return [product]


def _latency(builder: Builder, config: Config, parts: list[Node], kind: FixedType) -> list[Node]:
    scale = float(builder.source.value(config, "exp_scale", 1.0))
    x = _join(builder, parts)
    target = builder.source.type("exp_table_t", config).fixed
    size = builder.source.integer(config, "table_size" if _one_size(builder) else "exp_table_size")
    table = index_table(x.type, target, size, lambda v: exp(single(v * single(scale))))
    return _normalise(builder, config, bits_table(builder, x, target, table), len(parts), kind)


def _stable(builder: Builder, config: Config, parts: list[Node], kind: FixedType) -> list[Node]:
    if _one_size(builder):
        return _stable_below(builder, config, parts, kind)
    scale = float(builder.source.value(config, "exp_scale", 1.0))
    normed, target = (builder.source.type(key, config).fixed for key in ("inp_norm_t", "exp_table_t"))
    largest = builder.reduce("maximum", parts)
    x = _join(builder, parts)
    below = builder.pair("subtract", _spread(builder, largest, len(parts)), x, normed)
    size = builder.source.integer(config, "exp_table_size")
    table = index_table(normed, target, size, lambda v: exp(-single(v * single(scale))))
    return _normalise(builder, config, bits_table(builder, below, target, table), len(parts), kind)


def _stable_below(builder: Builder, config: Config, parts: list[Node], kind: FixedType) -> list[Node]:
    """Before hls4ml 1.2: differences are negative, rounded and saturated, then cast to the logits' type."""
    target = builder.source.type("exp_table_t", config).fixed
    largest = builder.reduce("maximum", parts)
    x = _join(builder, parts)
    logits = x.type
    width = FixedType(logits.width, logits.integer, True, Rounding.RND, Overflow.SAT)
    below = builder.pair("subtract", x, _spread(builder, largest, len(parts)), width)
    below = builder.cast(below, logits)
    size = builder.source.integer(config, "table_size")
    table = index_table(logits, target, size, exp)
    return _normalise(builder, config, bits_table(builder, below, target, table), len(parts), kind)


def _legacy(builder: Builder, config: Config, parts: list[Node], kind: FixedType) -> list[Node]:
    """1 / Σ exp(x_j − x_i), each from a table of one type that also holds the sum."""
    target = builder.source.type("table_t", config).fixed if "table_t" in config.types else FixedType(18, 8)
    one = builder.source.streamed or _one_size(builder)
    keys = ("table_size", "table_size") if one else ("exp_table_size", "inv_table_size")
    exp_size, inv_size = (builder.source.integer(config, key, 1024) for key in keys)
    exponential = constant(
        [exp(single(16.0 * (i - exp_size / 2.0) / exp_size)) for i in range(exp_size)], target
    )
    inverse = constant([1.0 / single(64.0 * i / inv_size) if i else 0.0 for i in range(inv_size)], target)
    first = builder.constant(constant(np.ones(parts[0].shape), target))
    results = []
    for i, x in enumerate(parts):
        total: Node | None = None
        for j, other in enumerate(parts):
            term = first
            if i != j:
                difference = builder.pair("subtract", other, x)
                check_index(builder, difference, exp_size)
                term = builder.add(
                    "table",
                    [difference],
                    difference.shape,
                    target,
                    constants={"table": exponential},
                    multiplier=exp_size,
                    shift=difference.type.fraction + 4,
                    offset=exp_size // 2,
                    index_rounding="TRN_ZERO",
                )
            total = term if total is None else builder.pair("add", total, term, target)
        assert total is not None
        results.append(
            builder.add(
                "table",
                [total],
                x.shape,
                kind,
                constants={"table": inverse},
                multiplier=inv_size,
                shift=total.type.fraction + 6,
                offset=0,
                index_rounding="TRN_ZERO",
            )
        )
    return results


def _argmax(builder: Builder, config: Config, parts: list[Node], kind: FixedType) -> list[Node]:
    """One for the first largest element, zero for the others."""
    one = builder.constant(Constant(FixedType(1, 1, False), np.ones(parts[0].shape, np.int64)))
    results = []
    for i, x in enumerate(parts):
        wins = one
        for j, other in enumerate(parts):
            if j < i:  # must be strictly above an earlier element
                earlier = builder.pair("greater_equal", other, x)
                wins = builder.pair(
                    "multiply", wins, builder.pair("subtract", one, earlier, one.type), one.type
                )
            elif j > i:
                wins = builder.pair("multiply", wins, builder.pair("greater_equal", x, other), one.type)
        results.append(builder.cast(wins, kind))
    return results


_IMPLEMENTATIONS: dict[str, Callable[[Builder, Config, list[Node], FixedType], list[Node]]] = {
    "latency": _latency,
    "stable": _stable,
    "legacy": _legacy,
    "argmax": _argmax,
}
