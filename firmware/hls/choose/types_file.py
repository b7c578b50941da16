"""Types of a network in hls4ml's own form of configuration, which both programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.json_text import parse_json
from l1forge.firmware.hls.converters.files import Precision, Types
from l1forge.firmware.hls.objects import HlsModel

FORM = 'write {"Model": {"Precision": "fixed<16,6>"}, "LayerName": {"dense": {"Precision": {"result": …}}}}'
OWN = "L1Forge"
"""Section that hls4ml does not read: corrections of biases, and where the types come from."""
OPTIONS = {
    **dict.fromkeys(("Strategy", "Implementation"), str),
    **dict.fromkeys(("ReuseFactor", "TableSize", "ExpTableSize", "InvTableSize"), int),
    **dict.fromkeys(("InpNormT", "ExpTableT", "AccumT", "InvInpT", "InvTableT"), str),
    "Skip": bool,
}
IGNORED = ("Trace", "TraceOutput")
"""What changes no result and no circuit."""


@dataclass(frozen=True)
class TypesFile:
    """``layers``: types (or 'auto') by layer and use, also of inputs; ``options``: hls4ml's others by layer.

    ``default``: type where no layer has one, or None. ``model``: Strategy and ReuseFactor of all layers.
    ``biases``: what is added to the biases of a layer, by layer. ``inputs``: layers that are inputs.
    """

    layers: dict[str, dict[str, str]]
    default: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    biases: dict[str, list[float]] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)

    def arguments(
        self, input_type: Types | None, precision: Mapping[str, Mapping[str, str]]
    ) -> tuple[Types, Precision]:
        """Types of the inputs, and of all other layers, as the converters take them.

        What the user gives, ``input_type`` (None: nothing) and ``precision``, goes before the file.

        Raises
        ------
        InputError
            If neither gives the types of the inputs.
        """
        own = {name: self.layers[name]["result"] for name in self.inputs if name in self.layers}
        if input_type is None and not own:
            raise InputError(
                "types of the inputs are not given",
                field="--input-type",
                remedy="write -t 'fixed<12,4>', or choose them from data with --choose",
            )
        given = own if input_type is None else input_type
        layers = {
            name: {use: kind for use, kind in types.items() if kind != "auto"}
            for name, types in self.layers.items()
            if name not in self.inputs
        }
        layers = {name: types for name, types in layers.items() if types}
        for layer, types in precision.items():
            layers[layer] = layers.get(layer, {}) | dict(types)
        return given, layers

    def document(self) -> dict[str, Any]:
        """hls4ml's configuration."""
        names = [*self.layers, *(name for name in self.options if name not in self.layers)]
        entries = {
            name: ({"Precision": self.layers[name]} if name in self.layers else {})
            | self.options.get(name, {})
            for name in names
        }
        model = {"Precision": self.default or "fixed<16,6>", "ReuseFactor": 1, "Strategy": "Latency"}
        own = {"about": self.about, "Inputs": list(self.inputs)} | (
            {"BiasCorrection": self.biases} if self.biases else {}
        )
        return {"Model": model | self.model, "LayerName": entries, OWN: own}

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        write_text(path, json.dumps(self.document(), indent=1) + "\n")

    @staticmethod
    def of(hls_model: HlsModel, biases: Mapping[str, list[float]], about: Mapping[str, Any]) -> TypesFile:
        """What hls4ml's model was configured with, so that hls4ml makes the same of it.

        Types that options such as ExpTableT decide are those of the model; 'auto' stays to be inferred.
        """
        config = hls_model.config.config["HLSConfig"]
        layers: dict[str, dict[str, str]] = {}
        options: dict[str, dict[str, Any]] = {}
        for layer, entry in config["LayerName"].items():
            node = hls_model.graph.get(layer)
            for use, text in entry.get("Precision", {}).items():
                kind = None if node is None else node.types.get(f"{use}_t")
                known = use == "result" if node is None else kind is not None or use in node.weights
                if known:  # a layer that is merged into another one has a result alone
                    kept = text if kind is None or text == "auto" else str(kind.precision)
                    plain = kept if kept == "auto" else str(FixedType.parse(kept))
                    layers.setdefault(layer, {})[use] = plain
            own = {key: value for key, value in entry.items() if key in OPTIONS}
            if own and node is not None:
                options[layer] = own
        model = {key: config["Model"][key] for key in ("Strategy", "ReuseFactor")}
        return TypesFile(
            layers,
            config["Model"]["Precision"]["default"],
            model,
            options,
            dict(biases),
            tuple(node.name for node in hls_model.get_layers() if node.class_name == "Input"),
            dict(about),
        )

    @staticmethod
    def load(path: str | Path) -> TypesFile:
        """Read hls4ml's configuration from JSON or YAML.

        Raises
        ------
        InputError
            If it is not such a file, or holds an option that the importer does not pass on.
        """
        path = Path(path)
        document = _read(path)
        layers = document.get("LayerName", document.get("layername", {}))
        if not isinstance(layers, dict) or not isinstance(document.get("Model", {}), dict):
            raise InputError("is not a configuration of hls4ml", file=path, remedy=FORM)
        types: dict[str, dict[str, str]] = {}
        options: dict[str, dict[str, Any]] = {}
        for layer, entry in layers.items():
            if not isinstance(entry, dict):
                raise InputError("is not a table of options", file=path, field=f"layer {layer}", remedy=FORM)
            for key, value in entry.items():
                if key == "Precision":
                    types[layer] = _types(value, path, layer)
                elif key in OPTIONS:
                    options.setdefault(layer, {})[key] = _option(key, value, path, f"layer {layer}")
                elif key not in IGNORED:
                    raise InputError(
                        "this option is not supported",
                        file=path,
                        field=f"layer {layer}",
                        value=key,
                        remedy=f"remove it; Precision, {', '.join(OPTIONS)} are",
                    )
        model = dict(document.get("Model", {}))
        default = model.pop("Precision", None)
        if isinstance(default, dict):
            default = default.get("default")
        known = {
            key: _option(key, model[key], path, "Model")
            for key in ("Strategy", "ReuseFactor")
            if key in model
        }
        if default is not None:
            FixedType.parse(str(default), file=path, field="Model: Precision")
        own = document.get(OWN, {})
        if not isinstance(own, dict):
            raise InputError("is not a table", file=path, field=OWN, remedy=FORM)
        biases, inputs = own.get("BiasCorrection", {}), own.get("Inputs", [])
        numbers = isinstance(biases, dict) and all(
            isinstance(row, list) and all(isinstance(value, int | float) for value in row)
            for row in biases.values()
        )
        if not numbers or not isinstance(inputs, list):
            raise InputError("is damaged", file=path, field=OWN, remedy="choose the types again")
        return TypesFile(
            types, default, known, options, biases, tuple(map(str, inputs)), dict(own.get("about", {}))
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".yml", ".yaml"):
            import yaml

            document = yaml.safe_load(text)
            document = document.get("HLSConfig", document) if isinstance(document, dict) else document
        else:
            document = parse_json(text)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError(f"is not JSON: {error}", file=path, remedy=FORM) from error
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise InputError("is not YAML", file=path, remedy=FORM) from error
        raise
    if not isinstance(document, dict) or not ({"LayerName", "Model"} & document.keys()):
        raise InputError("is not a configuration of hls4ml", file=path, remedy=FORM)
    return document


def _types(value: object, path: Path, layer: str) -> dict[str, str]:
    given = value
    if not isinstance(given, dict) or not all(isinstance(kind, str) for kind in given.values()):
        raise InputError("is not a table of types", file=path, field=f"layer {layer}", remedy=FORM)
    for key, kind in given.items():
        if kind != "auto":
            FixedType.parse(kind, file=path, field=f"layer {layer}: {key}")
    return dict(given)


def _option(key: str, value: object, path: Path, where: str) -> Any:
    kind = OPTIONS[key]
    if type(value) is not kind:
        raise InputError(f"must be a {kind.__name__}", file=path, field=f"{where}: {key}", value=value)
    return value
