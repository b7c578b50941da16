"""The compiled menu: every seed as hardware integers, in one documented JSON file (docs/menu.md).

Both front ends (YAML, official XML) end here, and everything downstream (evaluation, firmware, reports)
reads only this. Limits are inclusive at both ends unless a comment says otherwise.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from l1forge.emulator.atomic import write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.json_text import parse_json
from l1forge.emulator.menu.quantities import BX_RANGE, OBJECTS, QUANTITIES, SIGNALS
from l1forge.emulator.menu.ranges import check_charge, check_limits, check_requirement, check_value

FORMAT, VERSION = "l1forge-menu", 1
ALGORITHMS = 512
EXTERNALS = 256

Judge = Literal["emulator", "firmware"]
"""Whose behaviour counts where the experiment's software emulator and its firmware differ."""

OverlapRule = Literal["any_free", "none_overlaps"]
"""Overlap removal with an object of reference: ``any_free``: some object of reference overlaps with none of
the legs (2022 and later); ``none_overlaps``: there is one, and none at all overlaps with a leg (before)."""

Window = tuple[int, int]
Bx = Annotated[int, Field(ge=BX_RANGE.start, lt=BX_RANGE.stop)]
Bound = Annotated[int, Field(gt=-(2**63), lt=2**63 - 1)]
Charge = Literal["ls", "os"]
Measure = Literal[
    "deta", "dphi", "dr2", "mass", "mass_upt", "mass_transverse", "mass_over_dr", "mass3", "pt2"
]
"""What a cut on a pair (or, for mass3, a triple) of objects limits; scales in docs/menu.md."""


