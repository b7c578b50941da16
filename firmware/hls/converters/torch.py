"""PyTorch networks (float weights, types chosen by the user) to hls4ml."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from l1forge.firmware.hls.converters.frontend import hls_model, read_program
from l1forge.firmware.hls.converters.settings import Settings
from l1forge.firmware.hls.environment import TENSORFLOW_SETTINGS

if TYPE_CHECKING:
    from torch.nn import Module


def convert_torch(
    network: Module,
    input_shape: tuple[int, ...] | Sequence[tuple[int, ...]] | None,
    name: str,
    output_dir: str | Path,
    input_type: str | Mapping[str, str],
    precision: Mapping[str, Mapping[str, str]] | None = None,
    **settings: Unpack[Settings],
) -> Any:
    """Convert a ``torch.nn.Module`` or ``torch.export.ExportedProgram`` to an hls4ml ``ModelGraph``.

    Layers are named as ``torch.fx`` names them; inputs and outputs keep PyTorch's order of axes. For
    quantised training use Brevitas and ``convert_onnx``.

    Parameters
    ----------
    input_shape
        Shape of one event's input, without the batch axis; a list of shapes for several inputs; may be
        None for an exported program.
    name
        Project and top function name.
    output_dir
        Where the project is written by ``hls_model.write()``.
    input_type
        Type of all inputs, or a mapping by their names (the arguments of ``forward``).
    precision
        ``{layer: {"result": "fixed<16,6>", "weight": ...}}``, over what is inferred.
    settings
        See ``Settings``.

    Raises
    ------
    InputError
        If a layer cannot be converted, or a type does not parse.
    """
    os.environ.update(TENSORFLOW_SETTINGS)
    shapes = [input_shape] if isinstance(input_shape, tuple) else input_shape
    program = read_program(network, shapes)  # type: ignore[arg-type]
    return hls_model(program, name, output_dir, input_type, precision, **settings)
