"""Random networks: layers, shapes, types and weights drawn so that every rounding and overflow is met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from emulator.fixed import Overflow, Rounding
from firmware.hls.fuzz.network import Network

Shape = tuple[int, ...]
ROUNDINGS = [mode.value for mode in Rounding]
OVERFLOWS = [mode.value for mode in Overflow if mode is not Overflow.WRAP_SM]  # hls4ml has no WRAP_SM


class Generator:
    """Draws one network; ``rng`` decides everything, so that a seed reproduces it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.layers: list[dict[str, Any]] = []
        self.precision: dict[str, dict[str, str]] = {}
        self.shapes: dict[str, Shape] = {}
        self.binary: dict[str, bool] = {}
        self.strategy, self.reuse = "Latency", 1

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def choice(self, options: Any) -> Any:
        return options[self.integer(0, len(options) - 1)]

    def type(self, low: int = 2, high: int = 14, exotic: float = 0.5, signed: bool | None = None) -> str:
        """A random type; binary points may lie outside the word."""
        width = self.integer(low, high)
        if self.chance(0.05):
            return f"{'' if signed or signed is None else 'u'}int<{width}>"
        if signed is None:
            signed = self.chance(0.75)
        integer = self.integer(0, width) if self.chance(0.92) else self.integer(-2, width + 2)
        text = f"{'' if signed else 'u'}fixed<{width},{integer}"
        if self.chance(exotic):
            text += f",{self.choice(ROUNDINGS)},{self.choice(OVERFLOWS)}"
            if text.endswith(",WRAP") and self.chance(0.1) and width > 3:
                text += f",{self.integer(1, 2)}"
        return text + ">"

    def weights(self, shape: Shape, scale: float = 1.0) -> Any:
        """Weights, often off their grid, with zeros."""
        values = self.rng.normal(0, scale, shape)
        values[self.rng.random(shape) < 0.25] = 0
        return np.round(values, 5).astype(np.float32).tolist()

    def add(self, kind: str, shape: Shape, inputs: list[str], types: dict[str, str], **fields: Any) -> str:
        name = f"{kind.lower()}{len(self.layers)}"
        self.layers.append({"class_name": kind, "name": name, "inputs": inputs, **fields})
        self.precision[name] = types
        self.shapes[name] = shape
        return name

    def network(self, depth: int) -> Network:
        """A chain of ``depth`` layers with side branches for the merges."""
        if self.chance(0.25):
            self.strategy, self.reuse = "Resource", self.integer(1, 8)
        start: list[Shape] = [(self.integer(2, 8),), (self.integer(3, 6), self.integer(1, 3))]
        shape = start[0] if self.chance(0.7) else start[1]
        if self.chance(0.1):
            shape = (self.integer(3, 5), self.integer(3, 5), self.integer(1, 2))
        words = self.chance(0.05) and len(shape) == 1
        kind = f"uint<{self.integer(2, 4)}>" if words else self.type(2, 12, 0.2)
        name = self.add("InputLayer", shape, ["input"], {"result": kind})
        self.layers[-1]["input_shape"] = list(shape)
        if words:
            name = embedding(self, name)
        for _ in range(depth):
            name = self.choice(_BY_RANK[len(self.shapes[name])])(self, name)
        label = " ".join(layer["class_name"] for layer in self.layers)
        outputs = [name]
        if self.chance(0.2):  # a second output, which other layers may read too
            other = self.choice(self.layers)
            if other["class_name"] in ("Dense", "Merge", "Activation", "BatchNormalization"):
                outputs += [other["name"]] if other["name"] != name else []
        return Network(self.layers, self.precision, outputs, self.strategy, self.reuse, label)


def _accumulated(g: Generator) -> dict[str, str]:
    types = {"weight": g.type(2, 8, 0.3), "bias": g.type(2, 8, 0.3), "result": g.type(3, 16)}
    if g.chance(0.6):
        types["accum"] = g.type(6, 18)
    else:
        types["accum"] = "fixed<40,24>"
    return types


def dense(g: Generator, x: str) -> str:
    n_in, n_out = g.shapes[x][-1], g.integer(1, 6)
    return g.add(
        "Dense", (*g.shapes[x][:-1], n_out), [x], _accumulated(g),
        n_in=n_in, n_out=n_out, weight_data=g.weights((n_in, n_out)), bias_data=g.weights((n_out,)),
        weight_quantizer=None, bias_quantizer=None, data_format="channels_last",
    )  # fmt: skip


def binary_dense(g: Generator, x: str) -> str:
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


