"""``torch.nn`` modules as the functions of the same meaning, with their parameters as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.firmware.hls.converters.frontend.program import refuse

if TYPE_CHECKING:
    from torch.nn import Module


def attention(
    module: Module, name: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """``nn.MultiheadAttention`` as an operation of its three tensors and its matrices."""
    names = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask", "average", "is_causal")
    given = dict(zip(names, arguments, strict=False)) | options
    if not module.batch_first:
        raise refuse("the first axis is not the batch", name, "MultiheadAttention", "use batch_first=True")
    if module.bias_k is not None or module.add_zero_attn:
        raise refuse(
            "keys that are added are not supported", name, remedy="use add_zero_attn=add_bias_kv=False"
        )
    width = module.embed_dim
    if module.in_proj_weight is None:
        matrices = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
    else:
        matrices = list(module.in_proj_weight.split(width))
    offsets = [None] * 3 if module.in_proj_bias is None else list(module.in_proj_bias.split(width))
    weights = {k: [w, b] for k, w, b in zip("qkv", matrices, offsets, strict=True)}
    weights["o"] = [module.out_proj.weight, module.out_proj.bias]
    weights = {k: [None if t is None else t.detach().float().numpy() for t in v] for k, v in weights.items()}
    mask = given.get("attn_mask")
    if mask is not None and hasattr(mask, "detach"):  # true where a key does not count
        mask = mask.detach().numpy()
        mask = ~mask if mask.dtype == bool else mask
    elif mask is not None:
        raise refuse(
            "a mask of pairs that depends on the inputs is not supported", name, remedy="use key_padding_mask"
        )
    operation = {"heads": module.num_heads, "weights": weights, "mask": mask}
    operation["keys_left_out"] = given.get("key_padding_mask")
    return "multi_head_attention", tuple(given[key] for key in names[:3]), operation


def recurrent(
    module: Module, name: str, arguments: tuple[Any, ...]
) -> list[tuple[str, list[list[Any]], int]]:
    """``nn.LSTM`` or ``nn.GRU``, layer by layer: kind, weights of each direction, number of states."""
    kind = type(module).__name__
    if kind not in ("LSTM", "GRU"):
        raise refuse("a plain recurrent layer has no graph", name, kind, "use nn.LSTM or nn.GRU")
    if not module.batch_first:
        raise refuse("the first axis is not the batch", name, kind, "use batch_first=True")
    if len(arguments) > 1 and arguments[1] is not None:
        raise refuse("a state that is given from outside is not supported", name, kind, "begin at zero")
    if getattr(module, "proj_size", 0):
        raise refuse("projections of the state are not supported", name, kind, "use proj_size=0")
    found = []
    for layer in range(module.num_layers):
        sides = []
        for end in ("", "_reverse")[: 1 + module.bidirectional]:
            size = module.weight_ih_l0.shape[0]
            matrices = [getattr(module, f"weight_{k}_l{layer}{end}") for k in ("ih", "hh")]
            offsets = [getattr(module, f"bias_{k}_l{layer}{end}", None) for k in ("ih", "hh")]
            sides.append(
                [m.detach().double().numpy().T for m in matrices]
                + [np.zeros(size) if b is None else b.detach().double().numpy() for b in offsets]
            )
        found.append((f"{kind.lower()}_layer", sides, module.hidden_size))
    return found


def as_function(
    module: Module, name: str, arguments: tuple[Any, ...]
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
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
        function = "conv_transpose1d" if isinstance(module, nn.ConvTranspose1d) else "conv_transpose2d"
        if len(arguments) > 1 and arguments[1] is not None:
            raise refuse("output_size is not supported", name, remedy="give output_padding to the layer")
        given = options("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
        return function, arguments[:1], given
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
