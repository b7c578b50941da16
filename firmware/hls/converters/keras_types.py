"""Types that hls4ml 1.3 loses on the way from (Q)Keras, or cannot infer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType, Overflow, Rounding, holding
from l1forge.firmware.hls.converters.constant_types import scale_type
from l1forge.firmware.hls.converters.keras_flat import leaves
from l1forge.firmware.hls.converters.softmax_types import LOGITS, softmax_sizes, softmax_types
from l1forge.firmware.hls.objects import HlsLayer, HlsModel, HlsPrecision, HlsWeight, KerasLayer, KerasModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from qkeras import quantized_bits

FACTORED = ("QDense", "QConv1D", "QConv2D")
"""Layers whose weight scale becomes a layer of its own, ``<name>_alpha``."""


def keep_quantisers(model: KerasModel, config: dict[str, Any]) -> None:
    """Give each ``QActivation(quantized_bits)``, and the layer before it, the quantiser's type.

    hls4ml 1.3 merges a linear activation into a predecessor whose precision is 'auto' and then infers that
    precision afresh: the quantiser is silently lost. With both types set nothing is left to infer.
    """
    layers = config["LayerName"]
    for layer in leaves(model):
        quantiser = getattr(layer, "quantizer", None)
        if type(quantiser).__name__ != "quantized_bits" or layer.name not in layers:
            continue
        result = layers[layer.name]["Precision"]["result"] = str(bits_type(quantiser))
        for node in layer.inbound_nodes:
            for before in np.atleast_1d(node.inbound_layers):
                if len(before.outbound_nodes) != 1 or type(before).__name__ in ("Flatten", "Reshape"):
                    continue  # no layer in the C++: with this type hls4ml would leave the quantiser out, too
                names = [f"{before.name}_linear"]
                if _scaled(before):
                    layers.setdefault(f"{before.name}_alpha", {"Precision": {"result": "auto"}})
                    names.append(f"{before.name}_alpha")
                else:
                    names.append(before.name)
                for name in names:
                    types = layers.get(name, {}).get("Precision", {})
                    if isinstance(types, dict) and types.get("result") == "auto":
                        types["result"] = result


def bits_type(quantiser: quantized_bits) -> FixedType:
    """The type of ``quantized_bits``: hls4ml's own forgets ``symmetric`` and ``keep_negative``."""
    signed = bool(quantiser.keep_negative)
    overflow = Overflow.SAT_SYM if signed and quantiser.symmetric else Overflow.SAT
    bits, integer = int(quantiser.bits), int(quantiser.integer) + signed
    return FixedType(bits, integer, signed, Rounding.RND_CONV, overflow)


def _scaled(layer: KerasLayer) -> bool:
    """Whether hls4ml takes a scale out of the layer's weights."""
    quantisers = [getattr(layer, f"{key}_quantizer_internal", None) for key in ("kernel", "bias")]
    alphas = [getattr(q, "alpha", None) for q in quantisers]
    return type(layer).__name__ in FACTORED and any(a is not None and not np.all(a == 1) for a in alphas)


def uninferred(hls_model: HlsModel, config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Types that hold every value of the first layer whose result hls4ml could not infer, by layer.

    It knows nothing of weights that are bits or powers of two, nor of global pooling, and takes the default
    type, which wraps. Scales that are no powers of two get as many bits as matter.
    """
    from hls4ml.model.types import FixedPrecisionType, IntegerPrecisionType

    known = (FixedPrecisionType, IntegerPrecisionType)
    for node in hls_model.get_layers():
        if node.class_name == "Softmax" and isinstance(node.get_input_variable().type.precision, known):
            found = _softmax(node, config["LayerName"])
            if found:
                return found
        given = config["LayerName"].get(node.name, {}).get("Precision", {})
        is_scale = node.class_name == "ApplyAlpha" and node.get_attr("scale_quantizer") is None
        if is_scale and "scale" not in given:
            return {node.name: {"scale": str(scale_type(np.float64(node.get_attr("scale_data"))))}}
        key = _INFERRED.get(node.class_name)
        sums = ("result",) if key == "scale" else ("result", "accum")
        # a result that has a type, as before a quantiser, still needs a sum that loses nothing
        missing = [name for name in sums if given.get(name, "auto") == "auto"]
        if key is None or not missing:
            continue
        source = node.get_input_variable().type.precision
        if not isinstance(source, known):
            continue
        if key == "accum":
            return {node.name: dict.fromkeys(missing, str(_mean(node, source)))}
        if isinstance(node.weights[key].type.precision, known):
            continue
        kind = str(_holding(node, key, source))
        found = {node.name: dict.fromkeys(missing, kind)}
        if "result" not in missing:
            return found
        linear = f"{node.name.removesuffix('_alpha')}_linear"  # what Keras calls no activation
        scaled_next = f"{node.name}_alpha" in hls_model.graph
        return found | (
            {linear: {"result": kind}} if linear in config["LayerName"] and not scaled_next else {}
        )
    return {}


def _softmax(node: HlsLayer, layers: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Logits that a table can tell apart, if hls4ml has inferred their type; then tables for them."""
    options = layers.setdefault(node.name, {})
    if "InpNormT" in options or node.get_attr("exp_table_size") is not None:  # HGQ2 has its own
        return {}
    names = [node.get_input_node().name]
    names.append(names[0].removesuffix("_alpha") + "_linear")
    auto = [n for n in names if layers.get(n, {}).get("Precision", {}).get("result") == "auto"]
    if auto:
        return {name: {"result": str(LOGITS)} for name in auto}
    if node.get_attr("implementation") == "stable":
        source = node.get_input_variable().type.precision
        kind = FixedType(source.width, source.integer, bool(source.signed))
        shape = [int(n) for n in node.get_input_variable().shape]
        if len(shape) > 1:  # hls4ml would take all elements for one softmax
            options |= {"NOuter": math.prod(shape[:-1]), "NInner": 1}
        types = {key: str(value) for key, value in softmax_types(kind, shape[-1]).items()}
        for key, value in (types | softmax_sizes(kind)).items():
            options["".join(word.capitalize() for word in key.split("_"))] = value
        return {node.name: {}}
    return {}


_INFERRED = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "PointwiseConv1D", "PointwiseConv2D"), "weight"),
    **{"ApplyAlpha": "scale", "GlobalPooling1D": "accum", "GlobalPooling2D": "accum"},
}
"""What decides whether hls4ml can infer the result of such a layer."""


