"""The anomaly scores of a variational autoencoder as layers: the firmware computes them.

Two scores from the latent mean µ and the logarithm of the variance v = log σ² (arXiv:2108.03986, eq. 4-6):
the clipped divergence Σµ², and twice the Kullback-Leibler divergence Σ(µ² + e^v − 1 − v). The second needs
one look-up table, e^v − 1 − v, indexed by the raw bits of v. All arithmetic is fixed point, in Keras too.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.environment import use_legacy_keras
from l1forge.firmware.hls.objects import HlsLayer, KerasModel
from l1forge.firmware.hls.project.weights import constant

if TYPE_CHECKING:
    from qkeras import quantized_bits, quantized_relu
    from tensorflow import Tensor

ACCUMULATOR = "ufixed<18,14>"
TEMPLATE = Path(__file__).parents[1] / "templates" / "nnet_score.h"


def divergence_table(log_var: FixedType, entries: FixedType) -> NDArray[np.int64]:
    """e^v − 1 − v for every v of type ``log_var``, ordered by raw bits; integers in LSBs of ``entries``.

    Raises
    ------
    InputError
        If the table would exceed 4096 entries or a value does not fit ``entries``.
    """
    if log_var.width > 12:
        raise InputError(
            "is too wide for a table of the divergence",
            field="log variance",
            value=str(log_var),
            remedy="quantise the log variance to at most 12 bits",
        )
    raw = np.arange(1 << log_var.width)
    signed = np.where(raw >> (log_var.width - 1), raw - (1 << log_var.width), raw) if log_var.signed else raw
    values = [math.exp(v) - 1 - v for v in np.ldexp(signed.astype(float), -log_var.fraction).tolist()]
    if max(values) > entries.maximum * entries.lsb:
        raise InputError(
            f"exp({signed.max() * log_var.lsb}) does not fit",
            field="table type",
            value=str(entries),
            remedy="widen the table or narrow the log variance",
        )
    rounded = FixedType.parse(
        f"{'' if entries.signed else 'u'}fixed<{entries.width},{entries.integer},RND,SAT>"
    )
    return constant(values, rounded).data


@functools.cache
def score_layers() -> tuple[Any, Any]:
    """The Keras 2 layer classes ``SquareSum`` and ``TwiceKL``, whose results are the firmware's."""
    keras = use_legacy_keras()
    import tensorflow as tf

    def wrapped(values: Tensor, kind: FixedType) -> Any:
        """Truncate to ``kind``'s grid and wrap (both exact: every value is a small multiple of its LSB)."""
        span = 2.0**kind.integer
        grid = tf.floor(values * 2.0**kind.fraction) * kind.lsb
        low = -span / 2 if kind.signed else 0.0
        return tf.math.floormod(grid - low, span) + low

    class SquareSum(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(self, accum: str = ACCUMULATOR, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.accum = accum

        def call(self, mean: Tensor) -> Any:
            kind = FixedType.parse(self.accum)
            squares = wrapped(tf.square(mean), kind)
            return wrapped(tf.reduce_sum(squares, axis=-1, keepdims=True), kind)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "accum": self.accum}

    class TwiceKL(keras.layers.Layer):  # type: ignore[misc,name-defined]
        def __init__(
            self, log_var: str, accum: str = ACCUMULATOR, table: str = ACCUMULATOR, **kwargs: Any
        ) -> None:
            super().__init__(**kwargs)
            self.log_var, self.accum, self.table = log_var, accum, table

        def call(self, inputs: Sequence[Tensor]) -> Any:
            mean, log_var = inputs
            kind, entry, index = (FixedType.parse(t) for t in (self.accum, self.table, self.log_var))
            entries = np.ldexp(divergence_table(index, entry).astype(float), -entry.fraction)
            raw = tf.cast(tf.round(log_var * 2.0**index.fraction), tf.int32) % (1 << index.width)
            terms = wrapped(tf.gather(tf.constant(entries, mean.dtype), raw), kind)
            squares = wrapped(tf.square(mean), kind)
            total = tf.reduce_sum(squares, axis=-1, keepdims=True) + tf.reduce_sum(
                terms, axis=-1, keepdims=True
            )
            return wrapped(total, kind)

        def get_config(self) -> dict[str, Any]:
            config = {"log_var": self.log_var, "accum": self.accum, "table": self.table}
            return {**super().get_config(), **config}

    return SquareSum, TwiceKL


def quantizer_type(quantizer: quantized_bits | quantized_relu) -> FixedType:
    """The fixed-point type of a QKeras ``quantized_bits`` / ``quantized_relu`` (alpha = 1).

    Raises
    ------
    InputError
        For any other quantiser.
    """
    name = type(quantizer).__name__
    if name == "quantized_bits":
        sign = int(bool(quantizer.keep_negative))
        return FixedType(int(quantizer.bits), int(quantizer.integer) + sign, bool(sign))
    if name == "quantized_relu":
        return FixedType(int(quantizer.bits), int(quantizer.integer), False)
    raise InputError(
        "is not a fixed-point quantiser", field="quantiser", value=name, remedy="use quantized_bits"
    )


def attach_scores(
    encoder: KerasModel,
    mean: str = "z_mean",
    log_var: str = "z_log_var",
    accum: str = ACCUMULATOR,
    table: str = ACCUMULATOR,
) -> Any:
    """The encoder (a Keras 2 model) with the outputs ``mu2_score`` and ``kl_score`` instead of its own.

    Parameters
    ----------
    mean, log_var
        Names of the ``QActivation(quantized_bits)`` layers that end the encoder.
    accum, table
        Types of the sums and of the table of e^v − 1 − v.

    Raises
    ------
    InputError
        If a layer is missing or is not such a quantiser.
    """
    keras = use_legacy_keras()
    square_sum, twice_kl = score_layers()
    layers = {}
    for name in (mean, log_var):
        try:
            layers[name] = encoder.get_layer(name)
        except ValueError as error:
            raise InputError("layer is missing", field="encoder", value=name) from error
        if not hasattr(layers[name], "quantizer"):
            raise InputError(
                "layer is not a quantiser",
                field="encoder",
                value=name,
                remedy=f"end the encoder with QActivation(quantized_bits(...), name={name!r})",
            )
    kind = quantizer_type(layers[log_var].quantizer)
    divergence_table(kind, FixedType.parse(table))
    means, variances = layers[mean].output, layers[log_var].output
    outputs = [
        square_sum(accum, name="mu2_score")(means),
        twice_kl(str(kind), accum, table, name="kl_score")([means, variances]),
    ]
    return keras.Model(encoder.inputs, outputs, name=f"{encoder.name}_scores")


@functools.cache
def register_scores(backend_name: str = "Vitis") -> None:
    """Teach hls4ml the two layers (its Extension API): parser, layer, templates, C++ header."""
    import hls4ml
    from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
    from hls4ml.converters.keras_v2_to_hls import parse_default_keras_layer, register_keras_v2_layer_handler
    from hls4ml.model.attributes import Attribute, TypeAttribute, WeightAttribute
    from hls4ml.model.types import FixedPrecisionType

    def precision(text: str) -> Any:
        kind = FixedType.parse(text)
        return FixedPrecisionType(kind.width, kind.integer, kind.signed)

    class SquareSum(hls4ml.model.layers.Layer):  # type: ignore[misc,name-defined]
        _expected_attributes = [Attribute("n_in"), TypeAttribute("accum")]  # noqa: RUF012

        def initialize(self) -> None:
            self.set_attr("n_in", self.get_input_variable().shape[0])
            kind = precision(self.attributes["score_accum"])
            self.add_output_variable([1], precision=kind)
            self.types["accum_t"].precision = kind

    class TwiceKL(hls4ml.model.layers.Layer):  # type: ignore[misc,name-defined]
        _expected_attributes = [  # noqa: RUF012
            Attribute("n_in"),
            Attribute("table_size"),
            TypeAttribute("accum"),
            WeightAttribute("table"),
            TypeAttribute("table"),
        ]

        def initialize(self) -> None:
            self.set_attr("n_in", self.get_input_variable(self.inputs[0]).shape[0])
            entry = FixedType.parse(self.attributes["score_table"])
            index = FixedType.parse(self.attributes["log_var"])
            data = np.ldexp(divergence_table(index, entry).astype(float), -entry.fraction)
            self.set_attr("table_size", len(data))
            kind = precision(self.attributes["score_accum"])
            self.add_output_variable([1], precision=kind)
            self.types["accum_t"].precision = kind
            self.add_weights_variable(
                "table", "t{index}", "table{index}_t", precision=precision(str(entry)), data=data
            )

    class ConfigTemplate(LayerConfigTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__((SquareSum, TwiceKL))

        def format(self, node: HlsLayer) -> str:
            lines = [
                f"struct config{node.index} {{",
                f"    static const unsigned n_in = {node.get_attr('n_in')};",
                f"    static const unsigned reuse_factor = {node.get_attr('reuse_factor', 1)};",
                f"    typedef {node.types['accum_t'].name} accum_t;",
            ]
            if node.get_attr("table_size"):
                lines += [
                    f"    static const unsigned table_size = {node.get_attr('table_size')};",
                    f"    typedef {node.weights['table'].type.name} table_t;",
                ]
            return "\n".join([*lines, "};\n"])

    class FunctionTemplate(FunctionCallTemplate):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__((SquareSum, TwiceKL), include_header=[f"nnet_utils/{TEMPLATE.name}"])

        def format(self, node: HlsLayer) -> str:
            arrays = [node.get_input_variable(name) for name in node.inputs] + [node.get_output_variable()]
            names = [array.name for array in arrays] + [weight.name for weight in node.get_weights()]
            function = "square_sum" if len(node.inputs) == 1 else "twice_kl"
            types = ", ".join(array.type.name for array in arrays)
            return f"nnet::{function}<{types}, config{node.index}>({', '.join(names)});"

    def parse(
        layer: dict[str, Any],
        input_names: Sequence[str],
        input_shapes: Sequence[Sequence[int]],
        reader: object,
    ) -> Any:
        config = layer["config"]
        parsed = parse_default_keras_layer(layer, input_names)
        parsed["score_accum"] = config["accum"]
        for key, name in (("log_var", "log_var"), ("table", "score_table")):
            if key in config:
                parsed[name] = config[key]
        return parsed, [input_shapes[0][0], 1]

    for name, cls in (("SquareSum", SquareSum), ("TwiceKL", TwiceKL)):
        register_keras_v2_layer_handler(name, parse)
        hls4ml.model.layers.register_layer(name, cls)
    backend = hls4ml.backends.get_backend(backend_name)
    backend.register_template(ConfigTemplate)
    backend.register_template(FunctionTemplate)
    backend.register_source(TEMPLATE)
