"""Random layers with weights along the last axis."""

from __future__ import annotations

import numpy as np

from l1forge.firmware.hls.fuzz.draw import Draw
from l1forge.firmware.hls.fuzz.element_layers import partner


def accumulated(g: Draw) -> dict[str, str]:
    types = {"weight": g.type(2, 8, 0.3), "bias": g.type(2, 8, 0.3), "result": g.type(3, 16)}
    if g.chance(0.6):
        types["accum"] = g.type(6, 18)
    else:
        types["accum"] = "fixed<40,24>"
    return types


def dense(g: Draw, x: str) -> str:
    n_in, n_out = g.shapes[x][-1], g.integer(1, 6)
    return g.add(
        "Dense", (*g.shapes[x][:-1], n_out), [x], accumulated(g),
        n_in=n_in, n_out=n_out, weight_data=g.weights((n_in, n_out)), bias_data=g.weights((n_out,)),
        weight_quantizer=None, bias_quantizer=None, data_format="channels_last",
    )  # fmt: skip


def binary_dense(g: Draw, x: str) -> str:
    """Weights of one or two bits on any input; sometimes a whole binary block with merged batch norm."""
    quantizer = g.choice(["binary", "ternary"])
    n_in, n_out = g.shapes[x][-1], g.integer(1, 6)
    block = g.chance(0.6)
    if block:
        tanh, marks = g.choice([("binary_tanh", "xnor"), ("ternary_tanh", None)])
        fields = {"quantizer_precision": marks} if marks else {}
        types = {} if marks else {"result": "fixed<2,2>"}
        x = g.add("Activation", g.shapes[x], [x], types, n_in=n_in, activation=tanh, **fields)
    types = {"bias": g.type(2, 4, 0), "accum": "fixed<16,10>", "result": g.type(6, 12, 0.3)}
    y = g.add(
        "Dense", (n_out,), [x], types,
        n_in=n_in, n_out=n_out, weight_data=g.weights((n_in, n_out)), bias_data=g.weights((n_out,)),
        weight_quantizer=quantizer, bias_quantizer=None, data_format="channels_last",
    )  # fmt: skip
    if block and g.chance(0.7):
        y = batch_norm(g, y)
        y = g.add(
            "Activation", (n_out,), [y], {"result": "fixed<2,2>"}, n_in=n_out,
            activation=g.choice(["binary_tanh", "ternary_tanh"]),
        )  # fmt: skip
    return y


def embedding(g: Draw, x: str) -> str:
    words = 1 << int(g.precision[x]["result"][5:-1])
    n_in, n_out = g.shapes[x][0], g.integer(1, 3)
    types = {"embeddings": g.type(3, 8, 0.3), "result": g.type(3, 10)}
    return g.add(
        "Embedding", (n_in, n_out), [x], types, n_in=n_in, n_out=n_out, vocab_size=words,
        embeddings_data=g.weights((words, n_out)),
    )  # fmt: skip


def einsum_dense(g: Draw, x: str) -> str:
    if g.strategy == "Resource":  # hls4ml has no other for it
        return dense(g, x)
    a, b = g.shapes[x]
    c = g.integer(1, 3)
    sizes = {"a": a, "b": b, "c": c}
    kernel, out = g.choice([("bc", "ac"), ("ac", "bc"), ("abc", "ac"), ("abc", "bc"), ("ac", "cb")])
    shapes = [tuple(sizes[letter] for letter in word) for word in (kernel, out)]
    types = accumulated(g)
    return g.add(
        "EinsumDense", shapes[1], [x], types, equation=f"ab,{kernel}->{out}",
        weight_data=g.weights(shapes[0]), bias_data=g.weights(shapes[1]),
        inp_shape=[a, b], out_shape=list(shapes[1]),
    )  # fmt: skip


def einsum(g: Draw, x: str) -> str:
    if g.strategy == "Resource":  # hls4ml has no other for it
        return dense(g, x)
    a, b = g.shapes[x]
    other = partner(g, x)
    out, second = g.choice([("ac", "cb"), ("a", "ab"), ("ab", "ab"), ("ca", "cb")])
    sizes = {"a": a, "b": b, "c": a}
    shape = tuple(sizes[letter] for letter in out)
    types = {"result": g.type(3, 14), "accum": f"fixed<{g.integer(8, 20)},{g.integer(3, 8)}>"}
    return g.add(
        "Einsum", shape, [x, other], types, equation=f"ab,{second}->{out}", inp0_shape=[a, b],
        inp1_shape=[a, b], out_shape=list(shape),
    )  # fmt: skip


def batch_norm(g: Draw, x: str) -> str:
    shape = g.shapes[x]
    size = int(np.prod(shape))
    filters = -1 if len(shape) == 1 else shape[-1]
    count = size if filters == -1 else filters
    types = {"scale": g.type(2, 10), "bias": g.type(2, 10), "result": g.type(3, 14)}
    return g.add(
        "BatchNormalization", shape, [x], types, n_in=size, n_out=size, n_filt=filters,
        scale_data=g.weights((count,)), bias_data=g.weights((count,)), use_gamma=True, use_beta=True,
    )  # fmt: skip
