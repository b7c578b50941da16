"""Random activations, merges, moves and quantisers."""

from __future__ import annotations

from typing import Any

import numpy as np

from l1forge.firmware.hls.fuzz.draw import OVERFLOWS, ROUNDINGS, Draw

PLAIN = ("relu", "linear", "sigmoid", "tanh", "softplus", "softsign", "selu", "binary_tanh", "ternary_tanh")


def activation(g: Draw, x: str) -> str:
    kind = g.choice(PLAIN)
    types = {"result": g.type(2, 12)}
    fields: dict[str, Any] = {"activation": kind}
    if kind in ("sigmoid", "tanh", "softplus", "softsign", "selu"):
        types["table"] = g.type(4, 18, 0.3)
        fields["table_size"] = g.choice([64, 256, 1024])
    return g.add("Activation", g.shapes[x], [x], types, n_in=int(np.prod(g.shapes[x])), **fields)


def parametrised(g: Draw, x: str) -> str:
    kind = g.choice(["LeakyReLU", "ThresholdedReLU", "ELU", "PReLU"])
    size = int(np.prod(g.shapes[x]))
    types = {"result": g.type(3, 12), "param": g.type(3, 12, 0.3)}
    fields: dict[str, Any] = {"activation": kind, "n_in": size}
    if kind == "PReLU":
        fields["param_data"] = g.weights(g.shapes[x], 0.5)
    else:
        fields["activ_param"] = float(np.round(abs(g.rng.normal(0.3, 0.4)) + 0.01, 4))
    if kind == "ELU":
        types["table"] = g.type(4, 18, 0.3)
        fields["table_size"] = g.choice([64, 256, 1024])
    return g.add(kind, g.shapes[x], [x], types, **fields)


def hard(g: Draw, x: str) -> str:
    kind = g.choice(["hard_sigmoid", "hard_tanh"])
    return g.add(
        "HardActivation", g.shapes[x], [x], {"result": g.type(2, 12)},
        n_in=int(np.prod(g.shapes[x])), activation=kind, slope=g.choice([0.2, 0.5, 0.25]), shift=0.5,
    )  # fmt: skip


def quantiser(g: Draw, x: str) -> str:
    """A type for each element, as trained by HGQ; zero bits drop the element."""
    shape = g.shapes[x]
    bits = g.rng.integers(0, 8, shape)
    signs, integers = g.rng.integers(0, 2, shape), g.rng.integers(-1, 5, shape)
    return g.add(
        "FixedPointQuantizer", shape, [x], {"result": "fixed<24,12>"}, overrides={}, fusible=False,
        RND=g.choice(ROUNDINGS), SAT=g.choice(OVERFLOWS),
        mask_kbi=[part.tolist() for part in (signs, bits, integers)],
    )  # fmt: skip


def layer_norm(g: Draw, x: str) -> str:
    rows, width = g.shapes[x]
    integer = g.integer(5, 8)
    types = {
        "scale": g.type(3, 8, 0.3), "bias": g.type(3, 8, 0.3), "result": g.type(4, 12),
        "accum": f"fixed<{integer + g.integer(4, 12)},{integer}>",
        "table": f"ufixed<{g.integer(8, 16)},5,RND,SAT>",
    }  # fmt: skip
    return g.add(
        "LayerNormalization", g.shapes[x], [x], types, n_in=rows * width, seq_len=rows, axis=2,
        epsilon_power_of_10=g.integer(1, 4), table_size=g.choice([64, 256, 1024]),
        table_range_power2=g.integer(0, 2), gamma_data=g.weights((width,)), beta_data=g.weights((width,)),
    )  # fmt: skip


def softmax(g: Draw, x: str) -> str:
    """Quantised first, so that the tables match the number of input values."""
    width = g.integer(6, 9)
    start = g.add(
        "Activation", g.shapes[x], [x], {"result": f"fixed<{width},{g.integer(2, 4)},RND,SAT>"},
        n_in=int(np.prod(g.shapes[x])), activation="linear",
    )  # fmt: skip
    shape = g.shapes[x]
    axis = g.integer(0, len(shape) - 1) if not g.streamed else len(shape) - 1
    slices = {"n_outer": int(np.prod(shape[:axis])), "n_inner": int(np.prod(shape[axis + 1 :]))}
    kind = g.choice(["latency", "stable", "legacy", "argmax"])
    types = {"result": g.type(4, 14, signed=False)}
    fields: dict[str, Any] = {}
    if kind != "legacy":
        inverse = g.integer(8, 12)
        types |= {
            "exp_table": f"ufixed<{g.integer(8, 16)},{g.integer(3, 8)},RND,SAT>",
            "inv_table": f"ufixed<{g.integer(8, 16)},{g.integer(1, 6)},RND,SAT>",
            "inv_inp": f"ufixed<{inverse},{g.integer(4, 8)},RND,SAT>",
            "accum": g.choice(["ufixed<20,12>", "ufixed<14,8,RND,SAT>", "ufixed<12,6,TRN,SAT>"]),
        }
        fields = {"exp_table_size": 1 << (width - 1), "inv_table_size": 1 << g.integer(6, 8)}
    else:
        fields = {"exp_table_size": 256, "inv_table_size": 256}
    return g.add(
        "Softmax", g.shapes[x], [start], types, n_in=int(np.prod(g.shapes[x])), axis=axis + 1,
        activation="softmax", implementation=kind, **slices, **fields,
    )  # fmt: skip


def partner(g: Draw, x: str) -> str:
    same = [name for name, shape in g.shapes.items() if shape == g.shapes[x] and name != x]
    return str(g.choice(same)) if same else dense_like(g, x)


def dense_like(g: Draw, x: str) -> str:
    """Another tensor of the same shape."""
    return g.add(
        "Activation", g.shapes[x], [x], {"result": g.type(3, 10)},
        n_in=int(np.prod(g.shapes[x])), activation="relu",
    )  # fmt: skip


def merge(g: Draw, x: str) -> str:
    other = partner(g, x)
    operation = g.choice(["add", "subtract", "multiply", "average", "maximum", "minimum"])
    return g.add(
        "Merge", g.shapes[x], [x, other], {"result": g.type(3, 14)}, op=operation, data_format="channels_last"
    )


def concatenate(g: Draw, x: str) -> str:
    other = partner(g, x)
    rank = len(g.shapes[x])
    axis = g.integer(1, rank)
    shape = list(g.shapes[x])
    shape[axis - 1] += g.shapes[other][axis - 1]
    return g.add(
        "Concatenate", tuple(shape), [x, other], {"result": g.type(3, 14)},
        op=f"concatenate{rank}d", axis=axis, data_format="channels_last",
    )  # fmt: skip


def dot(g: Draw, x: str) -> str:
    other = partner(g, x)
    types = {"result": g.type(3, 14), "accum": g.type(6, 18)}
    return g.add("Dot", (1,), [x, other], types, op="dot1d", axes=1)


def flatten(g: Draw, x: str) -> str:
    size = int(np.prod(g.shapes[x]))
    return g.add("Reshape", (size,), [x], {"result": "auto"}, target_shape=[size])


def transpose(g: Draw, x: str) -> str:
    shape = g.shapes[x]
    order = [int(i) for i in g.rng.permutation(len(shape))]
    return g.add("Transpose", tuple(shape[i] for i in order), [x], {"result": "auto"}, perm=order)