def embedding(g: Generator, x: str) -> str:
    words = 1 << int(g.precision[x]["result"][5:-1])
    n_in, n_out = g.shapes[x][0], g.integer(1, 3)
    types = {"embeddings": g.type(3, 8, 0.3), "result": g.type(3, 10)}
    return g.add(
        "Embedding", (n_in, n_out), [x], types, n_in=n_in, n_out=n_out, vocab_size=words,
        embeddings_data=g.weights((words, n_out)),
    )  # fmt: skip


def einsum_dense(g: Generator, x: str) -> str:
    if g.strategy != "Latency":  # hls4ml has no other for it
        return dense(g, x)
    a, b = g.shapes[x]
    c = g.integer(1, 3)
    sizes = {"a": a, "b": b, "c": c}
    kernel, out = g.choice([("bc", "ac"), ("ac", "bc"), ("abc", "ac"), ("abc", "bc"), ("ac", "cb")])
    shapes = [tuple(sizes[letter] for letter in word) for word in (kernel, out)]
    types = _accumulated(g)
    return g.add(
        "EinsumDense", shapes[1], [x], types, equation=f"ab,{kernel}->{out}",
        weight_data=g.weights(shapes[0]), bias_data=g.weights(shapes[1]),
        inp_shape=[a, b], out_shape=list(shapes[1]),
    )  # fmt: skip


def einsum(g: Generator, x: str) -> str:
    if g.strategy != "Latency":  # hls4ml has no other for it
        return dense(g, x)
    a, b = g.shapes[x]
    other = _partner(g, x)
    out, second = g.choice([("ac", "cb"), ("a", "ab"), ("ab", "ab"), ("ca", "cb")])
    sizes = {"a": a, "b": b, "c": a}
    shape = tuple(sizes[letter] for letter in out)
    types = {"result": g.type(3, 14), "accum": f"fixed<{g.integer(8, 20)},{g.integer(3, 8)}>"}
    return g.add(
        "Einsum", shape, [x, other], types, equation=f"ab,{second}->{out}", inp0_shape=[a, b],
        inp1_shape=[a, b], out_shape=list(shape),
    )  # fmt: skip


