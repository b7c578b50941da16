"""``torch.nn`` modules as the functions of the same meaning, with their parameters as arguments."""

from __future__ import annotations

from typing import Any

from l1forge.firmware.hls.converters.frontend.program import refuse


def as_function(
    module: Any, name: str, arguments: tuple[Any, ...]
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A ``torch.nn`` module as the function of the same meaning, with its parameters as arguments."""
    from torch import nn

    def options(*names: str) -> dict[str, Any]:
        return {key: getattr(module, key) for key in names}

    kind = type(module).__name__
    if type(module).__module__.startswith("torch.ao"):
        raise refuse("quantised torch.ao modules are not supported", name, kind, "use Brevitas and QONNX")
    if isinstance(module, nn.Linear):  # with parametrisations too: the weight is computed on access
        return "linear", arguments, options("weight", "bias")
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        if module.padding_mode != "zeros":
            raise refuse("padding mode is not supported", name, module.padding_mode, "pad with zeros")
        function = "conv1d" if isinstance(module, nn.Conv1d) else "conv2d"
        given = options("weight", "bias", "stride", "padding", "dilation", "groups")
        return function, arguments, given
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        given = options("running_mean", "running_var", "weight", "bias", "eps")
        return "batch_norm", arguments, given
    simple: dict[type, tuple[str, tuple[str, ...]]] = {
        nn.LeakyReLU: ("leaky_relu", ("negative_slope",)),
        nn.ELU: ("elu", ("alpha",)),
        nn.PReLU: ("prelu", ("weight",)),
        nn.Threshold: ("threshold", ("threshold", "value")),
        nn.Hardtanh: ("hardtanh", ("min_val", "max_val")),
        nn.SiLU: ("silu", ()),
        nn.Hardsigmoid: ("hardsigmoid", ()),
        nn.Hardswish: ("hardswish", ()),
        nn.Softmax: ("softmax", ("dim",)),
        nn.Softmin: ("softmin", ("dim",)),
        nn.LayerNorm: ("layer_norm", ("normalized_shape", "weight", "bias", "eps")),
        nn.Upsample: ("upsample", ("mode",)),
        nn.GLU: ("glu", ("dim",)),
        nn.Softplus: ("softplus", ("beta", "threshold")),
        nn.MaxPool1d: ("max_pool1d", ("kernel_size", "stride", "padding", "dilation", "ceil_mode")),
        nn.MaxPool2d: ("max_pool2d", ("kernel_size", "stride", "padding", "dilation", "ceil_mode")),
        nn.AvgPool1d: ("avg_pool1d", ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")),
        nn.AvgPool2d: (
            "avg_pool2d",
            ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
        ),
        nn.AdaptiveAvgPool1d: ("adaptive_avg_pool1d", ("output_size",)),
        nn.AdaptiveAvgPool2d: ("adaptive_avg_pool2d", ("output_size",)),
        nn.AdaptiveMaxPool1d: ("adaptive_max_pool1d", ("output_size",)),
        nn.AdaptiveMaxPool2d: ("adaptive_max_pool2d", ("output_size",)),
        nn.ConstantPad1d: ("pad", ("padding", "value")),
        nn.ConstantPad2d: ("pad", ("padding", "value")),
    }
    for known, (function, keys) in simple.items():
        if isinstance(module, known):
            return function, arguments, options(*keys)
    plain = {"Dropout1d": "dropout", "Dropout2d": "dropout", "AlphaDropout": "dropout"}
    snake = {"PixelShuffle": "pixel_shuffle", "ChannelShuffle": "channel_shuffle"}
    return plain.get(kind, snake.get(kind, kind.lower())), arguments, {}
