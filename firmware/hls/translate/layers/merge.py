"""Two-input layers, transposition and embedding (nnet_merge.h, nnet_transpose.h, nnet_embed.h)."""

from __future__ import annotations

import numpy as np

from l1forge.emulator.graph.fixed import FixedType, holding
from l1forge.emulator.graph.graph import Constant, Node
from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.comparisons import ignores_sign
from l1forge.firmware.hls.translate.layers.dense import bits_to_signs
from l1forge.firmware.hls.translate.layers.registry import translator
from l1forge.firmware.hls.translate.layers.windows import transpose_order


def _operands(builder: Builder, call: Call) -> tuple[Node, Node, int]:
    """Both inputs, the shorter one repeated as ``data[i % n]`` does."""
    config = config_of(builder, call)
    a, b = (builder.value(name).node for name in call.arguments[:2])
    size = builder.source.integer(config, "n_elem", max(a.size, b.size))
    repeated = [builder.take(node, [i % node.size for i in range(size)], (size,)) for node in (a, b)]
    return repeated[0], repeated[1], size


@translator("add", "subtract", "multiply", "maximum", "minimum")
def elementwise(builder: Builder, call: Call) -> None:
    a, b, _ = _operands(builder, call)
    if call.function in ("maximum", "minimum"):
        first, second = (builder.value(name).cpp.fixed for name in call.arguments[:2])
        if ignores_sign(first, second) or ignores_sign(second, first):
            raise builder.refuse(
                "the C++ compares these types bit by bit, so that negative numbers count as large",
                f"{first} and {second}",
                "make both inputs signed, or narrower than 32 bits",
            )
        if builder.source.means(call.function, "common_type") and first != second:
            raise builder.refuse(
                "before hls4ml 1.2 the C++ chooses between two types, not alike with each compiler",
                f"{first} and {second}",
                "give both inputs one type",
            )
    result = call.arguments[2]
    builder.store(result, builder.pair(call.function, a, b, builder.declared(result).fixed, builder.layer))


@translator("average")
def average(builder: Builder, call: Call) -> None:
    a, b, _ = _operands(builder, call)
    result = call.arguments[2]
    half = Constant(FixedType(1, 0, False), np.array([1]))
    total = builder.pair("add", a, b)
    builder.store(
        result, builder.scaled(total, half, kind=builder.declared(result).fixed, name=builder.layer)
    )


def _ternary(builder: Builder, y: Node) -> Node:
    """The second operand of a ternary product: whatever is neither 0 nor -1 counts as +1, and so does -2."""
    if y.type.fraction or y.type.minimum < -2 or y.type.maximum > 1:
        raise builder.refuse("product of a ternary operand needs two bits", str(y.type))
    if y.type.minimum == -1:
        return y
    lowest = builder.pair("greater_equal", builder.number(-2), y)
    three = Constant(FixedType(2, 2, False), np.array([3]))
    return builder.pair("add", y, builder.scaled(lowest, three), FixedType(2, 2))


@translator("dot1d")
def dot1d(builder: Builder, call: Call) -> None:
    """Each product is cast to the accumulator, then they are added in order."""
    config = config_of(builder, call)
    a, b, result = call.arguments
    product = config.templates.get("product", "nnet::product::mult").split("::")[-1]
    x, y = builder.value(a).node, builder.value(b).node
    if product in ("data_binary", "weight_binary"):
        x, y = (bits_to_signs(builder, x), y) if product == "data_binary" else (x, bits_to_signs(builder, y))
    elif product == "weight_ternary":
        y = _ternary(builder, y)
    elif product != "mult":
        raise builder.refuse("product is not supported", product)
    accum = builder.source.type("accum_t", config).fixed
    terms = builder.pair("multiply", x, y, accum)
    builder.store(
        result,
        builder.add("sum", [terms], (1,), builder.declared(result).fixed, builder.layer, accum=str(accum)),
    )


@translator("concatenate1d", "concatenate2d", "concatenate3d")
def concatenate(builder: Builder, call: Call) -> None:
    config = config_of(builder, call)
    rank = int(call.function[len("concatenate")])
    first, second, result = call.arguments
    kind = builder.declared(result).fixed
    shapes = [[builder.source.integer(config, f"n_elem{k}_{i}") for i in range(rank)] for k in (1, 2)]
    axis = builder.source.integer(config, "axis", -1)
    axis = axis - 1 if axis > 0 else rank + axis if axis < 0 else 0
    axis = 0 if rank == 1 else min(axis, rank - 1)
    parts = [builder.value(name).node for name in (first, second)]
    flat = builder.add("concatenate", parts, (parts[0].size + parts[1].size,), kind, builder.layer, axis=0)
    numbers = [
        np.arange(part.size).reshape(shape) + offset
        for part, shape, offset in zip(parts, shapes, (0, parts[0].size), strict=True)
    ]
    order = np.concatenate(numbers, axis=axis).ravel().tolist()
    builder.store(result, builder.take(flat, order, flat.shape))


@translator("transpose")
def transpose(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    x = builder.value(source).node
    config = config_of(builder, call)
    order = transpose_order(builder, config)
    if builder.source.streamed and builder.source.integer(config, "dims") == 2:
        # io_stream does not read the permutation of a matrix: it always swaps
        rows, columns = builder.source.lists[str(builder.source.value(config, "from_shape"))]
        order = np.arange(rows * columns).reshape(rows, columns).T.ravel().tolist()
    moved = builder.take(x, order, x.shape)
    builder.store(result, builder.cast(moved, builder.declared(result).fixed, builder.layer))


@translator("embedding")
def embedding(builder: Builder, call: Call) -> None:
    """Rows of a matrix, selected by the input: element k of word v is table entry v·n_out + k."""
    config = config_of(builder, call)
    source, result, name = call.arguments
    n_in, n_out, rows = (builder.source.integer(config, key) for key in ("n_in", "n_out", "vocab_size"))
    x = builder.value(source).node
    if x.type.fraction > 0 or x.type.maximum >> max(-x.type.fraction, 0) >= rows or x.type.minimum < 0:
        raise builder.refuse(
            f"input {x.type} can name a word outside the vocabulary of {rows}",
            remedy=f"give the input at most {rows.bit_length() - 1} bits, or convert the model with"
            " l1forge import-model, which fills the table up",
        )
    table = builder.weight(name, "embeddings_t", config, rows * n_out)
    repeated = builder.take(x, np.repeat(np.arange(n_in), n_out).tolist(), (n_in * n_out,))
    offsets = np.tile(np.arange(n_out), n_in)
    index = builder.scaled(
        repeated,
        Constant(FixedType.integers(0, n_out), np.array([n_out])),
        Constant(holding(0, n_out - 1, 0), offsets),
    )
    node = builder.add(
        "table",
        [index],
        repeated.shape,
        builder.declared(result).fixed,
        builder.layer,
        {"table": table},
        offset=0,
    )
    builder.store(result, node)
