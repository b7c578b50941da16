"""io_stream: the same arithmetic, moved in words of several elements (nnet_stream.h)."""

from __future__ import annotations

from math import prod

from l1forge.firmware.hls.project.source import Call, Config
from l1forge.firmware.hls.translate.builder import Builder
from l1forge.firmware.hls.translate.layers.registry import translator

_SIZES = (
    ("in_height", "in_width", "n_chan"),
    ("in_width", "n_chan"),
    ("in_height", "in_width", "n_filt"),
    ("in_height", "in_width", "in_chan"),
    ("n_in", "n_filt"),
    ("n_in",),
    ("n_elem",),
    ("N",),
)
"""Members of configs whose product is the number of elements read, the most special first."""


def input_size(builder: Builder, name: str) -> int:
    """Elements of an input; where bridge and test bench do not tell, from the layer that reads it."""
    size = builder.source.arrays[name][1]
    if size:
        return size
    names = {name, *(alias for alias, array in builder.source.aliases.items() if array == name)}
    for call in builder.source.calls:
        if not names & set(call.arguments):
            continue
        last = call.template[-1].split("::")[-1]
        if last.isdigit():
            return int(last)
        config = builder.source.configs.get(last, Config("", ""))
        for keys in _SIZES:
            if keys == ("n_in", "n_filt") and "pool_op" not in config.values:
                continue  # n_in counts pixels in a pooling, elements elsewhere
            if all(key in config.values for key in keys):
                return prod(builder.source.integer(config, key) for key in keys)
    raise builder.source.error(
        "size of a stream is not known",
        f"input {name}",
        remedy=f"keep {builder.source.name}_bridge.cpp beside firmware/",
    )


@translator("clone_stream")
def clone(builder: Builder, call: Call) -> None:
    source, *copies = call.arguments
    x = builder.value(source).node
    for copy in copies:
        builder.store(copy, builder.cast(x, builder.declared(copy).fixed))


@translator("repack_stream")
def repack(builder: Builder, call: Call) -> None:
    source, result = call.arguments
    x = builder.value(source).node
    flat = builder.add("reshape", [x], (x.size,), x.type) if len(x.shape) > 1 else x
    builder.store(result, builder.cast(flat, builder.declared(result).fixed))


@translator("broadcast_stream")
def broadcast(builder: Builder, call: Call) -> None:
    """One pixel for all positions, or one channel for all channels."""
    source, result = call.arguments
    config = builder.source.config(call.template[-1].split("::")[-1])
    get = builder.source.integer
    before, after = (
        [get(config, f"{side}_{name}") for name in ("height", "width", "chan")] for side in ("in", "out")
    )
    x = builder.value(source).node
    if before[:2] == [1, 1] and before[2] == after[2]:
        index = list(range(before[2])) * (after[0] * after[1])
    elif before[2] == 1 and before[:2] == after[:2]:
        index = [position for position in range(before[0] * before[1]) for _ in range(after[2])]
    else:
        raise builder.refuse("broadcast of a stream is not supported", f"{before} to {after}")
    moved = builder.take(x, index, (len(index),))
    builder.store(result, builder.cast(moved, builder.declared(result).fixed))
