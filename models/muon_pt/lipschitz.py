"""A monotone Lipschitz network of ln(pT): norm-constrained weights and a residual linear term.

The construction is that of Kitouni, Nolte and Williams ("Robust and provably monotonic networks", 2021): a
network whose output changes by at most L per unit of the declared input, minus (1 + MARGIN) L times that
input, never rises with it. In the first layer the weights of the declared input are at most 1 in magnitude,
those of the others at most OTHERS; the rows of every other layer add up to 1 at most, L multiplies the
result, and the activation sorts pairs (its slopes are 0 or 1). The output therefore changes by at most
OTHERS * L per unit of any other input. Integers keep the constraint: weights are rounded towards zero, and
the steps of hidden values are small against MARGIN.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.graph.node import Constant, Node
from l1forge.models.muon_pt.features import ETA, FEATURES, HITS, N_FEATURES, REFERENCE
from l1forge.simulation.muons.layers import BENDING, N_LAYERS, REFERENCE_LAYERS

NAME, INPUT, OUTPUT = "muon_monotone", "bending", "pt"
BENDING_MAX = 255
UNIT = 32
"""Integers per unit of the network's inputs."""
SOFT = 4.0
"""Azimuth bins (1/512 rad) up to which values count as they are; beyond, their logarithm does (asinh)."""
SLOPE = 1.0
"""L: largest change of ln(pT) per unit of the declared input, without the linear term; a power of two."""
OTHERS = 8.0
"""Largest change per unit of an input that is not declared, in units of L."""
MARGIN = 0.25
"""Of the residual slope, as a share of L: what the rounding of hidden values may use up."""
WEIGHT_BITS, HIDDEN_FRACTION = 12, 6
"""Fractional bits of the weights; those of hidden values, whose unit is one integer of the inputs."""


def softened(values: np.ndarray) -> np.ndarray:
    """UNIT asinh(values / SOFT) as integers: fine where fast muons are, coarse where slow ones are."""
    return np.rint(UNIT * np.arcsinh(values / SOFT)).astype(np.int16)


def bending_of(features: np.ndarray) -> np.ndarray:
    """The declared input: the median azimuth difference of the stubs to the reference stub, (n,) int16.

    Its magnitude, held at BENDING_MAX; the lower one of two in the middle; 0 where only the reference has a
    stub. The slower the muon, the larger. A median: one stub of noise must not make a fast muon slow.
    """
    azimuth = ~BENDING
    hit = (features[:, HITS:REFERENCE] > 0) & azimuth
    origin = np.zeros_like(hit)
    origin[:, list(REFERENCE_LAYERS)] = features[:, REFERENCE:ETA] > 0
    hit &= ~origin
    size = np.sort(np.where(hit, np.abs(features[:, :N_LAYERS].astype(np.int32)), 1 << 20), axis=1)
    middle = np.maximum(hit.sum(axis=1) - 1, 0) // 2
    median = np.where(hit.any(axis=1), size[np.arange(len(size)), middle], 0)
    return np.minimum(median, BENDING_MAX).astype(np.int16)


def inputs_of(features: np.ndarray) -> np.ndarray:
    """What the first layer reads, (n, 46) int16: bending and values softened, the rest as it is."""
    bending = softened(bending_of(features)[:, None])
    return np.concatenate([bending, softened(features[:, :N_LAYERS]), features[:, N_LAYERS:]], axis=1)


class Sorted(nn.Module):
    """Sorts neighbours: the larger of each pair, then the smaller."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 2 k) to (n, 2 k)."""
        a, b = x[:, 0::2], x[:, 1::2]
        return torch.cat([torch.maximum(a, b), torch.minimum(a, b)], 1)


class Monotone(nn.Module):
    """ln(pT) of inputs (n, 46) in units of 1 / UNIT; never rises with the first input."""

    def __init__(self, hidden: tuple[int, ...], constrained: bool = True) -> None:
        super().__init__()
        widths = (N_FEATURES + 1, *hidden, 1)
        self.linears = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.activation = Sorted()
        self.constrained = constrained
        for place, linear in enumerate(self.linears):
            if constrained:  # close to the constraint, and with few inputs each, or the signal fades
                sparse = torch.rand_like(linear.weight) < (1.0 if place == 0 else 0.1)
                linear.weight.data = torch.randn_like(linear.weight) * sparse * (0.5 if place == 0 else 1.0)
            else:
                nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")

    def weights(self) -> list[torch.Tensor]:
        """The weights that are used: scaled down where the constraint asks for it; (out, in)."""
        out = []
        for place, linear in enumerate(self.linears):
            w = linear.weight
            if self.constrained and place == 0:
                limit = torch.full((w.shape[1],), OTHERS)
                limit[0] = 1.0
                w = torch.maximum(torch.minimum(w, limit), -limit)
            elif self.constrained:
                w = w / torch.clamp(w.abs().sum(1, keepdim=True), min=1.0)
            out.append(w)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 46) to (n,)."""
        start = x[:, 0]
        for place, (w, linear) in enumerate(zip(self.weights(), self.linears, strict=True)):
            x = functional.linear(x, w, linear.bias)
            if place < len(self.linears) - 1:
                x = self.activation(x)
        y = x[:, 0] * (SLOPE if self.constrained else 1.0)
        return y - (1 + MARGIN) * SLOPE * start if self.constrained else y


@dataclass(frozen=True)
class Schedule:
    """Size of a training."""

    hidden: tuple[int, ...] = (64, 64)
    epochs: int = 6
    batch: int = 512
    rate: float = 5e-3


def scaled(inputs: np.ndarray) -> torch.Tensor:
    """Integers (n, 46) as the network takes them in floating point."""
    return torch.from_numpy(inputs.astype(np.float32) / UNIT)


def train(
    inputs: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    seed: int,
    schedule: Schedule,
    constrained: bool,
) -> Monotone:
    """Least weighted squares of ``target`` (n,), ln(pT); the seed fixes the result."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the order of sums, hence the result, depends on the number of threads
    model = Monotone(schedule.hidden, constrained)
    x, y, w = (
        scaled(inputs),
        torch.from_numpy(target.astype(np.float32)),
        torch.from_numpy(weights.astype(np.float32)),
    )
    with torch.no_grad():
        model.linears[-1].bias[:] = float((y * w).mean()) / (SLOPE if constrained else 1.0)
    batches = max(len(y) // schedule.batch, 1)
    optimiser = torch.optim.AdamW(model.parameters(), schedule.rate, weight_decay=0.0)
    plan = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, schedule.rate, total_steps=schedule.epochs * batches, pct_start=0.15
    )
    for _ in range(schedule.epochs):
        order = torch.randperm(len(y))
        for batch in range(batches):
            rows = order[batch * schedule.batch : (batch + 1) * schedule.batch]
            loss = (w[rows] * (model(x[rows]) - y[rows]).square()).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
    return model.eval()


