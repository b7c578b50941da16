"""What every converter can be told, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType

PART = "xcvu13p-flga2577-2-e"
STRATEGIES = ("latency", "resource", "resource_unrolled")
IO_TYPES = ("io_parallel", "io_stream")


class Settings(TypedDict, total=False):
    """Options of all converters; ``DEFAULTS`` has their values."""

    default_precision: str
    """Type of weights and results that are neither quantised, nor inferred, nor given in ``precision``."""
    max_precision: str | None
    """The widest type that hls4ml may infer for results and accumulators, e.g. ``"fixed<32,16>"``."""
    strategy: str
    """``Latency`` or ``Resource``."""
    reuse_factor: int
    part: str
    """FPGA."""
    clock_ns: float
    """Clock period in ns."""
    io_type: str
    """``io_parallel`` (all elements at once) or ``io_stream`` (one pixel or time step after the other)."""
    layer_options: Mapping[str, Mapping[str, Any]]
    """hls4ml's options of single layers, such as ``{"fc1": {"ReuseFactor": 4}}``."""


DEFAULTS = Settings(
    default_precision="fixed<16,6>",
    max_precision=None,
    strategy="Latency",
    reuse_factor=1,
    part=PART,
    clock_ns=2.5,
    io_type="io_parallel",
    layer_options={},
)


def settle(options: Settings) -> Settings:
    """``options`` over the defaults.

    Raises
    ------
    InputError
        If a type does not parse, there is no such strategy or io type, or the reuse factor is below one.
    """
    settings = Settings(**{**DEFAULTS, **options})  # type: ignore[typeddict-item]
    FixedType.parse(settings["default_precision"], field="default_precision")
    if settings["max_precision"] is not None:
        FixedType.parse(settings["max_precision"], field="max_precision")
    if settings["strategy"].lower() not in STRATEGIES:
        raise InputError(
            "unknown strategy",
            field="strategy",
            value=settings["strategy"],
            remedy="one of " + ", ".join(STRATEGIES),
        )
    if settings["io_type"] not in IO_TYPES:
        raise InputError(
            "unknown io type",
            field="io_type",
            value=settings["io_type"],
            remedy="one of " + ", ".join(IO_TYPES),
        )
    if settings["reuse_factor"] < 1:
        raise InputError("must be at least 1", field="reuse_factor", value=settings["reuse_factor"])
    return settings


def input_types(inputs: Sequence[str], given: str | Mapping[str, str]) -> dict[str, FixedType]:
    """The type of each input: ``given`` is one for all, or a mapping that names each."""
    types = dict.fromkeys(inputs, given) if isinstance(given, str) else dict(given)
    for name in sorted(set(inputs) ^ set(types)):
        problem = "input has no type" if name in inputs else "no such input"
        raise InputError(problem, field="input_type", value=name, remedy=f"inputs: {', '.join(inputs)}")
    return {name: FixedType.parse(text, field=f"type of input {name}") for name, text in types.items()}


def apply_precision(config: dict[str, Any], precision: Mapping[str, Mapping[str, str]]) -> None:
    """Put ``{layer: {tensor: type}}`` into an hls4ml configuration.

    Raises
    ------
    InputError
        If there is no such layer, or a type does not parse.
    """
    for layer, types in precision.items():
        if layer not in config["LayerName"]:
            raise InputError(
                "no such layer",
                field="precision",
                value=layer,
                remedy=f"layers: {', '.join(config['LayerName'])}",
            )
        for key, text in types.items():
            FixedType.parse(text, field=f"precision of {layer}: {key}")
            config["LayerName"][layer].setdefault("Precision", {})[key] = text


def apply_options(config: dict[str, Any], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Put options of layers into an hls4ml configuration, over those of all layers.

    Raises
    ------
    InputError
        If there is no such layer.
    """
    for layer, given in options.items():
        if layer not in config["LayerName"]:
            raise InputError(
                "no such layer",
                field="options of layers",
                value=layer,
                remedy=f"layers: {', '.join(config['LayerName'])}",
            )
        config["LayerName"][layer] |= given
