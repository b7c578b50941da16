"""PyTorch networks (float weights, types chosen by the user) to hls4ml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulator.fixed import FixedType
from firmware.hls.convert import PART, apply_precision, refusals
from firmware.hls.environment import TENSORFLOW_SETTINGS


def convert_torch(
    network: Any,
    input_shape: tuple[int, ...],
    name: str,
    output_dir: str | Path,
    input_type: str,
    precision: Mapping[str, Mapping[str, str]] | None = None,
    *,
    default_precision: str = "fixed<16,6>",
    strategy: str = "Latency",
    reuse_factor: int = 1,
    part: str = PART,
    clock_ns: float = 2.5,
) -> Any:
    """Convert a ``torch.nn.Module`` to an hls4ml ``ModelGraph`` for Vitis HLS.

    Parameters
    ----------
    input_shape
        Shape of one event's input, without the batch axis.
    default_precision
        Type of weights and results that are not given in ``precision``.

    The other parameters are those of ``convert_keras``. For quantised training use Brevitas and
    ``convert_onnx``.

    Raises
    ------
    InputError
        If hls4ml cannot convert a layer, or a type does not parse.
    """
    os.environ.update(TENSORFLOW_SETTINGS)
    import hls4ml

    kinds = {"input_1": {"result": str(FixedType.parse(input_type, field="input_type"))}}
    remedy = "use torch.nn modules that hls4ml supports"
    with refusals("the network", remedy, field=f"network {name}"):
        config = hls4ml.utils.config_from_pytorch_model(
            network, input_shape, granularity="name", backend="Vitis", default_precision=default_precision
        )
        apply_precision(config, kinds | dict(precision or {}))
        config["Model"] |= {"Strategy": strategy, "ReuseFactor": reuse_factor}
        return hls4ml.converters.convert_from_pytorch_model(
            network,
            hls_config=config,
            output_dir=str(output_dir),
            project_name=name,
            backend="Vitis",
            io_type="io_parallel",
            part=part,
            clock_period=clock_ns,
        )
