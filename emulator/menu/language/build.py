"""From parsed seeds, named cuts and scales to the compiled menu. Both front ends end here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Unpack

from pydantic import ValidationError

from l1forge.emulator.errors import Details, InputError
from l1forge.emulator.menu import compiled
from l1forge.emulator.menu.compiled import (
    ALGORITHMS,
    Algorithm,
    Charge,
    CompiledMenu,
    Condition,
    Judge,
    Known,
    OverlapRule,
)
from l1forge.emulator.menu.language.cuts import FUNCTION_CUTS, SYNONYMS, Cut
from l1forge.emulator.menu.language.grammar import (
    FunctionNode,
    ObjectNode,
    OperatorNode,
    Place,
    ScoreNode,
    Tree,
    parse_seed,
)
from l1forge.emulator.menu.language.limits import compile_limit
from l1forge.emulator.menu.language.requirements import LegCompiler
from l1forge.emulator.menu.language.scales import Scales
from l1forge.emulator.menu.language.scores import ScoreType, network_type, score_limits
from l1forge.emulator.menu.quantities import BX_RANGE, OBJECTS, QUANTITIES, SIGNALS


@dataclass(frozen=True)
class Seed:
    """One seed as written; ``cuts`` are those defined for it, by name."""

    index: int
    name: str
    text: str
    place: Place
    cuts: Mapping[str, Cut]
    faults: Mapping[str, InputError] = field(default_factory=dict)
    """Cuts that cannot be used, by name, with what is wrong: raised if the seed uses one."""


@dataclass(frozen=True)
class MenuSource:
    """What a front end hands over."""

    name: str
    seeds: tuple[Seed, ...]
    scales: Scales
    externals: Mapping[str, int]
    judge: Judge = "emulator"
    scores: Mapping[str, ScoreType] = field(default_factory=dict)
    known: tuple[Known, ...] = ()
    strict: bool = True
    """Refuse windows that are inside out; official menus contain some, so those are noted instead."""
    overlap: OverlapRule = "any_free"
    external_faults: Mapping[str, InputError] = field(default_factory=dict)
    """External signals that cannot be used, with what is wrong: raised if a seed uses one."""
    notes: tuple[str, ...] = ()
    """What the front end found odd."""


def build_menu(source: MenuSource) -> CompiledMenu:
    """Compile every seed.

    Raises
    ------
    InputError
        With file, line and column: syntax, unknown names, thresholds off the scale, contradictory
        windows, two seeds on one bit.
    """
    builder = _Builder(source)
    algorithms: list[Algorithm] = []
    taken: dict[int, str] = {}
    names: set[str] = set()
    for seed in source.seeds:
        if not 0 <= seed.index < ALGORITHMS:
            raise seed.place.error("no such algorithm bit", value=seed.index, remedy="use 0 .. 511")
        if not seed.name:
            raise seed.place.error("the seed has no name")
        if seed.index in taken:
            raise seed.place.error(f"algorithm bit {seed.index} is already used by {taken[seed.index]}")
        if seed.name in names:
            raise seed.place.error("two seeds of this name")
        taken[seed.index] = seed.name
        names.add(seed.name)
        try:
            expression = _SeedCompiler(builder, seed).expression(parse_seed(seed.text, seed.place))
        except RecursionError as error:
            raise seed.place.error("the seed is nested too deeply") from error
        algorithms.append(
            Algorithm(index=seed.index, name=seed.name, expression=expression, grammar=seed.text)
        )
    return CompiledMenu(
        name=source.name,
        judge=source.judge,
        overlap=source.overlap,
        conditions=builder.conditions,
        algorithms=tuple(sorted(algorithms, key=lambda a: a.index)),
        score_types={name: str(declared.type) for name, declared in source.scores.items()} | builder.implied,
        score_graphs=_bound(source.scores),
        known=source.known,
        notes=tuple(builder.notes),
    )


def _bound(scores: Mapping[str, ScoreType]) -> dict[str, str]:
    """Model -> graph file that the menu binds.

    Raises
    ------
    InputError
        If two scores of one model have two graphs.
    """
    found: dict[str, str] = {}
    for name, declared in scores.items():
        model = name.partition(".")[0]
        if declared.graph is not None and found.setdefault(model, declared.graph) != declared.graph:
            raise InputError(
                "two graphs are bound to one model",
                field=f"scores.{name}",
                value=declared.graph,
                remedy=f"the other one is {found[model]}",
            )
    return found


class _Builder:
    """Collects conditions; equal ones share a name."""

    def __init__(self, source: MenuSource) -> None:
        self.source = source
        self.conditions: dict[str, Condition] = {}
        self.notes: list[str] = list(dict.fromkeys(source.notes))
        self.implied: dict[str, str] = {}
        """Types of the scores of network objects."""
        self._names: dict[Condition, str] = {}

    def add(self, condition: Condition, prefix: str) -> str:
        if condition not in self._names:
            self._names[condition] = name = f"{prefix}_{len(self._names)}"
            self.conditions[name] = condition
        return self._names[condition]

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class _SeedCompiler:
    def __init__(self, builder: _Builder, seed: Seed) -> None:
        self.builder, self.seed = builder, seed
        source = builder.source
        self.legs = LegCompiler(
            seed.place, seed.cuts, source.scales, source.strict, builder.note, source.judge, seed.faults
        )

    def error(self, problem: str, column: int, **details: Unpack[Details]) -> InputError:
        return self.seed.place.error(problem, column, **details)

    def expression(self, tree: Tree) -> compiled.Expression:
        if isinstance(tree, OperatorNode):
            return [tree.operator, *(self.expression(operand) for operand in tree.operands)]
        try:
            if isinstance(tree, ScoreNode):
                condition, prefix = self.score(tree), "score"
            elif isinstance(tree, FunctionNode):
                condition, prefix = self.function(tree)
            else:
                condition, prefix = self.single(tree)
        except ValidationError as error:
            raise self.error(error.errors()[0]["msg"].removeprefix("Value error, "), tree.column) from error
        return self.builder.add(condition, prefix)

    def score(self, node: ScoreNode) -> Condition:
        lower, upper = score_limits(node, self.builder.source.scores.get(node.score), self.seed.place)
        return compiled.Score(score=node.score, lower=lower, upper=upper)

    def single(self, node: ObjectNode) -> tuple[Condition, str]:
        if node.bx not in BX_RANGE:
            raise self.error("crossing out of reach", node.column, value=node.bx, remedy="use -2 .. +2")
        name = node.name.lower()
        if node.name.startswith("EXT_"):
            return self.external(node), "ext"
        if name in SIGNALS:
            self.no_cuts(node)
            return compiled.SignalBit(signal=name, bx=node.bx), name
        if node.name in ("AXO", "ADT", "TOPO", "CICADA"):
            return self.network(node), name
        if name in QUANTITIES:
            return self.value(node), name
        return compiled.Combination(legs=(self.legs.requirement(node),)), f"single_{name}"

    def no_cuts(self, node: ObjectNode) -> None:
        if node.cuts:
            raise self.error(f"{node.name} takes no cuts", node.column, value=node.cuts[0])

    def external(self, node: ObjectNode) -> Condition:
        self.no_cuts(node)
        name = node.name.removeprefix("EXT_")
        if name in self.builder.source.external_faults:
            raise self.builder.source.external_faults[name]
        if name not in self.builder.source.externals:
            raise self.error(
                "unknown external signal", node.column, value=name, remedy="define it under externals"
            )
        return compiled.External(index=self.builder.source.externals[name], bx=node.bx, name=name)

    def network(self, node: ObjectNode) -> Condition:
        """AXO, TOPO: raw score of the named model; CICADA: 8.8-bit score of link words or a bound model."""
        cuts = {cut.type: cut for cut in self.legs.object_cuts(node)}
        score = next((cuts[kind] for kind in ("SCORE", "ASCORE", "CSCORE") if kind in cuts), None)
        if score is None or score.minimum is None:
            raise self.error(f"{node.name} needs a score cut", node.column)
        if node.name == "CICADA":
            threshold, largest = int(score.minimum * 256), QUANTITIES["cicada"].maximum
            if threshold > largest:
                self.legs.unreachable("CICADA cannot hold the threshold", value=score.minimum)
                threshold = largest + 1
            declared = self.builder.source.scores.get("cicada")
            if declared is not None:  # the menu binds a model
                implied = network_type("CICADA", "cicada", declared, self.seed.place, node.column)
                self.builder.implied["cicada"] = str(implied)
                return compiled.Score(score="cicada", bx=node.bx, lower=threshold)
            return compiled.QuantityCut(quantity="cicada", bx=node.bx, threshold=threshold)
        model = f"{node.name.lower()}_{cuts['MODEL'].data.strip()}" if "MODEL" in cuts else node.name.lower()
        if score.minimum != int(score.minimum):
            raise self.error("score thresholds of networks are integers", node.column, value=score.minimum)
        declared = self.builder.source.scores.get(model)
        implied = network_type(node.name, model, declared, self.seed.place, node.column)
        self.builder.implied[model] = str(implied)
        return compiled.Score(score=model, bx=node.bx, lower=int(score.minimum))

    def value(self, node: ObjectNode) -> Condition:
        quantity = QUANTITIES[node.name.lower()]
        scale = "COUNT" if quantity.is_count else "ET"
        phi = self.legs.phi_windows(node)
        threshold = self.legs.threshold(node, scale, quantity.maximum)
        if node.cuts and not phi:  # no phi window lies on the scale
            threshold = quantity.maximum + 1
        return compiled.QuantityCut(
            quantity=node.name.lower(),
            bx=node.bx,
            threshold=threshold,
            equal=node.equal,
            phi=phi,
        )

    def function(self, node: FunctionNode) -> tuple[Condition, str]:
        function = SYNONYMS.get(node.name, node.name)
        for item in node.objects:
            if item.name.lower() not in OBJECTS:
                raise self.error(f"{item.name} cannot be used in {node.name}{{}}", item.column)
        objects, third = self.split(function, node)
        legs = tuple(self.legs.requirement(item) for item in objects)
        cuts = [self.legs.function_cut(name, node) for name in node.cuts]
        for cut in cuts:
            if cut.type not in FUNCTION_CUTS[function]:
                raise self.error(f"{node.name}{{}} takes no {cut.type} cut", node.column, value=cut.name)
        charge = self.charge(cuts, objects, node)
        overlap = self.overlap(cuts, legs, third, function, node)
        types = [leg.type for leg in legs]
        limits = tuple(
            compile_limit(cut, function, types, self.builder.source.scales, self.legs.window_problem)
            for cut in cuts
            if cut.type != "CHGCOR" and not cut.type.startswith("ORM")
        )
        self.check_measures(limits, types, node)
        prefix = f"{function}_{'_'.join(dict.fromkeys(types))}"
        if function == "mass_inv_3":
            return compiled.Triple(legs=legs, limits=limits, charge=charge), prefix  # type: ignore[arg-type]
        if function.startswith("comb") and not limits:
            return compiled.Combination(legs=legs, charge=charge, overlap=overlap), prefix
        return (
            compiled.Correlation(legs=legs, limits=limits, charge=charge, overlap=overlap),  # type: ignore[arg-type]
            prefix,
        )

    def check_measures(
        self, limits: tuple[compiled.Limit, ...], types: list[str], node: FunctionNode
    ) -> None:
        """Energy sums have no eta, only muons have an unconstrained pt."""
        for item in limits:
            if item.measure not in ("dphi", "mass_transverse", "pt2") and not all(
                OBJECTS[t].has_eta for t in types
            ):
                raise self.error(f"{item.measure} needs eta, which sums do not have", node.column)
            if item.measure == "mass_upt" and not all(OBJECTS[t].is_muon for t in types):
                raise self.error("only muons have an unconstrained pt", node.column)

    def split(self, function: str, node: FunctionNode) -> tuple[tuple[ObjectNode, ...], ObjectNode | None]:
        """The legs and, for overlap removal, the object of reference: the last one."""
        objects, third = node.objects, None
        if function == "comb_orm" or (function.endswith("_orm") and len(objects) == 3):
            if len(objects) < 2:
                raise self.error(f"{node.name}{{}} needs at least two objects", node.column)
            objects, third = objects[:-1], objects[-1]
        wanted = {"comb": (1, 4), "comb_orm": (1, 4), "mass_inv_3": (3, 3)}.get(function, (2, 2))
        if not wanted[0] <= len(objects) <= wanted[1]:
            raise self.error(
                f"{node.name}{{}} takes {wanted[0]} to {wanted[1]} objects", node.column, value=len(objects)
            )
        if function in ("comb", "comb_orm", "mass_inv_3") and len({o.name for o in objects}) > 1:
            raise self.error(f"the objects of {node.name}{{}} must be of one type", node.column)
        return objects, third

    def charge(self, cuts: list[Cut], legs: tuple[ObjectNode, ...], node: FunctionNode) -> Charge | None:
        wanted = [cut.data.strip().lower() for cut in cuts if cut.type == "CHGCOR"]
        if not wanted:
            return None
        old_names: dict[str, Charge] = {"0": "ls", "1": "os", "ls": "ls", "os": "os"}
        if len(set(wanted)) > 1 or wanted[0] not in old_names:
            raise self.error("charge correlation is ls or os", node.column, value=",".join(wanted))
        if any(item.name != "MU" for item in legs):
            raise self.error("only muons have a charge", node.column)
        return old_names[wanted[0]]

    def overlap(
        self,
        cuts: list[Cut],
        legs: tuple[compiled.Requirement, ...],
        third: ObjectNode | None,
        function: str,
        node: FunctionNode,
    ) -> compiled.Overlap | None:
        chosen = [cut for cut in cuts if cut.type.startswith("ORM")]
        if not function.endswith("_orm"):
            return None
        if not chosen:
            raise self.error(f"{node.name}{{}} needs an overlap-removal cut", node.column)
        reference = self.legs.requirement(third) if third else None
        if reference and reference.type in (leg.type for leg in legs):
            raise self.error("the last object must be of another type", node.column, value=reference.type)
        pair = [legs[0].type, reference.type if reference else legs[1].type]
        limits = tuple(
            compile_limit(cut, function, pair, self.builder.source.scales, self.legs.window_problem)
            for cut in chosen
        )
        self.check_measures(limits, pair, node)
        return compiled.Overlap(limits=limits, object=reference)
