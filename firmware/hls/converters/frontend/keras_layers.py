"""Layers of Keras 2, Keras 3 and QKeras as operations with their weights as constants."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.keras_convolution import SPATIAL
from l1forge.firmware.hls.converters.frontend.keras_parts import Reader, activated, behind, source, weight
from l1forge.firmware.hls.converters.frontend.keras_recurrent import recurrent
from l1forge.firmware.hls.converters.frontend.program import Value, refuse
from l1forge.firmware.hls.converters.keras_flat import POINTWISE
from l1forge.firmware.hls.converters.keras_scaling import scaling

if TYPE_CHECKING:
    from l1forge.firmware.hls.converters.frontend.keras_reader import KerasCall, KerasReader


def _dense(reader: KerasReader, call: KerasCall) -> Value:
    x = source(call)
    kernel = weight(call.layer, "kernel", np.transpose)
    made = reader.add("linear", call.shapes[0], x, kernel, weight(call.layer, "bias"), name=call.name)
    return behind(reader, call, made)


def _activation(reader: KerasReader, call: KerasCall) -> Value:
    function = getattr(call.layer, "quantizer", None) or call.layer.activation
    return activated(reader, source(call), function, call.name, call.layer)


def _global(reader: KerasReader, call: KerasCall) -> Value:
    """Over all positions; of a sequence with a mask over those that are there."""
    x = source(call)
    axes = list(range(1, len(x.shape)))
    if getattr(call.layer, "data_format", None) == "channels_first":
        axes = [axis + 1 for axis in axes]
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
    x = source(call)
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
    layer, x = call.layer, source(call)
    axis = [int(n) for n in np.atleast_1d(layer.axis)]
    if len(axis) != 1:
        raise refuse("normalises several axes", call.name, axis, "normalise one axis")
    behind = len(x.shape) - axis[0] if axis[0] > 0 else -axis[0] - 1  # axes behind the normalised one
    scale = 1 / np.sqrt(np.asarray(layer.moving_variance, dtype=np.float64) + layer.epsilon)
    scale = scale if layer.gamma is None else scale * np.asarray(layer.gamma, dtype=np.float64)
    bias = 0.0 if layer.beta is None else np.asarray(layer.beta, dtype=np.float64)
    bias = bias - np.asarray(layer.moving_mean, dtype=np.float64) * scale
    if behind:
        wide = (-1, *[1] * behind)
        scale, bias = (np.broadcast_to(one.reshape(wide), x.shape) for one in (scale, bias))
        return reader.add("scaling", x.shape, x, scale, bias, name=call.name)
    return reader.add("affine", x.shape, x, scale, bias, name=call.name)


def _scaled(reader: KerasReader, call: KerasCall) -> Value:
    x = source(call)
    return reader.add("scaling", x.shape, x, *scaling(call.layer, x.shape), name=call.name)


def _layer_norm(reader: KerasReader, call: KerasCall) -> Value:
    layer, x = call.layer, source(call)
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
    x, axis = source(call), call.layer.axis
    mask = call.options.get("mask", call.arguments[1] if len(call.arguments) > 1 else None)
    if mask is not None:
        x = reader.add("where", x.shape, mask, x, -np.inf, name=f"{call.name}_masked")
    return reader.add("softmax", x.shape, x, int(axis), name=call.name)


def _leaky(reader: KerasReader, call: KerasCall) -> Value:
    x, layer = source(call), call.layer
    slope = float(getattr(layer, "negative_slope", getattr(layer, "alpha", 0.3)))
    return reader.add("leaky_relu", x.shape, x, slope, name=call.name)


def _relu(reader: KerasReader, call: KerasCall) -> Value:
    x, layer = source(call), call.layer
    slope, threshold = float(layer.negative_slope or 0), float(layer.threshold or 0)
    if threshold and (slope or layer.max_value is not None or threshold < 0):
        raise refuse("ReLU with these options together is not read", call.name, remedy="use LeakyReLU")
    if threshold:
        return reader.add("threshold", x.shape, x, threshold, 0.0, name=call.name)
    if slope:
        name = call.name if layer.max_value is None else f"{call.name}_slope"
        x = reader.add("leaky_relu", x.shape, x, slope, name=name)
        if layer.max_value is None:
            return x
        return reader.add("clamp_max", x.shape, x, float(layer.max_value), name=call.name)
    if layer.max_value is None:
        return reader.add("relu", x.shape, x, name=call.name)
    return reader.add("clamp", x.shape, x, 0, float(layer.max_value), name=call.name)


def _elu(reader: KerasReader, call: KerasCall) -> Value:
    x = source(call)
    return reader.add("elu", x.shape, x, float(np.asarray(call.layer.alpha)), name=call.name)


def _prelu(reader: KerasReader, call: KerasCall) -> Value:
    x = source(call)
    slopes = np.broadcast_to(np.asarray(call.layer.alpha, dtype=np.float64), x.shape)
    return reader.add("prelu", x.shape, x, slopes[None], name=call.name)


def _threshold(reader: KerasReader, call: KerasCall) -> Value:
    x = source(call)
    return reader.add("threshold", x.shape, x, float(np.asarray(call.layer.theta)), 0.0, name=call.name)


def _dot(reader: KerasReader, call: KerasCall) -> Value:
    """Products of two tensors, summed along one axis of each."""
    layer = call.layer
    if getattr(layer, "normalize", False):
        raise refuse("normalises its inputs", call.name, True, "use normalize=False")
    a, b = call.arguments[0] if isinstance(call.arguments[0], list) else call.arguments
    axes = [layer.axes] * 2 if isinstance(layer.axes, int) else list(layer.axes)
    i, j = (int(k) - 1 if k > 0 else int(k) + len(t.shape) for k, t in zip(axes, (a, b), strict=True))
    first = [chr(ord("a") + k) for k in range(len(a.shape))]
    second = [chr(ord("m") + k) for k in range(len(b.shape))]
    second[j] = first[i]
    left = [letter for letter in first if letter != first[i]]
    left += [letter for letter in second if letter != first[i]]
    if not left:
        product = reader.add("mul", a.shape, a, b, name=f"{call.name}_products")
        return reader.add("sum", call.shapes[0], product, [1], True, name=call.name)
    equation = f"z{''.join(first)},z{''.join(second)}->z{''.join(left)}"
    return reader.add("einsum", call.shapes[0], equation, a, b, name=call.name)


def _timed(reader: KerasReader, call: KerasCall) -> Value:
    """A layer on every step: the same as on the sequence, where it treats each position alike."""
    inner = call.layer.layer
    kind = type(inner).__name__
    if kind not in POINTWISE or kind not in LAYERS:
        remedy = f"wrap one of {', '.join(sorted(POINTWISE & set(LAYERS)))}"
        raise refuse("TimeDistributed is not supported around this layer", call.name, kind, remedy)
    return LAYERS[kind](reader, replace(call, layer=inner))


LAYERS: dict[str, Reader] = {
    **SPATIAL,
    **dict.fromkeys(("Dense", "QDense"), _dense),
    **dict.fromkeys(("Activation", "QActivation"), _activation),
    **{f"Global{kind}Pooling{rank}D": _global for kind in ("Average", "Max") for rank in (1, 2)},
    **{"Masking": _masking, "MultiHeadAttention": _attention, "BatchNormalization": _normalised},
    **{"LayerNormalization": _layer_norm, "Softmax": _softmax, "LeakyReLU": _leaky, "ReLU": _relu},
    **dict.fromkeys(("Normalization", "Rescaling"), _scaled),
    **dict.fromkeys(("GRU", "LSTM", "Bidirectional"), recurrent),
    **{"Average": _average, "ELU": _elu, "PReLU": _prelu, "ThresholdedReLU": _threshold, "Dot": _dot},
    **{"TimeDistributed": _timed},
}
"""By class name. ``MERGES`` are classes of layers and of functions of Keras 3 alike."""

MERGES = {
    **{"Add": _merged("add"), "Subtract": _merged("sub"), "Multiply": _merged("mul")},
    **{"Maximum": _merged("maximum"), "Minimum": _merged("minimum"), "Concatenate": _joined},
}
