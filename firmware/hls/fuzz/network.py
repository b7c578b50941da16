"""A network as plain data (JSON), and its hls4ml ``ModelGraph``: what is generated, shrunk and saved."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.hls.objects import HlsModel

HEAD = ("label", "outputs", "strategy", "reuse", "io", "precision", "events")
DISTRIBUTED = "distributed_arithmetic"
WITH_LOGIC = ("Dense", "Conv1D", "Conv2D", "EinsumDense")
"""Layers that hls4ml can write with that strategy."""


@dataclass
class Network:
    """Layers in hls4ml's own notation, weights as lists; ``precision`` maps layer -> tensor -> type."""

    layers: list[dict[str, Any]]
    precision: dict[str, dict[str, str]]
    outputs: list[str]
    strategy: str = "Latency"
    reuse: int = 1
    io: str = "io_parallel"
    label: str = ""
    events: list[list[int]] = field(default_factory=list)

    def to_json(self) -> str:
        """Readable text form: one layer a line."""
        head = {k: getattr(self, k) for k in HEAD}
        lines = ",\n".join("  " + json.dumps(layer) for layer in self.layers)
        return json.dumps(head)[:-1] + ', "layers": [\n' + lines + "\n]}\n"

    def save(self, path: str | Path) -> None:
        write_text(path, self.to_json())

    @staticmethod
    def load(path: str | Path) -> Network:
        """Read a saved network.

        Raises
        ------
        InputError
            If the file is no such network.
        """
        try:
            document = parse_json(Path(path).read_text(encoding="utf-8"))
            return Network(**document)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"is not a saved network: {error}", file=path) from error


def model_graph(network: Network, name: str, folder: Path) -> Any:
    """The ``ModelGraph`` of a network, in namespace ``name``, with weights in headers."""
    import hls4ml
    from hls4ml.utils.config import create_config

    config = create_config(
        output_dir=str(folder),
        project_name=name,
        backend="Vitis",
        io_type=network.io,
        namespace=name,
        write_weights_txt=False,
    )
    layers: dict[str, dict[str, Any]] = {
        layer["name"]: {"Precision": network.precision.get(layer["name"], {})} for layer in network.layers
    }
    for layer in network.layers:
        for key in ("implementation", "table_size", "exp_table_size", "inv_table_size"):
            if key in layer:
                words = "".join(word.capitalize() for word in key.split("_"))
                layers[layer["name"]][words] = layer[key]
    distributed = network.strategy == DISTRIBUTED
    for layer in network.layers:
        strategy = network.strategy if not distributed or layer["class_name"] in WITH_LOGIC else "Latency"
        layers[layer["name"]] |= {"Strategy": strategy, "ReuseFactor": network.reuse}
    config["HLSConfig"] = {
        "Model": {
            "Precision": "fixed<16,6>",
            "ReuseFactor": network.reuse,
            "Strategy": "Latency" if distributed else network.strategy,
            "BitExact": False,  # types stay as drawn
        },
        "LayerName": layers,
    }
    description = [{key: _value(key, value) for key, value in layer.items()} for layer in network.layers]
    inputs = [layer["name"] for layer in network.layers if layer["class_name"] == "InputLayer"]
    return hls4ml.model.ModelGraph.from_layer_list(config, description, inputs, list(network.outputs))


def _value(key: str, value: Any) -> Any:
    """A field of a layer as hls4ml wants it: arrays, quantiser objects."""
    from hls4ml.model.quantizers import BinaryQuantizer, TernaryQuantizer
    from hls4ml.model.types import XnorPrecisionType

    if key.endswith("_data") and value is not None:
        return np.array(value, dtype=np.float32)
    if key.endswith("_quantizer") and value is not None:
        return TernaryQuantizer() if value == "ternary" else BinaryQuantizer(bits=1)
    if key == "quantizer_precision" and value is not None:
        return XnorPrecisionType()
    if key == "mask_kbi":
        return tuple(np.array(part)[None] for part in value)
    if key in ("inp_shape", "inp0_shape", "inp1_shape", "out_shape"):
        return tuple(value)
    return value


def write_slim(model: HlsModel) -> None:
    """Write only the C++ of a model: no test bench, scripts or copies of hls4ml's headers."""
    writer = model.config.backend.writer
    writer.write_project_dir(model)
    writer.write_project_cpp(model)
    writer.write_project_header(model)
    writer.write_weights(model)
    writer.write_defines(model)
    writer.write_parameters(model)
    writer.write_bridge(model)
    headers = Path(model.config.get_output_dir()) / "firmware" / "nnet_utils"
    headers.mkdir(parents=True, exist_ok=True)
    import hls4ml

    template = Path(hls4ml.__file__).parent / "templates" / "vivado" / "nnet_utils" / "nnet_code_gen.h"
    (headers / template.name).write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    writer.write_generated_code(model)
    _complete_namespace(model)


def _complete_namespace(model: HlsModel) -> None:
    """hls4ml 1.3 leaves out the namespace where configs name logic of distributed arithmetic."""
    name = model.config.get_writer_config()["Namespace"]
    path = Path(model.config.get_output_dir()) / "firmware" / "parameters.h"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(
        r"nnet::(dense_da_\d+<|fill_buffer_\d+<|einsum_dense\d+_da_kernel<)", rf"{name}::\1", text
    )
    path.write_text(changed, encoding="utf-8")
