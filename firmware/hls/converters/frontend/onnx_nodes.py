"""ONNX nodes whose attributes and defaults differ from the arguments of PyTorch's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.firmware.hls.converters.frontend.program import Value, refuse
from l1forge.firmware.hls.converters.frontend.quantised import Quantised

if TYPE_CHECKING:
    from onnx import NodeProto

    from l1forge.firmware.hls.converters.frontend.onnx_reader import OnnxReader


def attributes(node: NodeProto) -> dict[str, Any]:
    from onnx import helper

    found = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in found.items()}


def plain_values(value: Any) -> NDArray[Any]:
    return value.values if isinstance(value, Quantised) else np.asarray(value)


def _turned(weight: Any) -> Any:
    return weight.moved(np.transpose) if isinstance(weight, Quantised) else np.asarray(weight).T


def _matmul(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    x, y = inputs
    if isinstance(x, Value) and not isinstance(y, Value) and plain_values(y).ndim == 2:
        reader.linear(node, x, _turned(y))
    else:
        reader.add(node, "matmul", *inputs)


def _gemm(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    x, weight, bias = (*inputs, None)[:3]
    if at.get("transA", 0) or not isinstance(x, Value) or isinstance(weight, Value):
        raise refuse("only a tensor times constant weights", node.name, "Gemm")
    weight = weight if at.get("transB", 0) else _turned(weight)
    for key in ("alpha", "beta"):
        factor = float(at.get(key, 1.0))
        value = weight if key == "alpha" else bias
        if factor != 1 and value is not None:
            scaled = (
                Quantised(value.integers, value.scale * factor, value.kind)
                if isinstance(value, Quantised)
                else np.asarray(value) * factor
            )
            weight, bias = (scaled, bias) if key == "alpha" else (weight, scaled)
    reader.linear(node, x, weight, bias)


def _convolution(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    x, weight, bias = (*inputs, None)[:3]
    rank = len(x.shape) - 1
    stride = list(at.get("strides", [1] * rank))
    dilation = list(at.get("dilations", [1] * rank))
    kernel = [(n - 1) * d + 1 for n, d in zip(plain_values(weight).shape[2:], dilation, strict=True)]
    reader.add(
        node, f"conv{rank}d", x, weight, bias, stride, _pads(reader, node, x, kernel, stride), dilation,
        int(at.get("group", 1)),
    )  # fmt: skip


def _pads(reader: OnnxReader, node: NodeProto, x: Value, kernel: list[int], stride: list[int]) -> list[int]:
    """Padding before each axis; what comes behind follows from the result's shape."""
    at = attributes(node)
    automatic = str(at.get("auto_pad", "NOTSET"))
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        result = reader.value(node.output[0]).shape[1:]
        totals = [
            max((m - 1) * s + k - n, 0)
            for n, m, s, k in zip(x.shape[1:], result, stride, kernel, strict=True)
        ]
        return [(t + (automatic == "SAME_LOWER")) // 2 for t in totals]
    return list(at.get("pads", [0] * 2 * len(kernel)))[: len(kernel)]


def _pool(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    x = inputs[0]
    kernel = list(at["kernel_shape"])
    stride = list(at.get("strides", [1] * len(kernel)))
    pads = _pads(reader, node, x, kernel, stride)
    ceil = bool(at.get("ceil_mode", 0))
    if node.op_type == "MaxPool":
        dilation = list(at.get("dilations", [1]))
        reader.add(node, f"max_pool{len(kernel)}d", x, kernel, stride, pads, dilation, ceil)
    else:
        counted = bool(at.get("count_include_pad", 0))
        reader.add(node, f"avg_pool{len(kernel)}d", x, kernel, stride, pads, ceil, counted)


def _global_pool(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    kind = "max" if node.op_type == "GlobalMaxPool" else "avg"
    reader.add(node, f"adaptive_{kind}_pool{len(inputs[0].shape) - 1}d", inputs[0], 1)


def _reduce(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    axes = inputs[1] if len(inputs) > 1 and inputs[1] is not None else at.get("axes")
    if axes is None:
        raise refuse("reduces the batch axis too", node.name, node.op_type, "give the axes")
    kind = {"ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceMin": "amin"}[node.op_type]
    reader.add(node, kind, inputs[0], [int(a) for a in np.ravel(axes)], bool(at.get("keepdims", 1)))


def _batch_norm(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    x, scale, bias, mean, variance = inputs
    eps = float(attributes(node).get("epsilon", 1e-5))
    reader.add(node, "batch_norm", x, mean, variance, scale, bias, eps=eps)


def _cast(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    """Floating-point numbers stay what they are; whole numbers and truths are demanded."""
    from onnx import TensorProto

    target = int(attributes(node)["to"])
    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    if target in floats:
        reader.values[node.output[0]] = inputs[0]
    else:
        reader.add(node, "bool" if target == TensorProto.BOOL else "int", inputs[0])


def _transposed(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    x, weight, bias = (*inputs, None)[:3]
    rank = len(x.shape) - 1
    if str(at.get("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        raise refuse("pads automatically", node.name, at["auto_pad"], "export it with pads")
    stride, dilation = (list(at.get(key, [1] * rank)) for key in ("strides", "dilations"))
    pads = list(at.get("pads", [0] * 2 * rank))[:rank]
    group = int(at.get("group", 1))
    reader.add(node, f"conv_transpose{rank}d", x, weight, bias, stride, pads, 0, group, dilation)


def _recurrent(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    """Batch of one: (steps, 1, inputs) as well as the layout with the batch first."""
    raise refuse(
        "recurrent nodes of ONNX have the steps before the batch", node.name, node.op_type,
        "save the network itself: torch.save with batch_first=True, or Keras' model.save",
    )  # fmt: skip


def _softmax(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    version = max(o.version for o in reader.model.model.opset_import if o.domain in ("", "ai.onnx"))
    axis = int(attributes(node).get("axis", -1 if version >= 13 else 1))
    if version < 13 and axis % (len(inputs[0].shape) + 1) != len(inputs[0].shape):
        raise refuse("softmax over several axes (opset below 13)", node.name, axis)
    reader.add(node, "softmax", inputs[0], axis)


def _clip(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    low, high = (*inputs[1:], None, None)[:2]
    limits = at.get("min") if low is None else low, at.get("max") if high is None else high
    reader.add(node, "clamp", inputs[0], *limits)


def _pad(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    pads = [int(p) for p in np.ravel(inputs[1] if len(inputs) > 1 else at["pads"])]
    value = inputs[2] if len(inputs) > 2 and inputs[2] is not None else at.get("value", 0.0)
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    flat = [p for pair in zip(before[::-1], after[::-1], strict=True) for p in pair]  # last axis first
    while flat and not any(flat[-2:]):
        flat = flat[:-2]
    reader.add(node, "pad", inputs[0], flat or [0, 0], str(at.get("mode", "constant")), value)


def _with(kind: str, **defaults: float) -> Callable[[OnnxReader, Any, list[Any]], None]:
    """An activation whose attributes are arguments, with ONNX's defaults."""

    def read(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
        at = attributes(node)
        reader.add(node, kind, inputs[0], *(float(at.get(key, value)) for key, value in defaults.items()))

    return read


def _threshold(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    reader.add(node, "threshold", inputs[0], float(attributes(node).get("alpha", 1.0)), 0)


def _bipolar(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    reader.add(node, "bipolar", inputs[0], np.asarray(inputs[1], dtype=np.float64))


def _concat(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    reader.add(node, "cat", inputs, int(attributes(node)["axis"]))


def _einsum(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    reader.add(node, "einsum", attributes(node)["equation"], *inputs)


def _layer_norm(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    x, scale, bias = (*inputs, None)[:3]
    axis, eps = int(attributes(node).get("axis", -1)), float(attributes(node).get("epsilon", 1e-5))
    reader.add(node, "layer_norm", x, (1, *x.shape)[axis:], scale, bias, eps)


def _resize(reader: OnnxReader, node: NodeProto, inputs: list[Any]) -> None:
    at = attributes(node)
    way = str(at.get("coordinate_transformation_mode", "half_pixel"))
    if way == "align_corners" or str(at.get("nearest_mode", "")) == "ceil":
        raise refuse("resizes otherwise than to the nearest element", node.name, way)
    reader.add(node, "upsample", inputs[0], mode=str(at.get("mode", "nearest")))


READERS: dict[str, Callable[[OnnxReader, Any, list[Any]], None]] = {
    "MatMul": _matmul, "Gemm": _gemm, "Conv": _convolution, "MaxPool": _pool, "AveragePool": _pool,
    "GlobalMaxPool": _global_pool, "GlobalAveragePool": _global_pool, "ReduceMean": _reduce,
    "ReduceSum": _reduce, "ReduceMax": _reduce, "BatchNormalization": _batch_norm, "Softmax": _softmax,
    "Clip": _clip, "Pad": _pad, "Elu": _with("elu", alpha=1.0), "LeakyRelu": _with("leaky_relu", alpha=0.01),
    "HardSigmoid": _with("hardsigmoid", alpha=0.2, beta=0.5), "ThresholdedRelu": _threshold,
    "BipolarQuant": _bipolar, "Concat": _concat, "Einsum": _einsum, "LayerNormalization": _layer_norm,
    "Resize": _resize, "Upsample": _resize, "ReduceMin": _reduce, "Cast": _cast, "ConvTranspose": _transposed,
    "LSTM": _recurrent, "GRU": _recurrent,
}  # fmt: skip
