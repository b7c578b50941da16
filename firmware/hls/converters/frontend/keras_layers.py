"""Layers of Keras 2, Keras 3 and QKeras as operations with their weights as constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding
from l1forge.firmware.hls.converters.constant_types import exact_type
from l1forge.firmware.hls.converters.frontend.keras_recurrent import recurrent
from l1forge.firmware.hls.converters.frontend.program import Value, refuse
from l1forge.firmware.hls.converters.frontend.quantised import Quantised
from l1forge.firmware.hls.converters.keras_scaling import scaling
from l1forge.firmware.hls.converters.keras_types import bits_type
from l1forge.firmware.hls.objects import KerasLayer

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader

Reader = Callable[["KerasReader", "KerasCall"], Value]

ACTIVATIONS = {
    **{"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "softplus": "softplus", "softsign": "softsign"},
    **{"selu": "selu", "elu": "elu", "relu6": "relu6", "silu": "silu", "swish": "silu", "exponential": "exp"},
}


def _source(call: KerasCall) -> Value:
    x = call.arguments[0] if call.arguments else call.options.get("inputs")
    if not isinstance(x, Value):
        raise refuse("does not depend on the inputs", call.name, type(call.layer).__name__)
    return x


def weight(layer: KerasLayer, key: str, turn: Callable[[NDArray[Any]], NDArray[Any]] = lambda a: a) -> Any:
    """A weight as float, or quantised as the layer's quantiser does; None where there is none."""
    variable = getattr(layer, key, None)
    if variable is None:
        return None
    quantiser = getattr(layer, f"{key}_quantizer_internal", None)
    if quantiser is None:
        return turn(np.asarray(variable, dtype=np.float64))
    values = np.asarray(quantiser(variable), dtype=np.float64)
    kind = exact_type(values)
    if kind is None:
        raise refuse(
            f"quantised {key} with scales that are not powers of two", layer.name, type(quantiser).__name__,
            "use alpha=1 or alpha='auto_po2'",
        )  # fmt: skip
    integers = FixedType(kind.width, kind.width, kind.signed)
    found = Quantised(np.ldexp(values, kind.fraction), np.full(values.shape, kind.lsb), integers)
    return found.moved(turn)


def activated(reader: KerasReader, x: Value, function: Any, name: str, layer: KerasLayer) -> Value:
    """The activation of a layer behind it, by its name or as a QKeras quantiser."""
    kind = getattr(function, "__name__", None) or type(function).__name__
    if function is None or kind == "linear":
        return x
    if kind == "quantized_bits":
        return reader.add("typed", x.shape, x, str(bits_type(function)), name=name)
    if kind == "quantized_relu":
        if float(getattr(function, "negative_slope", 0)) or bool(getattr(function, "use_sigmoid", False)):
            raise refuse("quantized_relu with a slope or a sigmoid is not read here", layer.name)
        width = FixedType(int(function.bits), int(function.integer), False, Rounding.RND_CONV, Overflow.SAT)
        return reader.add("typed_relu", x.shape, x, str(width), name=name)
    if kind == "softmax":
        return reader.add("softmax", x.shape, x, -1, name=name)
    if kind == "hard_sigmoid":
        legacy = type(layer).__module__.split(".")[0] in ("tf_keras", "qkeras")
        return reader.add("hardsigmoid", x.shape, x, 0.2 if legacy else 1 / 6, 0.5, name=name)
    if kind in ("leaky_relu",):
        return reader.add("leaky_relu", x.shape, x, 0.2, name=name)
    if kind not in ACTIVATIONS:
        known = ", ".join(sorted([*ACTIVATIONS, "softmax", "hard_sigmoid", "linear"]))
        raise refuse("this activation is not read here", layer.name, kind, f"known: {known}")
    return reader.add(ACTIVATIONS[kind], x.shape, x, name=name)


def _behind(reader: KerasReader, call: KerasCall, x: Value) -> Value:
    function = getattr(call.layer, "activation", None)
    kind = getattr(function, "__name__", None) or type(function).__name__
    return activated(reader, x, function, f"{call.name}_{kind}", call.layer)


