"""Functions of Keras 3 and of TensorFlow that a Keras network calls on its tensors, as operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.program import Value, refuse

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader

MOVES = {
    *("Flatten", "Reshape", "Permute", "Cropping1D", "Cropping2D", "RepeatVector"),
    *(
        "GetItem",
        "Transpose",
        "ExpandDims",
        "Squeeze",
        "BroadcastTo",
        "Flip",
        "Split",
        "Repeat",
        "Tile",
        "Moveaxis",
    ),
    *("Swapaxes", "Take", "__operators__.getitem", "reshape", "transpose", "expand_dims", "squeeze", "split"),
    *("tile", "repeat", "reverse", "gather", "unstack", "broadcast_to", "strided_slice", "slice"),
}
"""Layers and functions whose result holds elements of their input and nothing else."""

SAME = {"identity", "stop_gradient", "StopGradient", "convert_to_tensor", "identity_n"}
"""Functions that do nothing at inference."""

CONSTANTS = {"ZerosLike": 0.0, "OnesLike": 1.0, "zeros_like": 0.0, "ones_like": 1.0}


class Named:
    """A call of a function: its arguments by place or name, or kept in the operation (Keras 3)."""

    def __init__(self, call: KerasCall, kind: str) -> None:
        self.call, self.kind = call, kind
        self.name, self.shape = call.name, call.shapes[0]

    def get(self, place: int, *names: str, default: Any = None) -> Any:
        if place < len(self.call.arguments):
            return self.call.arguments[place]
        for name in names:
            if name in self.call.options:
                return self.call.options[name]
        for name in names:
            if hasattr(self.call.layer, name) and self.kind[:1].isupper():
                return getattr(self.call.layer, name)
        return default


Reader = Callable[["KerasReader", Named], Value]


def _plain(kind: str, count: int) -> Reader:
    """A function of ``count`` arguments."""
    names = (("x", "x1", "condition", "input"), ("y", "x2"), ("z",))

    def read(reader: KerasReader, named: Named) -> Value:
        arguments = [constant(named.get(k, *names[k])) for k in range(count)]
        return reader.add(kind, named.shape, *arguments, name=named.name)

    return read


def constant(value: Any) -> Any:
    """A constant as NumPy has it; tensors of the network stay."""
    return value if isinstance(value, Value) or value is None else np.asarray(value)


def _reduction(kind: str) -> Reader:
    def read(reader: KerasReader, named: Named) -> Value:
        axis = named.get(1, "axis")
        keep = bool(named.get(2, "keepdims", default=False))
        x = named.get(0, "x", "input_tensor", "input")
        if axis is None:
            raise refuse("reduces the batch axis too", named.name, named.kind, "give the axis")
        return reader.add(kind, named.shape, x, [int(a) for a in np.ravel(axis)], keep, name=named.name)

    return read


def _where(reader: KerasReader, named: Named) -> Value:
    parts = [named.get(0, "condition"), named.get(1, "x1", "x"), named.get(2, "x2", "y")]
    return reader.add("where", named.shape, *map(constant, parts), name=named.name)


def _cast(reader: KerasReader, named: Named) -> Value:
    kind = str(getattr(named.get(1, "dtype"), "name", named.get(1, "dtype")))
    x = named.get(0, "x")
    if kind.startswith(("float", "bfloat")):
        return x  # type: ignore[no-any-return]
    return reader.add("bool" if kind == "bool" else "int", named.shape, x, name=named.name)


def _clip(reader: KerasReader, named: Named) -> Value:
    low, high = named.get(1, "x_min", "clip_value_min"), named.get(2, "x_max", "clip_value_max")
    return reader.add("clamp", named.shape, named.get(0, "x", "t"), low, high, name=named.name)


def _joined(kind: str) -> Reader:
    def read(reader: KerasReader, named: Named) -> Value:
        parts, axis = named.get(0, "xs", "x", "values"), named.get(1, "axis", default=0)
        return reader.add(kind, named.shape, parts, int(axis), name=named.name)

    return read


def _softmax(reader: KerasReader, named: Named) -> Value:
    axis = named.get(1, "axis", default=-1)
    x = named.get(0, "x", "logits")
    return reader.add("softmax", named.shape, x, int(-1 if axis is None else axis), name=named.name)


def _einsum(reader: KerasReader, named: Named) -> Value:
    subscripts = getattr(named.call.layer, "subscripts", None)
    arguments = list(named.call.arguments)
    equation = arguments.pop(0) if subscripts is None else subscripts
    return reader.add("einsum", named.shape, str(equation), *map(constant, arguments), name=named.name)


def _leaky(reader: KerasReader, named: Named) -> Value:
    slope = named.get(1, "negative_slope", "alpha", default=0.2)
    return reader.add("leaky_relu", named.shape, named.get(0, "x", "features"), slope, name=named.name)


def _no_nan(reader: KerasReader, named: Named) -> Value:
    """x / y, and zero where y is zero."""
    x, y = named.get(0, "x"), named.get(1, "y")
    is_there = reader.add("ne", y.shape, y, 0.0, name=f"{named.name}_defined")
    divided = reader.add("div", named.shape, constant(x), y, name=f"{named.name}_quotient")
    return reader.add("mul", named.shape, divided, is_there, name=named.name)


_PAIRS = {
    **{
        "NotEqual": "ne",
        "Equal": "eq",
        "Greater": "gt",
        "GreaterEqual": "ge",
        "Less": "lt",
        "LessEqual": "le",
    },
    **{"LogicalAnd": "and", "LogicalOr": "or", "LogicalXor": "xor", "Add": "add", "Subtract": "sub"},
    **{"Multiply": "mul", "Divide": "div", "TrueDivide": "div", "Maximum": "maximum", "Minimum": "minimum"},
    **{"Matmul": "matmul", "Power": "pow", "DivideNoNan": ""},
    **{"math.not_equal": "ne", "math.equal": "eq", "math.greater": "gt", "math.greater_equal": "ge"},
    **{"math.less": "lt", "math.less_equal": "le", "math.logical_and": "and", "math.logical_or": "or"},
    **{"math.logical_xor": "xor", "math.add": "add", "__operators__.add": "add", "math.subtract": "sub"},
    **{"math.multiply": "mul", "math.truediv": "div", "math.divide": "div", "math.maximum": "maximum"},
    **{"math.minimum": "minimum", "linalg.matmul": "matmul", "math.pow": "pow", "__operators__.ne": "ne"},
    **{"__operators__.eq": "eq"},
}
_SINGLE = {
    **{"LogicalNot": "logical_not", "Negative": "neg", "Absolute": "abs", "Abs": "abs", "Square": "square"},
    **{
        "Exp": "exp",
        "Log": "log",
        "Sqrt": "sqrt",
        "Rsqrt": "rsqrt",
        "Reciprocal": "reciprocal",
        "Log1p": "log1p",
    },
    **{
        "Expm1": "expm1",
        "Log2": "log2",
        "Log10": "log10",
        "Relu": "relu",
        "Sigmoid": "sigmoid",
        "Tanh": "tanh",
    },
    **{"Silu": "silu", "Softplus": "softplus", "Softsign": "softsign", "Selu": "selu", "Elu": "elu"},
    **{"Relu6": "relu6", "math.logical_not": "logical_not", "math.negative": "neg", "math.abs": "abs"},
    **{
        "math.square": "square",
        "math.exp": "exp",
        "math.log": "log",
        "math.sqrt": "sqrt",
        "math.rsqrt": "rsqrt",
    },
    **{"math.reciprocal": "reciprocal", "math.log1p": "log1p", "nn.relu": "relu", "math.sigmoid": "sigmoid"},
    **{
        "math.tanh": "tanh",
        "nn.relu6": "relu6",
        "nn.silu": "silu",
        "math.softplus": "softplus",
        "math.expm1": "expm1",
    },
}
_REDUCTIONS = {
    **{
        "Sum": "sum",
        "Mean": "mean",
        "Max": "amax",
        "Min": "amin",
        "Any": "any",
        "All": "all",
        "Amax": "amax",
    },
    **{"Amin": "amin", "math.reduce_sum": "sum", "math.reduce_mean": "mean", "math.reduce_max": "amax"},
    **{"math.reduce_min": "amin", "math.reduce_any": "any", "math.reduce_all": "all"},
}

OPERATIONS: dict[str, Reader] = {
    **{key: _plain(kind, 2) for key, kind in _PAIRS.items() if kind},
    **{key: _plain(kind, 1) for key, kind in _SINGLE.items()},
    **{key: _reduction(kind) for key, kind in _REDUCTIONS.items()},
    **dict.fromkeys(("Where", "where", "where_v2"), _where),
    **dict.fromkeys(("Cast", "cast"), _cast),
    **dict.fromkeys(("Clip", "clip_by_value"), _clip),
    **dict.fromkeys(("Softmax", "nn.softmax"), _softmax),
    **dict.fromkeys(("Einsum", "einsum", "linalg.einsum"), _einsum),
    **dict.fromkeys(("LeakyRelu", "nn.leaky_relu"), _leaky),
    **dict.fromkeys(("Stack", "stack"), _joined("stack")),
    **dict.fromkeys(("Concatenate", "concat"), _joined("cat")),
    **dict.fromkeys(("DivideNoNan", "math.divide_no_nan"), _no_nan),
}
"""By class (Keras 3) or symbol (TensorFlow); layers of the same class names are in ``LAYERS``."""
