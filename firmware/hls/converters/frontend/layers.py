"""The hls4ml layer list of a PyTorch program: how tensors are stored, and who handles an operation."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.firmware.hls.converters.constant_types import exact_type, rounding_error, scale_type
from l1forge.firmware.hls.converters.frontend.program import Operation, Program, Value, refuse

Handler = Callable[..., "Tensor"]
HANDLERS: dict[str, Handler] = {}

WEIGHTED = ("linear", "conv1d", "conv2d")
"""Operations whose weights may be quantised constants; others take their values."""

MOVING = ("Reshape", "Transpose", "Cropping1D", "Cropping2D")
"""Layers that change no element."""

REMEDIES = {
    **dict.fromkeys(("gelu", "mish"), "use SiLU or ReLU"),
    **dict.fromkeys(("logsoftmax", "log_softmax", "logsigmoid"), "end with the logits"),
    **dict.fromkeys(("groupnorm", "group_norm", "instancenorm1d"), "use batch or layer normalisation"),
    **dict.fromkeys(("instance_norm", "instancenormalization", "lrn"), "use batch or layer normalisation"),
    **dict.fromkeys(("rnn", "rnn_tanh", "rnn_relu"), "use an LSTM or a GRU"),
    **dict.fromkeys(("topk", "sort", "argsort", "argmax"), "end the network before it"),
    **dict.fromkeys(("reducel2", "linalg_vector_norm", "norm"), "write sqrt of the sum of x * x"),
    "reducesumsquare": "write the sum of x * x",
    "cumsum": "multiply with a triangular matrix of ones",
    "celu": "use ELU",
    **dict.fromkeys(("upsample_bilinear2d", "upsample_linear1d"), "use mode='nearest'"),
    **dict.fromkeys(
        ("transformerencoderlayer", "transformerdecoderlayer", "transformerencoder"),
        "write it with MultiheadAttention, Linear and LayerNorm in forward()",
    ),
}


def handler(*kinds: str) -> Callable[[Handler], Handler]:
    """Register the handler of operations: ``handler(layers, operation, x, *arguments, **options)``."""

    def register(function: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, function))
        return function

    return register


@dataclass(frozen=True)
class Tensor:
    """The result of an hls4ml layer: its event shape in PyTorch's order, and how it is stored."""

    name: str
    shape: tuple[int, ...]
    last: bool = False
    """Whether the first axis (channels) is stored last."""
    origin: str | None = None
    """The input whose elements these are, moved and nothing else: their type is known."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Layers:
    """The hls4ml layer list of a program.

    Parameters
    ----------
    default
        The type of weights and of results that hls4ml does not infer.
    input_types
        The type of each input.
    typed
        Types that the user has given results, by layer.

    Attributes
    ----------
    types
        By layer, the types that are known here: of the inputs, of what only moves their elements, and of
        the constants of layers that stand for something else in PyTorch.
    ranges
        By layer, the values that are possible, as far as they were asked for (``ranges``).
    fills
        By layer, what was filled with minus infinity: mask, values, and on which side of it they are kept.
    said
        By layer, a sentence for the user.
    """

    def __init__(
        self,
        program: Program,
        default: FixedType,
        input_types: Mapping[str, FixedType],
        typed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.typed = typed
        self.default = default
        self.input_types = input_types
        self.list: list[dict[str, Any]] = []
        self.types: dict[str, dict[str, str]] = {}
        self.tensors: dict[str, Tensor] = {}
        self._turned: dict[tuple[str, bool], Tensor] = {}
        self._affine: dict[str, tuple[Tensor, NDArray[Any], NDArray[Any]]] = {}
        self._one_scale: dict[str, tuple[Tensor, float]] = {}
        self.before_relu: dict[str, Tensor] = {}
        self.rounded_scales: dict[str, str] = {}
        self.said: dict[str, str] = {}
        self.ranges: dict[str, Any] = {}
        self.fills: dict[str, tuple[Tensor, Tensor, str]] = {}
        self._layers: dict[str, dict[str, Any]] = {}
        for value in program.inputs:
            self.list.append(
                {"name": value.name, "class_name": "InputLayer", "input_shape": list(value.shape)}
            )
            self._layers[value.name] = self.list[-1]
            self.tensors[value.name] = Tensor(value.name, value.shape, origin=value.name)
            self.types[value.name] = {"result": str(input_types[value.name])}
        for operation in program.operations:
            self.tensors[operation.result.name] = self._layer(operation)
        self.outputs = [self.plain(self.tensors[value.name]).name for value in program.outputs]
        self.inputs = [value.name for value in program.inputs]
        self._drop_unused()

    @property
    def notes(self) -> list[str]:
        """What the conversion has rounded or replaced, by layer."""
        told = self.rounded_scales | self.said
        return [told[layer["name"]] for layer in self.list if layer["name"] in told]

    def layer(self, name: str) -> dict[str, Any]:
        """The layer of that name."""
        return self._layers[name]

    def _drop_unused(self) -> None:
        needed = {*self.inputs, *self.outputs}
        for layer in reversed(self.list):
            if layer["name"] in needed:
                needed.update(layer.get("inputs", ()))
        self.list = [layer for layer in self.list if layer["name"] in needed]

    def _layer(self, operation: Operation) -> Tensor:
        function = HANDLERS.get(operation.kind)
        if function is None:
            remedy = REMEDIES.get(operation.kind, "docs/hls.md lists what can be converted")
            raise refuse("hls4ml cannot convert this operation", operation.name, operation.kind, remedy)
        raw = operation.kind in WEIGHTED
        arguments = [self._argument(argument, raw) for argument in operation.arguments]
        options = {key: self._argument(value, raw) for key, value in operation.options.items()}
        try:
            inspect.signature(function).bind(self, operation, *arguments, **options)
        except TypeError as error:
            raise refuse(f"arguments are not supported: {error}", operation.name, operation.kind) from error
        made = function(self, operation, *arguments, **options)
        if made.shape != operation.result.shape:
            raise refuse("broadcasts in a way that hls4ml cannot", operation.name, made.shape)
        return made

    def _argument(self, argument: Any, raw: bool) -> Any:
        if isinstance(argument, Value):
            return self.tensors[argument.name]
        if isinstance(argument, list | tuple):
            return [self._argument(part, raw) for part in argument]
        if hasattr(argument, "detach"):  # a torch.Tensor
            return argument.detach().float().numpy()
        return argument if raw or not hasattr(argument, "integers") else argument.values

    def add(
        self,
        name: str,
        class_name: str,
        inputs: Sequence[Tensor],
        shape: tuple[int, ...],
        *,
        last: bool = False,
        types: dict[str, str] | None = None,
        **attributes: Any,
    ) -> Tensor:
        """Append a layer; ``types`` are exact ones for its constants."""
        taken = {layer["name"] for layer in self.list}
        free, count = name, 0
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        layer = {"name": free, "class_name": class_name, "inputs": [t.name for t in inputs]}
        self.list.append(layer | {"data_format": "channels_last"} | attributes)
        self._layers[free] = self.list[-1]
        for key, values in attributes.items():
            if key.endswith("_data") and values is not None and not np.isfinite(values).all():
                what = key.removesuffix("_data")
                raise refuse(f"a {what} is not finite", free, remedy="check the training")
        origin = inputs[0].origin if class_name in MOVING else None
        if origin is not None:
            types = {"result": str(self.input_types[origin])}
        self.types[free] = types or {}
        return Tensor(free, shape, last, origin)

    def plain(self, x: Tensor) -> Tensor:
        """``x`` in PyTorch's order."""
        return self._turn(x, False)

    def channels_last(self, x: Tensor) -> Tensor:
        """``x`` with its first axis stored last."""
        return self._turn(x, True)

    def _turn(self, x: Tensor, last: bool) -> Tensor:
        axes = len(x.shape)
        if x.last == last or axes == 1:
            return x
        if (x.name, last) not in self._turned:
            if x.shape[0] == 1 or x.size == x.shape[0]:  # the same order of elements
                stored = (*x.shape[1:], x.shape[0]) if last else x.shape
                turned = self.add(
                    f"{x.name}_reshaped", "Reshape", [x], x.shape, last=last, target_shape=list(stored)
                )
            else:
                perm = [*range(1, axes), 0] if last else [axes - 1, *range(axes - 1)]
                name = f"{x.name}_channels_{'last' if last else 'first'}"
                turned = self.add(name, "Transpose", [x], x.shape, last=last, perm=perm)
            self._turned[x.name, last] = turned
            self._turned[turned.name, not last] = x
        return self._turned[x.name, last]

    def activation(self, name: str, function: str, x: Tensor, **attributes: Any) -> Tensor:
        class_name = attributes.pop("class_name", "Activation")
        made = self.add(
            name, class_name, [x], x.shape, last=x.last, activation=function, n_in=x.size, **attributes
        )
        if function == "relu":
            self.before_relu[made.name] = x
        return made

    def affine(self, name: str, x: Tensor, scale: ArrayLike, bias: ArrayLike) -> Tensor:
        """``x * scale + bias`` with constants of any shape that broadcasts to that of ``x``.

        Two in a row become one here: hls4ml would join them too, but keep the types of the second.
        """
        x, first, second = self._joined(x, scale, bias)
        data, kinds = {}, {}
        if len(x.shape) > 1 and any(len(self._by_channel(x, v)) == x.size for v in (first, second)):
            return self.scaled(name, x, first, second)  # hls4ml would fail to merge it into a convolution
        for key, values in (("scale", first), ("bias", second)):
            data[f"{key}_data"] = stored = self._by_channel(x, values)
            exact = exact_type(stored) if np.isfinite(stored).all() else None
            if exact is not None and exact.width <= self.default.width:
                kinds[key] = str(exact)
        made = self._normalisation(name, x, data, kinds)
        self._affine[made.name] = x, first, second
        return made

    def _joined(
        self, x: Tensor, scale: ArrayLike, bias: ArrayLike
    ) -> tuple[Tensor, NDArray[Any], NDArray[Any]]:
        first, second = (np.broadcast_to(np.asarray(v, dtype=np.float64), x.shape) for v in (scale, bias))
        if x.name not in self._affine:
            return x, first, second
        before, earlier_scale, earlier_bias = self._affine[x.name]
        return before, first * earlier_scale, first * earlier_bias + second

    def scaled(self, name: str, x: Tensor, scale: ArrayLike, bias: ArrayLike) -> Tensor:
        """The scale of a quantiser, ``x * scale + bias``: constants are exact or have 18 significant bits.

        Quantised itself, so that hls4ml leaves the integer weights before it alone.
        """
        data, quantisers, types = {}, {}, {}
        x, scale, bias = self._joined(x, scale, bias)
        for key, full in (("scale", scale), ("bias", bias)):
            data[f"{key}_data"] = stored = self._by_channel(x, full)
            kind = scale_type(stored) if np.isfinite(stored).all() else self.default
            quantisers[f"{key}_quantizer"], types[key] = quantiser(kind), str(kind)
        made = self._normalisation(name, x, data, types, **quantisers)
        if lost := rounding_error(data["scale_data"], types["scale"]):
            self.rounded_scales[made.name] = f"layer {made.name}: scale {lost}"
        if (
            len(data["scale_data"])
            and (data["scale_data"] == data["scale_data"][0]).all()
            and not np.any(bias)
        ):
            self._one_scale[made.name] = x, float(data["scale_data"][0])
        return made

    def falls(self, x: Tensor) -> bool:
        """Whether ``x`` is a batch norm with a scale that is not positive."""
        return x.name in self._affine and bool((self._affine[x.name][1] <= 0).any())

    def unscaled(self, x: Tensor) -> tuple[Tensor, float]:
        """The integers of a quantised activation and their scale, which can go behind the next weights."""
        return self._one_scale.get(x.name, (x, 1.0))

    def _normalisation(
        self, name: str, x: Tensor, data: dict[str, NDArray[Any]], types: dict[str, str], **attributes: Any
    ) -> Tensor:
        size = max(len(values) for values in data.values())
        return self.add(
            name, "BatchNormalization", [x], x.shape, last=x.last, types=types, n_in=x.size,
            n_filt=-1 if size == x.size else size, use_gamma=True, use_beta=True,
            **{key: np.resize(values, size) for key, values in data.items()}, **attributes,
        )  # fmt: skip

    def rounded(self, name: str, x: Tensor, kind: FixedType) -> Tensor:
        """``x`` in that type: the result type of the layer before where hls4ml can merge the two."""
        return self.activation(name, "linear", x, types={"result": str(kind)}, quantizer=quantiser(kind))

    def type_of(self, x: Tensor) -> FixedType | None:
        """The type of ``x`` where it is known here, not inferred by hls4ml."""
        known = self.typed.get(x.name) or self.types.get(x.name, {}).get("result")
        return None if known is None else FixedType.parse(known)

    def weights(self, weight: Any, bias: Any) -> tuple[dict[str, Any], NDArray[Any] | None]:
        """Attributes of a layer for ``weight`` (outputs first) and ``bias``.

        The second result is None, or the scale of each output where it is no power of two: then the layer
        has integer weights and no bias.
        """
        if not hasattr(weight, "integers"):
            return {"weight_data": weight} | self._bias(bias), None
        kind = weight.fixed()
        if kind is not None:
            return {"weight_data": weight.values, "weight_quantizer": quantiser(kind)} | self._bias(
                bias
            ), None
        scales = weight.scale.reshape(len(weight.scale), -1)
        if (scales != scales[:, :1]).any():
            raise InputError(
                "weights have scales that are not powers of two and differ within an output",
                field="weights", remedy="quantise with one scale per tensor or per channel",
            )  # fmt: skip
        integers = {"weight_data": weight.integers, "weight_quantizer": quantiser(weight.kind)}
        return integers | self._bias(None), scales[:, 0]

    @staticmethod
    def _bias(bias: Any) -> dict[str, Any]:
        if not hasattr(bias, "integers"):
            return {"bias_data": bias, "use_bias": bias is not None}
        kind = bias.fixed()
        given = {"bias_data": bias.values, "use_bias": True}
        return given if kind is None else given | {"bias_quantizer": quantiser(kind)}

    @staticmethod
    def _by_channel(x: Tensor, values: NDArray[Any]) -> NDArray[Any]:
        """In stored order; one value for each of the last axis where the others do not matter."""
        stored = np.moveaxis(values, 0, -1) if x.last else values
        rows = stored.reshape(-1, stored.shape[-1])
        return rows[0].copy() if (rows == rows[0]).all() else rows.ravel()


