"""A Keras network as a list of operations, for what hls4ml's own readers of Keras do not know.

Both Keras 2 (``tf_keras``, with QKeras) and Keras 3 keep a list of calls. Tensors stay in Keras' order of
axes; convolutions and pooling are given views with the channels first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.keras_beyond import is_operation
from l1forge.firmware.hls.converters.frontend.keras_layers import LAYERS, MERGES
from l1forge.firmware.hls.converters.frontend.keras_operations import (
    CONSTANTS,
    MOVES,
    OPERATIONS,
    SAME,
    Named,
)
from l1forge.firmware.hls.converters.frontend.program import Operation, Program, Value, refuse
from l1forge.firmware.hls.converters.keras_flat import IDLE
from l1forge.firmware.hls.objects import KerasLayer, KerasModel


def read_keras(model: KerasModel) -> Program:
    """The operations of a Keras 2 or Keras 3 model.

    Raises
    ------
    InputError
        If a layer is not understood: it is named, with what can be done.
    """
    return KerasReader(model).program


@dataclass
class KerasCall:
    """One call of a layer: its positional and named arguments with values for tensors."""

    layer: Any
    name: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    shapes: list[tuple[int, ...]]
    mask: Value | None = None
    """What Keras hands on as mask of the first argument."""


class KerasReader:
    """Walks the calls in their order; ``LAYERS`` and ``OPERATIONS`` know what each is."""

    def __init__(self, model: KerasModel) -> None:
        self.program = Program([])
        self.values: dict[int, Any] = {}
        self.masks: dict[str, Value] = {}
        self.names: set[str] = set()
        tensors = model.inputs
        names = list(getattr(model, "input_names", None) or [t._keras_history[0].name for t in tensors])
        for name, tensor in zip(names, tensors, strict=True):
            value = Value(name, _shape(tensor))
            self.names.add(name)
            self.values[id(tensor)] = value
            self.program.inputs.append(value)
        outputs = self._model(model)
        self.program.outputs = outputs

    def _model(self, model: KerasModel) -> list[Value]:
        if not hasattr(model, "_nodes_by_depth"):
            model = model._functional
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                self._node(node)
        found = [self.values[id(tensor)] for tensor in model.outputs]
        for value in found:
            if not isinstance(value, Value):
                raise refuse("output does not depend on the inputs", str(model.name))
        return found

    def _node(self, node: Any) -> None:
        layer = node.operation if hasattr(node, "operation") else node.layer
        outputs = _flat(node.outputs)
        if all(id(tensor) in self.values for tensor in outputs):
            return  # an input
        if hasattr(node, "arguments"):
            arguments, options = node.arguments.args, node.arguments.kwargs
        else:
            arguments, options = node.call_args, node.call_kwargs
        given = tuple(self._given(a) for a in arguments)
        named = {key: self._given(a) for key, a in options.items() if key not in ("training", "name")}
        if hasattr(layer, "layers") and type(layer).__name__ != "Bidirectional":
            self._nested(layer, given, outputs)
            return
        call = KerasCall(layer, self._unique(layer.name), given, named, [_shape(t) for t in outputs])
        values = _of(given)
        call.mask = self.masks.get(values[0].name) if values else None
        for tensor, made in zip(outputs, self._read(call), strict=True):
            self.values[id(tensor)] = made
            self._hand_on(call.mask, made)

    def _hand_on(self, mask: Value | None, made: Any) -> None:
        """A mask of steps goes on with a sequence of as many steps."""
        if mask is None or not isinstance(made, Value) or made.name in self.masks:
            return
        if len(made.shape) > 1 and made.shape[0] == mask.shape[0]:
            self.masks[made.name] = mask

    def _nested(self, model: KerasModel, given: tuple[Any, ...], outputs: list[Any]) -> None:
        """The calls of a model inside the model; its own tensors are those that it was made with."""
        inner = model if hasattr(model, "_nodes_by_depth") else model._functional
        saved = dict(self.values)
        for tensor in [
            t for nodes in inner._nodes_by_depth.values() for n in nodes for t in _flat(n.outputs)
        ]:
            self.values.pop(id(tensor), None)
        for tensor, value in zip(model.inputs, _of(given), strict=True):
            self.values[id(tensor)] = value
        made = self._model(model)
        self.values = saved | {id(t): v for t, v in zip(outputs, made, strict=True)}

    def _given(self, argument: Any) -> Any:
        if isinstance(argument, list | tuple):
            return [self._given(part) for part in argument]
        if isinstance(argument, Mapping):
            return {key: self._given(part) for key, part in argument.items()}
        found = self.values.get(id(argument))
        return argument if found is None else found

    def _unique(self, name: str) -> str:
        name = name.replace("/", "_").replace(".", "_")
        free, count = name, 0
        while free in self.names:
            count += 1
            free = f"{name}_{count}"
        self.names.add(free)
        return free

    def _read(self, call: KerasCall) -> list[Any]:
        kind = type(call.layer).__name__
        if kind in ("TFOpLambda", "SlicingOpLambda"):
            kind = str(call.layer.symbol)
        named = Named(call, kind)
        values = _of(call.arguments) + _of(list(call.options.values()))
        if kind in IDLE or kind in SAME:
            return [values[0]]
        if not values:
            raise refuse("does not depend on the inputs", call.name, kind, "leave it out of the network")
        if kind in CONSTANTS:
            return [np.full(call.shapes[0], CONSTANTS[kind])]
        if kind in MOVES:
            return self.moved(call, values[0])
        if kind in LAYERS:
            made = LAYERS[kind](self, call)
            return list(made) if isinstance(made, tuple) else [made]
        if kind in MERGES and not is_operation(call.layer):
            return [MERGES[kind](self, call)]
        if kind in OPERATIONS:
            return [OPERATIONS[kind](self, named)]
        remedy = "docs/hls.md lists what is read; build the network of these layers"
        raise refuse(
            "this layer is not read beside layers that hls4ml does not know", call.name, kind, remedy
        )

    def add(
        self, kind: str, shape: tuple[int, ...], *arguments: Any, name: str, result: str = "", **options: Any
    ) -> Value:
        """Append an operation whose result has a shape."""
        made = Value(result or name, shape)
        self.names.add(made.name)
        self.program.operations.append(Operation(name, kind, arguments, options, made))
        return made

    def index(self, made: Value, index: Any) -> None:
        """Say which elements the last operation, a move to ``made``, takes."""
        last = self.program.operations[-1]
        assert last.result is made
        self.program.operations[-1] = replace(last, index=np.asarray(index, dtype=np.int64).ravel())

    def moved(self, call: KerasCall, source: Value) -> list[Value]:
        """Which elements the results hold: the layer is run on element numbers."""
        numbers = np.arange(source.size, dtype=np.float32).reshape(1, *source.shape)

        def fed(argument: Any) -> Any:
            if isinstance(argument, list):
                return [fed(part) for part in argument]
            return numbers if argument is source else argument

        if source.size > 1 << 24:
            raise refuse("is too large to follow its elements", call.name, source.shape)
        results = call.layer(
            *(fed(a) for a in call.arguments), **{k: fed(a) for k, a in call.options.items()}
        )
        made = []
        for k, part in enumerate(results if isinstance(results, list | tuple) else [results]):
            index = np.asarray(part).ravel().astype(np.int64)
            name = call.name if not k else f"{call.name}_{k}"
            value = Value(name, call.shapes[k])
            self.names.add(name)
            self.program.operations.append(Operation(name, "move", (source,), {}, value, index))
            made.append(value)
        return made

    def first(self, x: Value, layer: KerasLayer | None = None) -> Value:
        """A view with the channels first; ``x`` itself where ``layer`` has them first."""
        if _channels_first(layer):
            return x
        shape = (x.shape[-1], *x.shape[:-1])
        return self.add(
            "channels_first", shape, x, name=f"{x.name}:first", result=f"{x.name}:first{len(self.names)}"
        )

    def last(self, x: Value, name: str, layer: KerasLayer | None = None) -> Value:
        """A view with the channels last, as Keras has them; ``x`` itself where ``layer`` has them first."""
        if _channels_first(layer):
            return x
        return self.add("channels_last", (*x.shape[1:], x.shape[0]), x, name=name, result=f"{x.name}:last")


def _channels_first(layer: object) -> bool:
    return getattr(layer, "data_format", None) == "channels_first"


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(tensor.shape[1:])
    if any(n is None for n in shape):
        name = str(getattr(tensor, "name", "tensor"))
        raise refuse(
            "has an axis of no fixed size", name, str(tuple(tensor.shape)), "give Input its full shape"
        )
    return tuple(int(n) for n in shape)


def _flat(parts: Any) -> list[Any]:
    if isinstance(parts, list | tuple):
        return [leaf for part in parts for leaf in _flat(part)]
    if isinstance(parts, Mapping):
        return [leaf for part in parts.values() for leaf in _flat(part)]
    return [parts]


def _of(arguments: Any) -> list[Value]:
    return [part for part in _flat(list(arguments)) if isinstance(part, Value)]
