"""Words of streams: what a function of an io_stream project reads and writes at a time.

hls4ml's functions trust that words have the size they need; otherwise they read elements that are not there.
"""

from __future__ import annotations

from l1forge.firmware.hls.project.source import Call, Config
from l1forge.firmware.hls.translate.builder import Builder

_PIXELS = ("conv_1d_cl", "conv_2d_cl", "pointwise_conv_1d_cl", "pointwise_conv_2d_cl", "depthwise_conv_1d_cl",
           "depthwise_conv_2d_cl", "zeropad1d_cl", "zeropad2d_cl", "cropping1d_cl", "cropping2d_cl",
           "pooling1d_cl", "pooling2d_cl", "resize_nearest")  # fmt: skip
_PARALLEL = ("dot1d", "einsum", "einsum_dense", "layernormalize", "softmax_multidim", "relu1", "relu6")


def check_words(builder: Builder, call: Call) -> None:
    """Refuse a call whose streams have words of other sizes than it needs.

    Raises
    ------
    InputError
        Names the layer; hls4ml has lost a repacking there, the C++ would not compute what is meant.
    """
    if call.function in _PARALLEL:
        raise builder.refuse(
            "hls4ml has this function for io_parallel only: the C++ does not compile",
            f"nnet::{call.function}",
            "convert with io_type='io_parallel'",
        )
    names = [
        name for name in call.arguments if name in builder.source.arrays or name in builder.source.aliases
    ]
    words = [word_size(builder, name) for name in names]
    config = builder.source.configs.get(call.template[-1].split("::")[-1], Config("", ""))
    if not _fits(builder, call, config, words):
        raise builder.refuse(
            f"streams {', '.join(names)} have words of {', '.join(map(str, words))} elements",
            f"nnet::{call.function}",
            "keep the shape up to this layer (no Flatten before it), or use io_type='io_parallel'",
        )


def word_size(builder: Builder, name: str) -> int:
    while name in builder.source.aliases:
        name = builder.source.aliases[name]
    return builder.source.pack(builder.source.arrays[name][0])


def _fits(builder: Builder, call: Call, config: Config, words: list[int]) -> bool:
    def get(key: str) -> int:
        return builder.source.integer(config, key)

    function = call.function
    if function in _PIXELS:
        filters = get("n_filt") if "n_filt" in config.values else get("n_chan")
        channels = get("n_chan") if "n_chan" in config.values else filters
        return words == [channels, filters]
    if function == "dense":
        return get("n_in") % words[0] == 0 and get("n_out") % words[1] == 0
    if function.startswith("global_pooling"):
        return words[0] % get("n_filt") == 0 and words[1] == get("n_filt")
    if function == "embedding":
        return words == [get("n_in"), get("n_out")]
    if function == "repack_stream":
        return max(words) % min(words) == 0
    if function.startswith("concatenate"):
        return _concatenation(builder, config, int(function[len("concatenate")]), words)
    if function == "transpose":
        shape = builder.source.lists[str(builder.source.value(config, "from_shape"))]
        return len(shape) != 2 or words[1] == shape[0]
    if function == "broadcast_stream":
        return words == [get("in_chan"), get("out_chan")]
    return len(set(words)) == 1


def _concatenation(builder: Builder, config: Config, rank: int, words: list[int]) -> bool:
    last = [builder.source.integer(config, f"n_elem{k}_{rank - 1}") for k in (1, 2)]
    if rank == 1:
        return words[2] == sum(last) and all(n % word == 0 for n, word in zip(last, words, strict=False))
    axis = builder.source.integer(config, "axis", -1)
    if axis in (rank, -1):
        return words == [*last, sum(last)]
    return words == [last[0]] * 3