def predict(model: Monotone, inputs: np.ndarray) -> np.ndarray:
    """ln(pT) (n,) float32 of inputs (n, 46)."""
    with torch.no_grad():
        return torch.cat([model(block) for block in scaled(inputs).split(100_000)]).numpy()


def to_graph(model: Monotone) -> Graph:
    """The constrained network on integers; inputs ``bending`` (1) and ``x`` (45), output ``pt``: ln(pT).

    Hidden values are counted in integers of the inputs: the slope L multiplies the result only.
    """
    signed, soft = FixedType(10, 10), FixedType(10, 10)

    def softening(name: str, source: str, low: int, high: int, size: int) -> Node:
        table = softened(np.arange(low, high + 1)).astype(np.int64)
        return Node(
            name, "table", (source,), (size,), soft, {"offset": -low}, {"table": Constant(soft, table)}
        )

    rest = list(range(N_LAYERS, N_FEATURES))
    nodes = [
        Node(INPUT, "input", (), (1,), FixedType(8, 8, False)),
        Node("x", "input", (), (N_FEATURES,), signed),
        softening("soft_bending", INPUT, 0, BENDING_MAX, 1),
        Node("values", "take", ("x",), (N_LAYERS,), signed, {"index": list(range(N_LAYERS))}),
        softening("soft_values", "values", signed.minimum, signed.maximum, N_LAYERS),
        Node("rest", "take", ("x",), (len(rest),), signed, {"index": rest}),
        Node(
            "all",
            "concatenate",
            ("soft_bending", "soft_values", "rest"),
            (N_FEATURES + 1,),
            soft,
            {"axis": 0},
        ),
    ]
    source = "all"
    hidden = FixedType.parse(f"fixed<{16 + HIDDEN_FRACTION},16,TRN,SAT>")
    weight_type = FixedType(WEIGHT_BITS + 5, 5)
    last = len(model.linears) - 1
    for place, (w, linear) in enumerate(zip(model.weights(), model.linears, strict=True)):
        weight = np.trunc(w.detach().numpy().T * (1 << WEIGHT_BITS)).astype(
            np.int64
        )  # towards zero: norms shrink
        bias = np.rint(linear.bias.detach().numpy() * UNIT * (1 << HIDDEN_FRACTION)).astype(np.int64)
        fraction = WEIGHT_BITS + (HIDDEN_FRACTION if place else 0)
        accum = FixedType(28 + fraction, 28)
        constants = {
            "weight": Constant(weight_type, weight),
            "bias": Constant(FixedType(32, 32 - HIDDEN_FRACTION), bias),
        }
        name = f"layer{place}"
        nodes.append(
            Node(name, "dense", (source,), (weight.shape[1],), hidden, {"accum": str(accum)}, constants)
        )
        if place == last:
            source = name
            break
        half = weight.shape[1] // 2
        for part, start in (("even", 0), ("odd", 1)):
            index = {"index": list(range(start, 2 * half, 2))}
            nodes.append(Node(f"{name}.{part}", "take", (name,), (half,), hidden, index))
        for part, op in (("larger", "maximum"), ("smaller", "minimum")):
            nodes.append(Node(f"{name}.{part}", op, (f"{name}.even", f"{name}.odd"), (half,), hidden))
        source = f"{name}.sorted"
        nodes.append(
            Node(
                source, "concatenate", (f"{name}.larger", f"{name}.smaller"), (2 * half,), hidden, {"axis": 0}
            )
        )
    steep = {
        "scale": Constant(FixedType(8, 2), np.array([round((1 + MARGIN) * 64)])),
        "bias": Constant(FixedType(2, 2), np.array([0])),
    }
    fine = FixedType(16 + HIDDEN_FRACTION + 2, 18)
    shift = int(np.log2(UNIT / SLOPE))
    result = FixedType.parse(f"fixed<18,{18 - HIDDEN_FRACTION},TRN,SAT>")
    nodes += [
        Node("linear", "scale_bias", ("soft_bending",), (1,), fine, {}, steep),
        Node("difference", "subtract", (source, "linear"), (1,), fine),
        Node(OUTPUT, "cast", ("difference",), (1,), result),
    ]
    meta = {"features": list(FEATURES), "ln_pt_per_unit": 2.0**-shift}
    return Graph(NAME, nodes, [OUTPUT], meta)