def _mean(node: HlsLayer, source: HlsPrecision) -> FixedType:
    """The type of a sum over all positions and of its mean, exact where their number is a power of two."""
    size = node.get_input_variable().size() // node.get_output_variable().size()
    if node.get_attr("pool_op") != "Average":
        return FixedType(source.width, source.integer, source.signed)
    more = math.ceil(math.log2(size))
    behind = more if size == 1 << more else more + 6
    return FixedType(source.width + more + behind, source.integer + more, source.signed)


def _holding(node: HlsLayer, key: str, source: HlsPrecision) -> FixedType:
    """The type of Σ w·x + b, or of w·x + b, for every x of the type ``source``."""
    weights = _values(node.weights[key])
    bias = np.asarray(node.weights["bias"].data, dtype=np.float64)
    fraction = max(source.fractional + _fraction(weights), _fraction(bias))
    columns = weights.reshape(-1, weights.shape[-1]) if key == "weight" else np.ravel(weights)[None, :]
    top = 2.0 ** (source.integer - source.signed) * np.abs(columns).sum(axis=0) + np.abs(bias)
    limit = math.ceil(float(top.max()) * 2.0**fraction)
    return holding(-limit, limit, fraction)


def _values(weight: HlsWeight) -> NDArray[np.float64]:
    """What the C++ multiplies with: a bit is ±1."""
    from hls4ml.model.types import XnorPrecisionType

    data = np.asarray(weight.data, dtype=np.float64)
    return 2 * data - 1 if isinstance(weight.type.precision, XnorPrecisionType) else data


def _fraction(values: ArrayLike) -> int:
    """Bits behind the point that hold all values."""
    exact = [float(v).as_integer_ratio()[1] for v in np.ravel(values)]
    return max(exact).bit_length() - 1


def check_grid(hls_model: HlsModel) -> None:
    """Refuse quantised weights that the types hls4ml gives them do not hold: the C++ would change them.

    Raises
    ------
    InputError
        Names the layer, and a weight.
    """
    for node in hls_model.get_layers():
        given = node.get_attr("scale_data") if node.get_attr("scale_quantizer") is not None else None
        if given is not None and (_values(node.weights["scale"]).ravel() != np.ravel(given)).any():
            raise InputError(
                "hls4ml changes the scale of these weights",
                field=f"layer {node.name}",
                value=f"{float(np.max(given)):g}",
                remedy="give the quantiser more integer bits, so that no scale is above one, or alpha=1",
            )
    for name, what, weight in _quantised(hls_model):
        kind = weight.type.precision
        if not hasattr(kind, "fractional"):
            continue
        scaled = np.ldexp(np.asarray(weight.data, dtype=np.float64), kind.fractional)
        top = 2.0 ** (kind.width - int(kind.signed))
        wrong = (scaled != np.rint(scaled)) | (scaled >= top) | (scaled < (-top if kind.signed else 0))
        if wrong.any():
            raise InputError(
                f"hls4ml gives the {what} a type that does not hold {int(wrong.sum())} of its values",
                field=f"layer {name}",
                value=f"{float(np.ldexp(scaled[wrong][0], -kind.fractional)):.6g} in {kind}",
                remedy="quantise it with quantized_bits(bits, integer, alpha=1)",
            )


def _quantised(hls_model: HlsModel) -> Iterator[tuple[str, str, Any]]:
    for node in hls_model.get_layers():
        for key, weight in node.weights.items():
            if node.get_attr(f"{key}_quantizer") is not None:
                yield node.name, key, weight