def _dense(reader: KerasReader, call: KerasCall) -> Value:
    x = _source(call)
    kernel = weight(call.layer, "kernel", np.transpose)
    made = reader.add("linear", call.shapes[0], x, kernel, weight(call.layer, "bias"), name=call.name)
    return _behind(reader, call, made)


def _activation(reader: KerasReader, call: KerasCall) -> Value:
    function = getattr(call.layer, "quantizer", None) or call.layer.activation
    return activated(reader, _source(call), function, call.name, call.layer)


def _each(value: Any, rank: int) -> list[int]:
    return [int(v) for v in (value if isinstance(value, list | tuple) else [value] * rank)]


def _check_order(call: KerasCall) -> None:
    if getattr(call.layer, "data_format", "channels_last") != "channels_last":
        raise refuse("has its channels first", call.name, "channels_first", "put the channels last")


def _padding(call: KerasCall, x: Value, kernel: list[int], stride: list[int]) -> list[int]:
    """What Keras adds before each axis."""
    mode = str(getattr(call.layer, "padding", "valid"))
    if mode == "causal":
        return [kernel[0] - 1]
    if mode != "same":
        return [0] * len(kernel)
    sizes, made = x.shape[:-1], [-(-n // s) for n, s in zip(x.shape[:-1], stride, strict=True)]
    return [max((m - 1) * s + k - n, 0) // 2 for n, m, s, k in zip(sizes, made, stride, kernel, strict=True)]


def _convolution(reader: KerasReader, call: KerasCall) -> Value:
    _check_order(call)
    x, rank, layer = _source(call), len(call.shapes[0]) - 1, call.layer
    order = (rank + 1, rank, *range(rank))
    kernel = weight(layer, "kernel", lambda a: np.transpose(a, order))
    stride, spread = _each(layer.strides, rank), _each(layer.dilation_rate, rank)
    sizes = [(k - 1) * d + 1 for k, d in zip(_each(layer.kernel_size, rank), spread, strict=True)]
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    made = reader.add(
        f"conv{rank}d", shape, reader.first(x), kernel, weight(layer, "bias"), stride,
        _padding(call, x, sizes, stride), spread, int(getattr(layer, "groups", 1)), name=call.name,
    )  # fmt: skip
    return _behind(reader, call, reader.last(made, f"{call.name}:last"))


def _transposed(reader: KerasReader, call: KerasCall) -> Value:
    """Keras cuts half of what a filter reaches beyond the stride off, in front."""
    _check_order(call)
    x, rank, layer = _source(call), len(call.shapes[0]) - 1, call.layer
    if getattr(layer, "output_padding", None) is not None:
        raise refuse("output_padding is not supported", call.name, layer.output_padding, "leave it out")
    order = (rank + 1, rank, *range(rank))
    kernel = weight(layer, "kernel", lambda a: np.transpose(a, order))
    stride, spread = _each(layer.strides, rank), _each(layer.dilation_rate, rank)
    sizes = [(k - 1) * d + 1 for k, d in zip(_each(layer.kernel_size, rank), spread, strict=True)]
    same = str(layer.padding) == "same"
    pads = [max(k - s, 0) // 2 if same else 0 for k, s in zip(sizes, stride, strict=True)]
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    made = reader.add(
        f"conv_transpose{rank}d", shape, reader.first(x), kernel, weight(layer, "bias"), stride, pads, 0, 1,
        spread, name=call.name,
    )  # fmt: skip
    return _behind(reader, call, reader.last(made, f"{call.name}:last"))


def _pool(reader: KerasReader, call: KerasCall) -> Value:
    _check_order(call)
    x, rank, layer = _source(call), len(call.shapes[0]) - 1, call.layer
    kernel, stride = _each(layer.pool_size, rank), _each(layer.strides, rank)
    pads = _padding(call, x, kernel, stride)
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    kind = "max" if "Max" in type(layer).__name__ else "avg"
    rest = (1, False) if kind == "max" else (False, False)
    made = reader.add(
        f"{kind}_pool{rank}d", shape, reader.first(x), kernel, stride, pads, *rest, name=call.name
    )
    return reader.last(made, f"{call.name}:last")


def _adaptive(reader: KerasReader, call: KerasCall) -> Value:
    _check_order(call)
    rank = len(call.shapes[0]) - 1
    kind = "max" if "Max" in type(call.layer).__name__ else "avg"
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    made = reader.add(
        f"adaptive_{kind}_pool{rank}d", shape, reader.first(_source(call)), list(shape[1:]), name=call.name
    )
    return reader.last(made, f"{call.name}:last")


def _global(reader: KerasReader, call: KerasCall) -> Value:
    """Over all positions; of a sequence with a mask over those that are there."""
    _check_order(call)
    x = _source(call)
    axes = list(range(1, len(x.shape)))
    keep = bool(getattr(call.layer, "keepdims", False))
    if "Max" in type(call.layer).__name__:
        return reader.add("amax", call.shapes[0], x, axes, keep, name=call.name)
    if call.mask is None or type(call.layer).__name__ != "GlobalAveragePooling1D":
        return reader.add("mean", call.shapes[0], x, axes, keep, name=call.name)
    steps, shape = call.mask, call.shapes[0]
    column = reader.add("move", (*steps.shape, 1), steps, name=f"{call.name}_mask")
    reader.index(column, np.arange(steps.size))
    kept = reader.add("mul", x.shape, x, column, name=f"{call.name}_kept")
    total = reader.add("sum", shape, kept, axes, keep, name=f"{call.name}_sum")
    count = reader.add("sum", (1, 1) if keep else (1,), column, axes, keep, name=f"{call.name}_count")
    return reader.add("div", shape, total, count, name=call.name)


def _masking(reader: KerasReader, call: KerasCall) -> Value:
    """Steps that hold anything but the mask's value; the others are zero."""
    x = _source(call)
    differs = reader.add("ne", x.shape, x, float(call.layer.mask_value), name=f"{call.name}_differs")
    last = len(x.shape)
    column = reader.add("any", (*x.shape[:-1], 1), differs, [last], True, name=f"{call.name}_any")
    steps = reader.add("move", x.shape[:-1], column, name=f"{call.name}_steps")
    reader.index(steps, np.arange(column.size))
    made = reader.add("mul", x.shape, x, column, name=call.name)
    if len(x.shape) == 2:
        reader.masks[made.name] = steps
    return made


def _attention(reader: KerasReader, call: KerasCall) -> Value:
    """Query, value and key, in Keras' order; the masks of Keras tensors and of the call."""
    layer, names = (
        call.layer,
        ("query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask"),
    )
    given = dict(zip(names, call.arguments, strict=False)) | call.options
    query, value = given["query"], given["value"]
    key = value if given.get("key") is None else given["key"]
    if given.get("return_attention_scores"):
        raise refuse(
            "the weights of an attention are not supported", call.name, remedy="return the values only"
        )
    for part in ("query_mask", "value_mask", "key_mask"):
        if given.get(part) is not None:
            raise refuse(f"{part} is not supported", call.name, remedy="use attention_mask")
    weights = {}
    for letter, dense in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "output")):
        part = getattr(layer, f"_{dense}_dense")
        kernel = np.asarray(part.kernel, dtype=np.float64)
        matrix = (
            kernel.reshape(-1, kernel.shape[-1]) if letter == "o" else kernel.reshape(kernel.shape[0], -1)
        )
        bias = None if part.bias is None else np.asarray(part.bias, dtype=np.float64).ravel()
        weights[letter] = [matrix.T, bias]
    return reader.add(
        "multi_head_attention", call.shapes[0], query, key, value, name=call.name,
        heads=int(getattr(layer, "num_heads", 0) or layer._num_heads), weights=weights,
        mask=_attention_mask(reader, call, given, query, value, key),
    )  # fmt: skip


def _attention_mask(reader: KerasReader, call: KerasCall, given: dict[str, Any], *tensors: Value) -> Any:
    """True where a query may look at a key: explicit, causal and of the tensors' own masks, all together."""
    query, value, key = tensors
    shape = (query.shape[0], key.shape[0])
    found: list[Any] = []
    if given.get("attention_mask") is not None:
        mask = given["attention_mask"]
        found.append(mask if isinstance(mask, Value) else np.asarray(mask, dtype=bool))
    if given.get("use_causal_mask"):
        found.append(np.tril(np.ones(shape, dtype=bool)))
    rows, columns = reader.masks.get(query.name), reader.masks.get(value.name)
    if rows is not None or columns is not None:
        spread = []
        for mask, axis in ((rows, 1), (columns, 0)):
            if mask is not None:
                index = np.broadcast_to(np.expand_dims(np.arange(mask.size), axis), shape)
                made = reader.add("move", shape, mask, name=f"{call.name}_mask{axis}")
                reader.index(made, index.ravel())
                spread.append(made)
        found.append(
            spread[0] if len(spread) == 1 else reader.add("and", shape, *spread, name=f"{call.name}_mask")
        )
    if len(found) > 1:
        raise refuse("several masks at once are not supported", call.name, remedy="multiply them into one")
    return found[0] if found else None


def _normalised(reader: KerasReader, call: KerasCall) -> Value:
    """A batch norm as scale and offset of the last axis."""
    layer, x = call.layer, _source(call)
    axis = [int(n) for n in np.atleast_1d(layer.axis)]
    if axis not in ([-1], [len(x.shape)]):
        raise refuse("normalises another axis than the last", call.name, axis, "Permute moves it")
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance, dtype=np.float64) + layer.epsilon)
    scale = scale if layer.gamma is None else scale * np.asarray(layer.gamma, dtype=np.float64)
    bias = 0.0 if layer.beta is None else np.asarray(layer.beta, dtype=np.float64)
    bias = bias - np.asarray(layer.moving_mean, dtype=np.float64) * scale
    return reader.add("affine", x.shape, x, scale, bias, name=call.name)


