"""Brevitas through QONNX to hls4ml: quantisers with power-of-two scales become fixed-point types."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.errors import InputError
from emulator.fixed import FixedType
from firmware.hls.convert import PART, apply_precision, refusals
from firmware.hls.environment import TENSORFLOW_SETTINGS


def export_qonnx(network: Any, example: Any, path: str | Path) -> None:
    """Write a Brevitas network as QONNX, cleaned up as hls4ml needs it (Gemm split, shapes inferred).

    Parameters
    ----------
    example
        One input tensor of shape (1, ...).
    """
    from brevitas.export import export_qonnx as brevitas_export

    brevitas_export(network, args=example, export_path=str(path))
    clean_qonnx(path).save(str(path))


def clean_qonnx(path: str | Path) -> Any:
    """The QONNX model of a file with constants folded, Gemm turned into MatMul and channels last.

    Raises
    ------
    InputError
        If the file is not an ONNX model.
    """
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    try:
        model = cleanup_model(ModelWrapper(str(path)))
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"cannot read the ONNX model: {error}", file=path) from error
    return cleanup_model(model.transform(GemmToMatMul()))


def convert_onnx(
    path: str | Path,
    name: str,
    output_dir: str | Path,
    input_type: str,
    precision: Mapping[str, Mapping[str, str]] | None = None,
    *,
    strategy: str = "Latency",
    reuse_factor: int = 1,
    part: str = PART,
    clock_ns: float = 2.5,
) -> Any:
    """Convert a QONNX file to an hls4ml ``ModelGraph`` for Vitis HLS.

    Export with ``export_qonnx``; use Brevitas' ``*FixedPoint`` quantisers, because only power-of-two scales
    are fixed-point types. Parameters are those of ``convert_keras``.

    Raises
    ------
    InputError
        If the file cannot be read, hls4ml cannot convert a layer, or a type does not parse.
    """
    os.environ.update(TENSORFLOW_SETTINGS)  # QONNX loads TensorFlow; QKeras may be wanted later
    import hls4ml

    kind = FixedType.parse(input_type, field="input_type")
    model = clean_qonnx(path)
    remedy = "quantise inputs, weights, biases and activations with Brevitas' *FixedPoint quantisers"
    with refusals("the model", remedy, file=path):
        config = hls4ml.utils.config_from_onnx_model(model, granularity="name", backend="Vitis")
        kinds = {model.graph.input[0].name: {"result": str(kind)}}
        apply_precision(config, kinds | dict(precision or {}))
        config["Model"] |= {"Strategy": strategy, "ReuseFactor": reuse_factor}
        return hls4ml.converters.convert_from_onnx_model(
            model,
            hls_config=config,
            output_dir=str(output_dir),
            project_name=name,
            backend="Vitis",
            io_type="io_parallel",
            part=part,
            clock_period=clock_ns,
        )
