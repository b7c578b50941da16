"""TimeDistributed (nnet_time_distributed.h): a loop over the steps of a sequence, all of them at once."""

from __future__ import annotations

from l1forge.firmware.hls.project.source import Call
from l1forge.firmware.hls.translate.builder import Builder, config_of
from l1forge.firmware.hls.translate.layers.registry import translator

_MOVES = tuple(f"{way}_time_step_{rank}d" for way in ("read", "write") for rank in (2, 3, 4))

INSIDE = {
    *_MOVES,
    *("dense", "normalize", "linear", "relu", "relu1", "relu6", "leaky_relu", "thresholded_relu"),
    *("hard_sigmoid", "hard_tanh", "binary_tanh", "ternary_tanh"),
    *("sigmoid", "tanh", "softplus", "softsign", "elu", "selu"),
}
"""Functions whose translation treats every row alike."""


def check_steps(builder: Builder, call: Call) -> None:
    """Refuse what cannot stand inside the loop.

    Raises
    ------
    InputError
        Names the layer.
    """
    if builder.rows > 1 and call.function not in INSIDE:
        raise builder.refuse(
            "TimeDistributed is read around dense layers and activations only",
            f"nnet::{call.function}",
            "take the layer out of TimeDistributed, or use a convolution",
        )


@translator(*_MOVES)
def time_step(builder: Builder, call: Call) -> None:
    """A step read begins the loop, a step written ends it."""
    _, source, result = call.arguments
    x, begins = builder.value(source).node, call.function.startswith("read")
    if builder.source.streamed or (begins and builder.rows > 1):
        raise builder.refuse("TimeDistributed in a stream or in another one is not supported")
    if x.type != builder.declared(result).fixed:
        raise builder.refuse(
            "TimeDistributed changes the type: the C++ does not compile",
            f"{x.type} to {builder.declared(result).fixed}",
            "give the layers before it and inside it, and itself, the same result type",
        )
    rows = builder.source.integer(config_of(builder, call), "n_time_steps")
    if begins:
        builder.rows = rows
        shape: tuple[int, ...] = (rows, x.size // rows)
    else:
        builder.rows = 1
        shape = (x.size,)
    builder.store(result, builder.add("reshape", [x], shape, x.type, builder.layer))
