"""ONNX, and Brevitas through QONNX, to hls4ml: quantisers become fixed-point types."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.frontend import hls_model, read_onnx
from l1forge.firmware.hls.converters.qdq import fuse_pairs
from l1forge.firmware.hls.converters.settings import Settings
from l1forge.firmware.hls.environment import TENSORFLOW_SETTINGS

if TYPE_CHECKING:
    from onnx import GraphProto
    from qonnx.core.modelwrapper import ModelWrapper
    from torch import Tensor
    from torch.nn import Module

RESERVED = {
    *("input", "output"),
    *("auto", "bool", "break", "case", "char", "class", "const", "continue", "default", "delete", "do"),
    *("double", "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long"),
    *("namespace", "new", "operator", "private", "public", "register", "return", "short", "signed"),
    *("sizeof", "static", "struct", "switch", "template", "this", "typedef", "typename", "union"),
    *("unsigned", "using", "virtual", "void", "volatile", "while", "nnet", "std"),
}
"""Names that an input cannot have: hls4ml's own, and words of C++. They get ``_1``."""


def export_qonnx(network: Module, example: Tensor, path: str | Path) -> None:
    """Write a Brevitas network as QONNX, cleaned up (constants folded, shapes inferred).

    Parameters
    ----------
    example
        One input tensor of shape (1, ...).
    """
    from brevitas.export import export_qonnx as brevitas_export

    brevitas_export(network, args=example, export_path=str(path))
    clean_qonnx(path).save(str(path))


def clean_qonnx(path: str | Path) -> Any:
    """The QONNX model of a file with constants folded, shapes inferred and a batch of one.

    Raises
    ------
    InputError
        If the file is not an ONNX model.
    """
    from qonnx.core.modelwrapper import ModelWrapper as Wrapper
    from qonnx.transformation.change_batchsize import ChangeBatchSize
    from qonnx.util.cleanup import cleanup_model

    try:
        model = Wrapper(str(path))
        if not model.graph.node:
            raise ValueError("it holds no operations")
        fuse_pairs(model.graph)
        _separate_repeats(model.graph)
        weights = {tensor.name for tensor in model.graph.initializer}
        inputs = [tensor.name for tensor in model.graph.input if tensor.name not in weights]
        if any((model.get_tensor_shape(name) or [1])[0] != 1 for name in inputs):
            for tensor in (
                *model.graph.input,
                *model.graph.output,
            ):  # ChangeBatchSize sees to the first of each
                if tensor.name not in weights and tensor.type.tensor_type.shape.dim:
                    tensor.type.tensor_type.shape.dim[0].dim_value = 1
            model = model.transform(ChangeBatchSize(1))
        return _named_inputs(cleanup_model(model), inputs)
    except InputError:
        raise
    except Exception as error:  # protobuf, onnx and qonnx each have their own
        problem = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"cannot read the ONNX model: {problem}", file=path, remedy="check that it is an .onnx file"
        ) from error


def _named_inputs(model: ModelWrapper, names: Sequence[str]) -> ModelWrapper:
    """The file's own names of the inputs, which qonnx replaces by global_in, where they are names in C++."""
    known = {tensor.name for tensor in model.graph.initializer}
    found = [tensor.name for tensor in model.graph.input if tensor.name not in known]
    if len(found) != len(names):
        return model
    wanted = [re.sub(r"\W", "_", name) for name in names]
    wanted = [f"{name}_1" if name in RESERVED else name for name in wanted]
    taken = {node.name for node in model.graph.node} | set(model.get_all_tensor_names())
    if len(set(wanted)) < len(wanted) or any(
        not name.isascii() or not name.isidentifier() or name in taken - set(found) for name in wanted
    ):
        return model
    for old, new in zip(found, wanted, strict=True):
        if old != new:
            model.rename_tensor(old, new)
    return model


def _separate_repeats(graph: GraphProto) -> None:
    """An Identity for an input that a node reads twice: qonnx renames only the first of them."""
    from onnx import helper

    place = 0
    while place < len(graph.node):
        node = graph.node[place]
        for k, name in enumerate(node.input):
            if name and name in node.input[:k]:
                copied = f"{name}_{place}_{k}"
                node.input[k] = copied
                graph.node.insert(place, helper.make_node("Identity", [name], [copied]))
                place += 1
        place += 1


def convert_onnx(
    path: str | Path,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """Convert an ONNX or QONNX file to an hls4ml ``ModelGraph`` for Vitis HLS.

    Export Brevitas networks with ``export_qonnx``. Scales that are powers of two become fixed-point types;
    other scales become integer weights and a layer that scales. Inputs are named as in the file (other signs
    than letters and digits become ``_``, ``input`` becomes ``input_1``). The other
    parameters are those of ``convert_torch``.

    Raises
    ------
    InputError
        If the file cannot be read, a layer cannot be converted, or a type does not parse.
    """
    os.environ.update(TENSORFLOW_SETTINGS)  # QONNX loads TensorFlow; QKeras may be wanted later
    try:
        return hls_model(read_onnx(clean_qonnx(path)), name, output_dir, input_type, precision, **settings)
    except InputError as error:
        if error.file is not None:
            raise
        told = {"field": error.field, "value": error.value, "remedy": error.remedy}
        raise InputError(error.problem, file=path, **told) from error  # type: ignore[arg-type]