def _member(table: Collection[str], what: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in table:
            raise ValueError(f"unknown {what} {name!r}; known: {', '.join(table)}")
        return name

    return AfterValidator(check)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Requirement(_Strict):
    """What one object must satisfy. Empty tuples and None mean: no cut. Several windows are ORed."""

    type: Annotated[str, _member(OBJECTS, "object type")]
    bx: Bx = 0
    threshold: int
    """Hardware code; one above the field's largest code: never true."""
    equal: bool = False
    """Demand the threshold exactly instead of at least."""
    eta: tuple[Window, ...] = ()
    phi: tuple[Window, ...] = ()
    index: tuple[Window, ...] = ()
    upt: tuple[Window, ...] = ()
    iso: int | None = None
    """Look-up table: bit v is 1 if the code v is accepted; so are qual and ip."""
    qual: int | None = None
    ip: int | None = None
    charge: Literal["positive", "negative"] | None = None
    displaced: Literal[0, 1] | None = None
    slots: Window | None = None

    @model_validator(mode="after")
    def _fits(self) -> Requirement:
        check_requirement(self)
        return self


class Limit(_Strict):
    """``lower <= measure <= upper``; None: no limit on that side."""

    measure: Measure
    lower: Bound | None = None
    upper: Bound | None = None


class Overlap(_Strict):
    """Objects overlap if ANY of ``limits`` holds; ``object`` is the third object, if it is not the pair."""

    limits: tuple[Limit, ...]
    object: Requirement | None = None

    def check(self, legs: tuple[Requirement, ...]) -> None:
        """ValueError if a limit cannot be measured between the object of reference and one of ``legs``."""
        if self.object is None:
            check_limits(self.limits, [leg.type for leg in legs])
            return
        for leg in legs:
            check_limits(self.limits, [leg.type, self.object.type])
            if leg.type == self.object.type:
                raise ValueError(f"the object of reference must be of another type than {leg.type}")


class Combination(_Strict):
    """1 to 4 distinct objects of one type in one crossing."""

    kind: Literal["combination"] = "combination"
    legs: Annotated[tuple[Requirement, ...], Field(min_length=1, max_length=4)]
    charge: Charge | None = None
    overlap: Overlap | None = None

    @model_validator(mode="after")
    def _alike(self) -> Combination:
        if len({(leg.type, leg.bx) for leg in self.legs}) > 1:
            raise ValueError("the legs of a combination are of one type and one crossing")
        check_charge(self.charge, self.legs)
        if self.overlap and self.overlap.object is None:
            raise ValueError("overlap removal of a combination needs an object of reference")
        if self.overlap and self.overlap.object:
            self.overlap.check(self.legs[:1])
        return self


class Correlation(_Strict):
    """Two objects with all ``limits`` on the same pair; of one type and crossing: two distinct ones."""

    kind: Literal["correlation"] = "correlation"
    legs: tuple[Requirement, Requirement]
    limits: tuple[Limit, ...]
    charge: Charge | None = None
    overlap: Overlap | None = None

    @model_validator(mode="after")
    def _measurable(self) -> Correlation:
        check_charge(self.charge, self.legs)
        check_limits(self.limits, [leg.type for leg in self.legs])
        if self.overlap:
            self.overlap.check(self.legs)
        return self


class Triple(_Strict):
    """Three distinct objects of one type and crossing with a limit on their summed pair masses."""

    kind: Literal["triple"] = "triple"
    legs: tuple[Requirement, Requirement, Requirement]
    limits: tuple[Limit, ...]
    charge: Charge | None = None

    @model_validator(mode="after")
    def _alike(self) -> Triple:
        if len({(leg.type, leg.bx) for leg in self.legs}) > 1:
            raise ValueError("the legs of a triple are of one type and one crossing")
        check_charge(self.charge, self.legs)
        check_limits(self.limits, [leg.type for leg in self.legs])
        return self


class QuantityCut(_Strict):
    """A sum or count: ``value >= threshold`` (or ``==``), for vector sums within any phi window."""

    kind: Literal["value"] = "value"
    quantity: Annotated[str, _member(QUANTITIES, "quantity")]
    bx: Bx = 0
    threshold: int
    equal: bool = False
    phi: tuple[Window, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> QuantityCut:
        check_value(self)
        return self


class SignalBit(_Strict):
    """A muon-shower or centrality bit."""

    kind: Literal["signal"] = "signal"
    signal: Annotated[str, _member(SIGNALS, "signal")]
    bx: Bx = 0


class External(_Strict):
    """One of the 256 external conditions."""

    kind: Literal["external"] = "external"
    index: Annotated[int, Field(ge=0, lt=EXTERNALS)]
    bx: Bx = 0
    name: str = ""


class Score(_Strict):
    """A model's raw integer output within limits; of a model that scores objects: any object's."""

    kind: Literal["score"] = "score"
    score: str
    """Model name (``vae``), or model and output (``muon_pt.pt``)."""
    bx: Bx = 0
    lower: Bound | None = None
    upper: Bound | None = None


Condition: TypeAlias = Annotated[
    Combination | Correlation | Triple | QuantityCut | SignalBit | External | Score,
    Field(discriminator="kind"),
]

Expression: TypeAlias = str | list[Any]
"""A condition's name, or ["not", e], ["and", e, f, ..], ["or", ..], ["xor", ..]."""


def condition_names(expression: Expression) -> Iterator[str]:
    """Every condition named in ``expression``, from left to right."""
    if isinstance(expression, str):
        yield expression
    else:
        for operand in expression[1:]:
            yield from condition_names(operand)


def _check_expression(expression: Expression) -> Expression:
    if isinstance(expression, str):
        return expression
    if not expression or expression[0] not in ("not", "and", "or", "xor"):
        raise ValueError(f"an expression is a condition name or [operator, operands..], got {expression!r}")
    if (len(expression) != 2) if expression[0] == "not" else (len(expression) < 3):
        raise ValueError(f"wrong number of operands in {expression!r}")
    for operand in expression[1:]:
        if not isinstance(operand, str | list):
            raise ValueError(f"operand {operand!r} is neither a name nor an expression")
        _check_expression(operand)
    return expression


def _check_type(text: str) -> str:
    return str(FixedType.parse(text))


class Algorithm(_Strict):
    """One seed: algorithm bit ``index``."""

    index: Annotated[int, Field(ge=0, lt=ALGORITHMS)]
    name: Annotated[str, Field(min_length=1)]
    expression: Annotated[Expression, AfterValidator(_check_expression)]
    grammar: str = ""
    """The seed as it was written, for people."""


class Known(_Strict):
    """A documented disagreement with test vectors; ``algorithm`` and ``vectors`` (file name) are patterns."""

    algorithm: str
    reason: str
    vectors: str = "*"
    bits: tuple[int, int] = (0, ALGORITHMS - 1)
    """First and last algorithm bit that the entry is about."""
    unset: bool = False
    """Only of algorithms whose bit the vectors never set."""

    def covers(self, algorithm: Algorithm, expected: int) -> bool:
        """Is the disagreement of an algorithm, whose bit is set ``expected`` times, the documented one?"""
        if self.unset and expected:
            return False
        inside = self.bits[0] <= algorithm.index <= self.bits[1]
        return inside and fnmatchcase(algorithm.name, self.algorithm)


class CompiledMenu(_Strict):
    """A whole menu; ``format`` and ``version`` name this schema."""

    format: Literal["l1forge-menu"] = "l1forge-menu"
    version: Literal[1] = 1
    name: str
    judge: Judge = "emulator"
    overlap: OverlapRule = "any_free"
    conditions: dict[str, Condition]
    algorithms: tuple[Algorithm, ...]
    score_types: dict[str, Annotated[str, AfterValidator(_check_type)]] = {}
    """Fixed-point type that the menu's thresholds are raw integers of, for the scores it declares."""
    score_graphs: dict[str, str] = {}
    """Graph file of models that the menu binds itself; the others are found by their names."""
    known: tuple[Known, ...] = ()
    notes: tuple[str, ...] = ()
    """What the compiler found odd but had to accept, such as an official window that is inside out."""

    @model_validator(mode="after")
    def _consistent(self) -> CompiledMenu:
        for attribute in ("index", "name"):
            counts = Counter(getattr(a, attribute) for a in self.algorithms)
            twice = [key for key, count in counts.items() if count > 1]
            if twice:
                raise ValueError(f"two algorithms with {attribute} {twice[0]!r}")
        for algorithm in self.algorithms:
            for name in condition_names(algorithm.expression):
                if name not in self.conditions:
                    raise ValueError(f"algorithm {algorithm.name} uses the undefined condition {name!r}")
        return self

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the model scores that the menu's seeds need."""
        return tuple(sorted({c.score for c in self.conditions.values() if isinstance(c, Score)}))

    def needs(self, algorithm: Algorithm) -> frozenset[str]:
        """Names of the model scores that one seed needs."""
        conditions = (self.conditions[name] for name in condition_names(algorithm.expression))
        return frozenset(c.score for c in conditions if isinstance(c, Score))

    def to_json(self) -> str:
        """The file's text: one condition and one algorithm a line, so that versions diff well."""
        dump = self.model_dump(mode="json", exclude_defaults=True)
        dump.update(format=FORMAT, version=VERSION, judge=self.judge)
        for name, condition in dump["conditions"].items():
            dump["conditions"][name] = {"kind": self.conditions[name].kind, **condition}
        head = {key: dump[key] for key in ("format", "version", "name", "judge", "overlap") if key in dump}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        if self.score_types:
            lines.append(f' "score_types": {json.dumps(self.score_types)}')
        if self.score_graphs:
            lines.append(f' "score_graphs": {json.dumps(self.score_graphs)}')
        for key in ("notes", "known", "algorithms"):
            if dump.get(key):
                rows = ",\n".join(f"  {json.dumps(row)}" for row in dump[key])
                lines.append(f" {json.dumps(key)}: [\n{rows}\n ]")
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(c)}" for name, c in dump["conditions"].items())
        lines.append(f' "conditions": {{\n{rows}\n }}')
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON file, whole or not at all."""
        write_text(path, self.to_json())


def load_compiled(path: str | Path) -> CompiledMenu:
    """Read a compiled menu.

    Raises
    ------
    InputError
        If the file is not a compiled menu of this version; names line and column, or the field.
    """
    data = read_document(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError("not a compiled menu", file=path, remedy='"format" must be "l1forge-menu"')
    return validated(data, path)


def read_document(path: str | Path) -> object:
    """The content of a JSON file of a menu; InputError with line and column if it is none."""
    try:
        data: object = parse_json(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"malformed JSON: {error.msg}", file=f"{path}:{error.lineno}:{error.colno}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read: {error}", file=path) from error
    except RecursionError as error:
        raise InputError("malformed JSON: nested too deeply", file=path) from error
    except ValueError as error:  # Python reads no integer of more than 4300 digits
        raise InputError("malformed JSON: an integer is too long", file=path) from error
    return data


def validated(data: Mapping[str, object], path: str | Path) -> CompiledMenu:
    """A menu from the values of its document; InputError with the field that does not fit the schema."""
    try:
        return CompiledMenu.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "menu"
        problem = first["msg"].removeprefix("Value error, ")
        raise InputError(problem, file=path, field=field) from error
    except RecursionError as error:
        raise InputError("an expression is nested too deeply", file=path) from error