def depthwise1d(g: Generator, x: str) -> str:
    if g.strategy != "Latency":  # hls4ml has no other for it
        return dense(g, x)
    width, channels = g.shapes[x]
    window = g.integer(1, min(3, width))
    count, left, right = _spatial(g, width, window, 1)
    return g.add(
        "DepthwiseConv1D", (count, channels), [x], _accumulated(g), in_width=width, out_width=count,
        n_chan=channels, n_filt=channels, depth_multiplier=1, filt_width=window, stride_width=1,
        pad_left=left, pad_right=right, data_format="channels_last", dilation=1,
        depthwise_data=g.weights((window, channels, 1)), bias_data=g.weights((channels,)),
        depthwise_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def batch_norm(g: Generator, x: str) -> str:
    shape = g.shapes[x]
    size = int(np.prod(shape))
    filters = -1 if len(shape) == 1 else shape[-1]
    count = size if filters == -1 else filters
    types = {"scale": g.type(2, 10), "bias": g.type(2, 10), "result": g.type(3, 14)}
    return g.add(
        "BatchNormalization", shape, [x], types, n_in=size, n_out=size, n_filt=filters,
        scale_data=g.weights((count,)), bias_data=g.weights((count,)), use_gamma=True, use_beta=True,
    )  # fmt: skip


PLAIN = ("relu", "linear", "sigmoid", "tanh", "softplus", "softsign", "selu", "binary_tanh", "ternary_tanh")


def activation(g: Generator, x: str) -> str:
    kind = g.choice(PLAIN)
    types = {"result": g.type(2, 12)}
    fields: dict[str, Any] = {"activation": kind}
    if kind in ("sigmoid", "tanh", "softplus", "softsign", "selu"):
        types["table"] = g.type(4, 18, 0.3)
        fields["table_size"] = g.choice([64, 256, 1024])
    return g.add("Activation", g.shapes[x], [x], types, n_in=int(np.prod(g.shapes[x])), **fields)


def parametrised(g: Generator, x: str) -> str:
    kind = g.choice(["LeakyReLU", "ThresholdedReLU", "ELU", "PReLU"])
    size = int(np.prod(g.shapes[x]))
    types = {"result": g.type(3, 12), "param": g.type(3, 12, 0.3)}
    fields: dict[str, Any] = {"activation": kind, "n_in": size}
    if kind == "PReLU":
        fields["param_data"] = g.weights(g.shapes[x], 0.5)
    else:
        fields["activ_param"] = float(np.round(abs(g.rng.normal(0.3, 0.4)) + 0.01, 4))
    if kind == "ELU":
        types["table"] = g.type(4, 18, 0.3)
        fields["table_size"] = g.choice([64, 256, 1024])
    return g.add(kind, g.shapes[x], [x], types, **fields)


def hard(g: Generator, x: str) -> str:
    kind = g.choice(["hard_sigmoid", "hard_tanh"])
    return g.add(
        "HardActivation", g.shapes[x], [x], {"result": g.type(2, 12)},
        n_in=int(np.prod(g.shapes[x])), activation=kind, slope=g.choice([0.2, 0.5, 0.25]), shift=0.5,
    )  # fmt: skip


def quantiser(g: Generator, x: str) -> str:
    """A type for each element, as trained by HGQ; zero bits drop the element."""
    shape = g.shapes[x]
    bits = g.rng.integers(0, 8, shape)
    signs, integers = g.rng.integers(0, 2, shape), g.rng.integers(-1, 5, shape)
    return g.add(
        "FixedPointQuantizer", shape, [x], {"result": "fixed<24,12>"}, overrides={}, fusible=False,
        RND=g.choice(ROUNDINGS), SAT=g.choice(OVERFLOWS),
        mask_kbi=[part.tolist() for part in (signs, bits, integers)],
    )  # fmt: skip


def softmax(g: Generator, x: str) -> str:
    """Quantised first, so that the tables match the number of input values."""
    width = g.integer(6, 9)
    start = g.add(
        "Activation", g.shapes[x], [x], {"result": f"fixed<{width},{g.integer(2, 4)},RND,SAT>"},
        n_in=int(np.prod(g.shapes[x])), activation="linear",
    )  # fmt: skip
    kind = g.choice(["latency", "stable", "legacy", "argmax"])
    types = {"result": g.type(4, 14, signed=False)}
    fields: dict[str, Any] = {}
    if kind != "legacy":
        inverse = g.integer(8, 12)
        types |= {
            "exp_table": f"ufixed<{g.integer(8, 16)},{g.integer(3, 8)},RND,SAT>",
            "inv_table": f"ufixed<{g.integer(8, 16)},{g.integer(1, 6)},RND,SAT>",
            "inv_inp": f"ufixed<{inverse},{g.integer(4, 8)},RND,SAT>",
            "accum": g.choice(["ufixed<20,12>", "ufixed<14,8,RND,SAT>", "ufixed<12,6,TRN,SAT>"]),
        }
        fields = {"exp_table_size": 1 << (width - 1), "inv_table_size": 1 << g.integer(6, 8)}
    else:
        fields = {"exp_table_size": 256, "inv_table_size": 256}
    return g.add(
        "Softmax", g.shapes[x], [start], types, n_in=int(np.prod(g.shapes[x])), axis=-1,
        activation="softmax", implementation=kind, **fields,
    )  # fmt: skip


def _partner(g: Generator, x: str) -> str:
    same = [name for name, shape in g.shapes.items() if shape == g.shapes[x] and name != x]
    return str(g.choice(same)) if same else dense_like(g, x)


def dense_like(g: Generator, x: str) -> str:
    """Another tensor of the same shape."""
    return g.add(
        "Activation", g.shapes[x], [x], {"result": g.type(3, 10)},
        n_in=int(np.prod(g.shapes[x])), activation="relu",
    )  # fmt: skip


def merge(g: Generator, x: str) -> str:
    other = _partner(g, x)
    operation = g.choice(["add", "subtract", "multiply", "average", "maximum", "minimum"])
    return g.add(
        "Merge", g.shapes[x], [x, other], {"result": g.type(3, 14)}, op=operation, data_format="channels_last"
    )


def concatenate(g: Generator, x: str) -> str:
    other = _partner(g, x)
    rank = len(g.shapes[x])
    axis = g.integer(1, rank)
    shape = list(g.shapes[x])
    shape[axis - 1] += g.shapes[other][axis - 1]
    return g.add(
        "Concatenate", tuple(shape), [x, other], {"result": g.type(3, 14)},
        op=f"concatenate{rank}d", axis=axis, data_format="channels_last",
    )  # fmt: skip


def dot(g: Generator, x: str) -> str:
    other = _partner(g, x)
    types = {"result": g.type(3, 14), "accum": g.type(6, 18)}
    return g.add("Dot", (1,), [x, other], types, op="dot1d", axes=1)


def flatten(g: Generator, x: str) -> str:
    size = int(np.prod(g.shapes[x]))
    return g.add("Reshape", (size,), [x], {"result": "auto"}, target_shape=[size])


def transpose(g: Generator, x: str) -> str:
    shape = g.shapes[x]
    order = [int(i) for i in g.rng.permutation(len(shape))]
    return g.add("Transpose", tuple(shape[i] for i in order), [x], {"result": "auto"}, perm=order)


def _spatial(g: Generator, size: int, window: int, stride: int) -> tuple[int, int, int]:
    """Output size and padding on both sides, valid or same."""
    if g.chance(0.5) and size >= window:
        return (size - window) // stride + 1, 0, 0
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    return count, total // 2, total - total // 2


def conv1d(g: Generator, x: str) -> str:
    width, channels = g.shapes[x]
    window, stride, filters = g.integer(1, min(3, width)), g.integer(1, 2), g.integer(1, 3)
    count, left, right = _spatial(g, width, window, stride)
    return g.add(
        "Conv1D", (count, filters), [x], _accumulated(g), in_width=width, out_width=count, n_chan=channels,
        n_filt=filters, filt_width=window, stride_width=stride, pad_left=left, pad_right=right,
        data_format="channels_last", weight_data=g.weights((window, channels, filters)), dilation=1,
        bias_data=g.weights((filters,)), weight_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def conv2d(g: Generator, x: str) -> str:
    height, width, channels = g.shapes[x]
    window, stride, filters = g.integer(1, 2), g.integer(1, 2), g.integer(1, 2)
    rows, top, bottom = _spatial(g, height, window, stride)
    columns, left, right = _spatial(g, width, window, stride)
    return g.add(
        "Conv2D", (rows, columns, filters), [x], _accumulated(g), in_height=height, in_width=width,
        out_height=rows, out_width=columns, n_chan=channels, n_filt=filters, filt_height=window,
        filt_width=window, stride_height=stride, stride_width=stride, pad_top=top, pad_bottom=bottom,
        pad_left=left, pad_right=right, data_format="channels_last",
        weight_data=g.weights((window, window, channels, filters)), bias_data=g.weights((filters,)),
        weight_quantizer=None, bias_quantizer=None,
    )  # fmt: skip


def pool1d(g: Generator, x: str) -> str:
    width, channels = g.shapes[x]
    window = g.integer(1, min(3, width))
    count, left, right = _spatial(g, width, window, window)
    return g.add(
        g.choice(["MaxPooling1D", "AveragePooling1D"]), (count, channels), [x],
        {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}, n_in=width, n_out=count, n_filt=channels,
        pool_width=window, stride_width=window, pad_left=left, pad_right=right,
        count_pad=g.chance(0.3), data_format="channels_last",
    )  # fmt: skip


def pool2d(g: Generator, x: str) -> str:
    height, width, channels = g.shapes[x]
    window = g.integer(1, min(2, height, width))
    rows, top, bottom = _spatial(g, height, window, window)
    columns, left, right = _spatial(g, width, window, window)
    return g.add(
        g.choice(["MaxPooling2D", "AveragePooling2D"]), (rows, columns, channels), [x],
        {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}, in_height=height, in_width=width,
        out_height=rows, out_width=columns, n_filt=channels, pool_height=window, pool_width=window,
        stride_height=window, stride_width=window, pad_top=top, pad_bottom=bottom, pad_left=left,
        pad_right=right, count_pad=g.chance(0.3), data_format="channels_last",
    )  # fmt: skip


def global_pool(g: Generator, x: str) -> str:
    shape = g.shapes[x]
    types = {"result": g.type(3, 12), "accum": g.type(6, 16, 0.3)}
    kind = g.choice(["GlobalMaxPooling", "GlobalAveragePooling"]) + f"{len(shape) - 1}D"
    sizes = {"n_in": shape[0]} if len(shape) == 2 else {"in_height": shape[0], "in_width": shape[1]}
    return g.add(kind, shape[-1:], [x], types, n_filt=shape[-1], data_format="channels_last", **sizes)


def zero_padding(g: Generator, x: str) -> str:
    width, channels = g.shapes[x]
    left, right = g.integer(0, 2), g.integer(0, 2)
    return g.add(
        "ZeroPadding1D", (width + left + right, channels), [x], {"result": "auto"}, in_width=width,
        out_width=width + left + right, n_chan=channels, pad_left=left, pad_right=right,
        data_format="channels_last",
    )  # fmt: skip


Maker = Callable[[Generator, str], str]
_BY_RANK: dict[int, list[Maker]] = {
    1: [dense, dense, dense, batch_norm, activation, activation, parametrised, hard, softmax, merge,
        concatenate, dot, binary_dense, quantiser],
    2: [dense, batch_norm, activation, parametrised, merge, concatenate, transpose, flatten, conv1d, conv1d,
        pool1d, global_pool, zero_padding, einsum_dense, einsum, depthwise1d, quantiser],
    3: [batch_norm, activation, conv2d, pool2d, global_pool, flatten, merge, concatenate, transpose],
}  # fmt: skip