def _scaled(reader: KerasReader, call: KerasCall) -> Value:
    x = _source(call)
    return reader.add("scaling", x.shape, x, *scaling(call.layer, x.shape), name=call.name)


def _layer_norm(reader: KerasReader, call: KerasCall) -> Value:
    layer, x = call.layer, _source(call)
    axis = [int(n) for n in np.atleast_1d(layer.axis)]
    if axis not in ([-1], [len(x.shape)]) or getattr(layer, "rms_scaling", False):
        raise refuse("normalises another axis than the last", call.name, axis)
    constants = [None if w is None else np.asarray(w, np.float64) for w in (layer.gamma, layer.beta)]
    return reader.add(
        "layer_norm", x.shape, x, [x.shape[-1]], *constants, float(layer.epsilon), name=call.name
    )


def _merged(kind: str) -> Reader:
    def read(reader: KerasReader, call: KerasCall) -> Value:
        parts = call.arguments[0] if isinstance(call.arguments[0], list) else list(call.arguments)
        total = parts[0]
        for k, part in enumerate(parts[1:]):
            name = call.name if k == len(parts) - 2 else f"{call.name}_part{k}"
            total = reader.add(kind, call.shapes[0], total, part, name=name)
        return total  # type: ignore[no-any-return]

    return read


