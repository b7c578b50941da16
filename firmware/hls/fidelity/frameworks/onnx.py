"""Predictions of ONNX files: by ONNX Runtime, and by QONNX where quantisers are its own (Brevitas)."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.fidelity.frameworks.framework import Floats, batches

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto
    from qonnx.core.modelwrapper import ModelWrapper

STANDARD = ("", "ai.onnx", "ai.onnx.ml")
"""Domains of the operations that ONNX Runtime has."""


class OnnxFramework:
    """An ONNX or QONNX model."""

    def __init__(self, path: Path) -> None:
        import onnx

        self.path = path
        try:
            self.model = onnx.load(str(path))
        except OSError:
            raise
        except Exception as error:  # protobuf has its own
            raise InputError(f"cannot read the ONNX model: {error}", file=path) from error
        self.standard = all(node.domain in STANDARD for node in self.model.graph.node)
        weights = {tensor.name for tensor in self.model.graph.initializer}
        self.inputs = [value for value in self.model.graph.input if value.name not in weights]

    @property
    def versions(self) -> dict[str, str]:
        names = ["onnx", "onnxruntime" if self.standard else "qonnx"]
        return {name: importlib.metadata.version(name) for name in names}

    @property
    def shapes(self) -> list[tuple[int, ...]] | None:
        found = []
        for value in self.inputs:
            dims = value.type.tensor_type.shape.dim[1:]
            if any(not dim.HasField("dim_value") for dim in dims):
                return None
            found.append(tuple(int(dim.dim_value) for dim in dims))
        return found

    def predict(self, inputs: Sequence[Floats]) -> list[Floats]:
        names = [value.name for value in self.model.graph.output]
        if self.standard:
            return _run(self.model, self.inputs, names, inputs)
        from qonnx.core.modelwrapper import ModelWrapper

        made = self._by_qonnx(ModelWrapper(str(self.path)), inputs, names)
        return [made[name] for name in names]

    def layers(self, inputs: Sequence[Floats]) -> dict[str, Floats]:
        import onnx

        from l1forge.firmware.hls.converters.frontend.onnx_reader import OnnxReader
        from l1forge.firmware.hls.converters.onnx import clean_qonnx

        clean = clean_qonnx(self.path)
        results = {made.name: made.result.name for made in OnnxReader(clean).program.operations}
        tensors = [name for node in clean.graph.node for name in node.output]
        results = {name: tensor for name, tensor in results.items() if tensor in tensors}
        if all(node.domain in STANDARD for node in clean.graph.node):
            model = onnx.ModelProto()
            model.CopyFrom(clean.model)
            del model.graph.output[:]
            for tensor in dict.fromkeys(results.values()):
                model.graph.output.append(onnx.ValueInfoProto(name=tensor))
            fed = [value for value in model.graph.input if clean.get_initializer(value.name) is None]
            names = list(dict.fromkeys(results.values()))
            found = dict(zip(names, _run(model, fed, names, inputs), strict=True))
        else:
            found = self._by_qonnx(clean, inputs, list(results.values()))
        return {name: found[tensor] for name, tensor in results.items()}

    def _by_qonnx(
        self, model: ModelWrapper, inputs: Sequence[Floats], names: Sequence[str]
    ) -> dict[str, Floats]:
        from qonnx.core.onnx_exec import execute_onnx

        fed = [value.name for value in model.graph.input if model.get_initializer(value.name) is None]
        made: dict[str, list[Floats]] = {name: [] for name in names}
        for event in _events(inputs):
            context = execute_onnx(model, dict(zip(fed, event, strict=True)), return_full_exec_context=True)
            for name in made:
                made[name].append(context[name])
        return {name: np.concatenate(parts) for name, parts in made.items()}


def _run(
    model: ModelProto, values: Sequence[Any], names: Sequence[str], inputs: Sequence[Floats]
) -> list[Floats]:
    """Outputs by ONNX Runtime: all events at once, or as many as the model takes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    kinds = [_dtype(value) for value in values]
    fed = [array.astype(kind) for array, kind in zip(inputs, kinds, strict=True)]
    names_in, count = [value.name for value in values], len(inputs[0])
    sizes = [int(value.type.tensor_type.shape.dim[0].dim_value) for value in values]
    parts = []
    for batch in batches(fed, max(sizes, default=0) or max(count, 1)):
        parts.append(session.run(list(names), dict(zip(names_in, batch, strict=True))))
    return [np.concatenate(blocks)[:count] for blocks in zip(*parts, strict=True)]


def _dtype(value: ValueInfoProto) -> Any:
    import onnx

    return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)


def _events(inputs: Sequence[Floats]) -> Iterator[Sequence[Floats]]:
    """One event after the other, with a batch axis of one; float32 where nothing else is wanted."""
    for event in range(len(inputs[0])):
        yield [
            array[event : event + 1].astype(np.float32 if array.dtype == np.float64 else array.dtype)
            for array in inputs
        ]
