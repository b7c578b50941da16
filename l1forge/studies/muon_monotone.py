"""What a guarantee costs: a network of ln(pT) that is monotone in the bending, and the same one without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.monotone import Proof, Question, prove
from l1forge.models.muon_pt.bins import GENERATED_UP_TO, MIN_PT
from l1forge.models.muon_pt.estimators import LARGE_FOLDER, NOT_FOUND, Estimate, golden_patterns
from l1forge.models.muon_pt.features import muon_features
from l1forge.models.muon_pt.path import MuonNetwork
from l1forge.models.muon_trees.train import passing_pt
from l1forge.simulation.muons import MuonSettings, generate
from l1forge.simulation.muons.spectrum import density
from l1forge.studies.muon_robustness import Numbers, numbers

if TYPE_CHECKING:
    from l1forge.emulator.graph.graph import Graph

POWER = 0.35
FREE, FLOAT, INTEGERS, PATTERNS = "free network", "monotone network", "monotone network, integers", "patterns"
HEADINGS = ("algorithm", "rate [kHz]", "/ patterns", "3-5 GeV passing [1e-4]", "30-60 GeV passing [%]")


@dataclass(frozen=True)
class MonotoneStudy:
    """Numbers of every algorithm on one sample of A, the circuit of the monotone one, and its proof."""

    muons: int
    test_muons: int
    seed: int
    algorithms: dict[str, Numbers]
    graph: Graph
    proof: Proof

    def rows(self) -> list[tuple[str, ...]]:
        """One row per algorithm, in the order of HEADINGS."""
        base = self.algorithms[PATTERNS]["rate_kHz"][0]
        out: list[tuple[str, ...]] = []
        for name, n in self.algorithms.items():
            rate, slow, plateau = n["rate_kHz"], n["feed_through"], n["plateau"]
            out.append((
                name, f"{rate[0]:.2f} ± {rate[1]:.2f}", f"{rate[0] / base:.2f}",
                f"{1e4 * slow[0]:.1f} ± {5e3 * (slow[2] - slow[1]):.1f}", f"{100 * plateau[0]:.1f}",
            ))  # fmt: skip
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data, without the graph."""
        return {
            "muons": self.muons, "test_muons": self.test_muons, "seed": self.seed,
            "algorithms": self.algorithms, "proof": asdict(self.proof),
        }  # fmt: skip


def monotone_study(
    muons: int = 100_000,
    test_muons: int = 300_000,
    seed: int = 1,
    epochs: int = 8,
    seconds: float = 60.0,
    say: Callable[[str], object] = lambda _: None,
) -> MonotoneStudy:
    """Train both networks on the large network's answers, measure them on A, prove the monotone one."""
    from l1forge.models.muon_pt import lipschitz

    settings = MuonSettings(pt_min=MIN_PT, pt_max=GENERATED_UP_TO)
    say("muons")
    sample = generate(muons, 4000 + seed, settings)
    features, layers = muon_features(sample.value, sample.eta, sample.quality)
    found = layers > 0
    features, pt = features[found], sample.pt[found]
    target = 0.5 * (passing_pt(MuonNetwork(LARGE_FOLDER), features) + np.log(pt))
    weights = (density(pt) * pt) ** POWER
    test = generate(test_muons, 777, settings)
    test_features, test_layers = muon_features(test.value, test.eta, test.quality)
    inputs = lipschitz.inputs_of(test_features)

    def measured(answer: np.ndarray) -> Numbers:
        hit = test_layers > 0
        score = np.where(hit, answer, NOT_FOUND)
        estimate = Estimate("", lambda _: score, np.where(hit, np.exp(answer), np.nan), test.charge)
        kept = numbers(estimate, test)
        return {name: kept[name] for name in ("rate_kHz", "feed_through", "plateau")}

    every = {PATTERNS: numbers(golden_patterns(test), test)}
    schedule = lipschitz.Schedule(epochs=epochs)
    given = lipschitz.inputs_of(features), target, weights / weights.mean(), seed, schedule
    say(FREE)
    every[FREE] = measured(lipschitz.predict(lipschitz.train(*given, constrained=False), inputs))
    say(FLOAT)
    model = lipschitz.train(*given, constrained=True)
    every[FLOAT] = measured(lipschitz.predict(model, inputs))
    graph = lipschitz.to_graph(model)
    columns = {lipschitz.INPUT: lipschitz.bending_of(test_features)[:, None], "x": test_features}
    answer = compile_graph(graph).run_rows(columns)[lipschitz.OUTPUT][:, 0]
    every[INTEGERS] = measured(answer * graph[lipschitz.OUTPUT].type.lsb * graph.meta["ln_pt_per_unit"])
    say("proof")
    proof = prove(graph, Question({(lipschitz.INPUT, 0): -1}), seconds=seconds)
    return MonotoneStudy(muons, test_muons, seed, every, graph, proof)