def _average(reader: KerasReader, call: KerasCall) -> Value:
    parts = call.arguments[0] if isinstance(call.arguments[0], list) else list(call.arguments)
    total = parts[0]
    for k, part in enumerate(parts[1:]):
        total = reader.add("add", call.shapes[0], total, part, name=f"{call.name}_sum{k}")
    return reader.add("scaling", call.shapes[0], total, 1 / len(parts), 0, name=call.name)


def _joined(reader: KerasReader, call: KerasCall) -> Value:
    parts = call.arguments[0] if isinstance(call.arguments[0], list) else list(call.arguments)
    return reader.add("cat", call.shapes[0], parts, int(call.layer.axis), name=call.name)


def _softmax(reader: KerasReader, call: KerasCall) -> Value:
    x, axis = _source(call), call.layer.axis
    mask = call.options.get("mask", call.arguments[1] if len(call.arguments) > 1 else None)
    if mask is not None:
        x = reader.add("where", x.shape, mask, x, -np.inf, name=f"{call.name}_masked")
    return reader.add("softmax", x.shape, x, int(axis), name=call.name)


def _leaky(reader: KerasReader, call: KerasCall) -> Value:
    x, layer = _source(call), call.layer
    slope = float(getattr(layer, "negative_slope", getattr(layer, "alpha", 0.3)))
    return reader.add("leaky_relu", x.shape, x, slope, name=call.name)