def quantiser(kind: FixedType) -> Any:
    """What hls4ml keeps with a layer so that its type is neither inferred nor merged away."""
    from hls4ml.model.quantizers import QuantNodeQuantizer
    from hls4ml.model.types import FixedPrecisionType

    modes = f"AP_{kind.rounding.name}", f"AP_{kind.overflow.name}"
    return QuantNodeQuantizer(FixedPrecisionType(kind.width, kind.integer, kind.signed, *modes))


def number(operation: Operation, value: object, what: str) -> float:
    """A constant argument as a number."""
    array = np.asarray(value, dtype=object if value is None else float)
    if value is None or array.size != 1 or not np.isfinite(array).all():
        raise refuse(f"{what} must be one finite number", operation.name, value)
    return float(array.ravel()[0])


def layer_list(
    program: Program,
    default: FixedType,
    input_types: Mapping[str, FixedType],
    typed: Mapping[str, str] = MappingProxyType({}),
) -> Layers:
    """The hls4ml layers of a program.

    Raises
    ------
    InputError
        If an operation has no hls4ml layer; it is named, with what can be done.
    """
    if not program.operations:
        raise InputError("the network has no layers", field="network")
    layers = Layers(program, default, input_types, typed)
    made = {layer["name"]: layer for layer in layers.list}
    for name, value in zip(layers.outputs, program.outputs, strict=True):
        layer = made[name]
        while layer["class_name"] == "Reshape":  # no layer at all in the C++
            layer = made[layer["inputs"][0]]
        if layer["class_name"] == "InputLayer":
            raise refuse("output is an input, unchanged", value.name, remedy="leave it out of the network")
    if len(set(layers.outputs)) != len(layers.outputs):
        raise InputError("the same tensor is an output twice", field="network", value=layers.outputs)
    return layers