def _relu(reader: KerasReader, call: KerasCall) -> Value:
    x, layer = _source(call), call.layer
    if float(layer.negative_slope or 0) or float(layer.threshold or 0):
        raise refuse("ReLU with a slope or a threshold is not read here", call.name, remedy="use LeakyReLU")
    if layer.max_value is None:
        return reader.add("relu", x.shape, x, name=call.name)
    return reader.add("clamp", x.shape, x, 0, float(layer.max_value), name=call.name)


def _padded(reader: KerasReader, call: KerasCall) -> Value:
    _check_order(call)
    x, rank = _source(call), len(call.shapes[0]) - 1
    pairs = call.layer.padding if rank == 2 else [call.layer.padding]
    flat = [int(n) for pair in list(pairs)[::-1] for n in pair]  # last axis first
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    made = reader.add("pad", shape, reader.first(x), flat, name=call.name)
    return reader.last(made, f"{call.name}:last")


def _repeated(reader: KerasReader, call: KerasCall) -> Value:
    _check_order(call)
    if getattr(call.layer, "interpolation", "nearest") != "nearest":
        raise refuse("resizes otherwise than to the nearest", call.name, call.layer.interpolation)
    shape = (call.shapes[0][-1], *call.shapes[0][:-1])
    made = reader.add("upsample", shape, reader.first(_source(call)), mode="nearest", name=call.name)
    return reader.last(made, f"{call.name}:last")


LAYERS: dict[str, Reader] = {
    **dict.fromkeys(("Dense", "QDense"), _dense),
    **dict.fromkeys(("Activation", "QActivation"), _activation),
    **dict.fromkeys(("Conv1D", "Conv2D", "QConv1D", "QConv2D"), _convolution),
    **dict.fromkeys(("Conv1DTranspose", "Conv2DTranspose", "QConv2DTranspose"), _transposed),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), _pool),
    **{f"Adaptive{kind}Pooling{rank}D": _adaptive for kind in ("Average", "Max") for rank in (1, 2)},
    **{f"Global{kind}Pooling{rank}D": _global for kind in ("Average", "Max") for rank in (1, 2)},
    **{"Masking": _masking, "MultiHeadAttention": _attention, "BatchNormalization": _normalised},
    **{"LayerNormalization": _layer_norm, "Softmax": _softmax, "LeakyReLU": _leaky, "ReLU": _relu},
    **dict.fromkeys(("Normalization", "Rescaling"), _scaled),
    **dict.fromkeys(("GRU", "LSTM", "Bidirectional"), recurrent),
    **{"Average": _average},
    **{
        "ZeroPadding1D": _padded,
        "ZeroPadding2D": _padded,
        "UpSampling1D": _repeated,
        "UpSampling2D": _repeated,
    },
}
"""By class name. ``MERGES`` are classes of layers and of functions of Keras 3 alike."""

MERGES = {
    **{"Add": _merged("add"), "Subtract": _merged("sub"), "Multiply": _merged("mul")},
    **{"Maximum": _merged("maximum"), "Minimum": _merged("minimum"), "Concatenate": _joined},
}
