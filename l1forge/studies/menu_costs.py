"""What one condition of each kind costs in an FPGA, beside what the experiment's packing tool counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from l1forge.studies.html import html_table

FAMILY = "xc7"
"""7 series, as the boards of the published numbers."""
HEADINGS = ("condition", "pairs", "LUT", "FF", "DSP", "LUT a pair", "DSP a pair", "published")


@dataclass(frozen=True)
class ConditionKind:
    """A condition that stands for its kind: seed, pairs that it measures (0: none), published unit cost."""

    name: str
    seed: str
    pairs: int
    published: str = "–"


KINDS = (
    ConditionKind("Δη of muons", "dist{MU3,MU3}[DETA_MAX_1p5]", 28, "55 LUT"),
    ConditionKind("Δφ of muons", "dist{MU3,MU3}[DPHI_MAX_1p5]", 28, "43 LUT"),
    ConditionKind("ΔR of muons", "dist{MU3,MU3}[DR_MAX_1p4]", 28, "107 to 230 LUT, 2 DSP"),
    ConditionKind("mass of muons", "mass_inv{MU3,MU3}[MASS_MIN_7]", 28, "145 to 321 LUT, 3 DSP"),
    ConditionKind("two muons", "comb{MU5,MU3}", 0),
    ConditionKind("one jet", "JET180[ER2p5]", 0),
    ConditionKind("four jets", "comb{JET70,JET55,JET40,JET35}", 0, "1,672 LUT"),
)


@dataclass(frozen=True)
class Cost:
    """Resources of one condition with its comparisons, tables and registers, out of context."""

    kind: ConditionKind
    lut: int
    ff: int
    dsp: int

    def row(self) -> tuple[str, ...]:
        """As in the table."""
        k, n = self.kind, self.kind.pairs
        each = (f"{self.lut / n:.0f}", f"{self.dsp / n:.1f}") if n else ("–", "–")
        return (k.name, str(n or "–"), f"{self.lut:,}", f"{self.ff:,}", f"{self.dsp:,}", *each, k.published)


def rows_of(costs: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows of the table from what ``MenuCosts.to_dict`` holds."""
    return [Cost(**{**cost, "kind": ConditionKind(**cost["kind"])}).row() for cost in costs]


@dataclass(frozen=True)
class MenuCosts:
    """The costs of the kinds that were synthesised."""

    costs: tuple[Cost, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"family": FAMILY, "costs": [asdict(cost) for cost in self.costs]}

    def _repr_html_(self) -> str:
        return html_table("conditions in 7 series", HEADINGS, [cost.row() for cost in self.costs])


def menu_costs(
    names: Sequence[str] = (), *, folder: Path | None = None, progress: Callable[[str], None] | None = None
) -> MenuCosts:
    """Synthesise one condition of each kind with Yosys for 7 series.

    Parameters
    ----------
    names
        Kinds to take, by their names; none: all.
    folder
        Where netlists are left; None: nowhere.
    progress
        Called with the name of each kind.

    Raises
    ------
    InputError
        If a kind is not known, or Yosys is not installed.
    """
    from l1forge.emulator.errors import InputError
    from l1forge.emulator.menu.language.load import load_menu
    from l1forge.firmware.menu import generate_menu
    from l1forge.firmware.synth.yosys import synthesise
    from l1forge.studies.path_results import COSTS, keep

    known = {kind.name: kind for kind in KINDS}
    for name in names:
        if name not in known:
            raise InputError("no such kind", field="kind", value=name, remedy=f"kinds: {', '.join(known)}")
    costs = []
    with TemporaryDirectory(prefix="l1forge-costs-") as temporary:
        work = folder or Path(temporary)
        for number, kind in enumerate(known[name] for name in names or known):
            if progress is not None:
                progress(kind.name)
            place = work / f"condition{number}"
            place.mkdir(parents=True, exist_ok=True)
            (place / "menu.yaml").write_text(
                f'menu: L1Menu_cost\nalgorithms:\n  - {{name: L1_Cost, seed: "{kind.seed}"}}\n'
            )
            project = generate_menu(load_menu(place / "menu.yaml"), place / "rtl")
            found = synthesise(project, place / "synthesis", family=FAMILY)
            costs.append(Cost(kind, found.lut, found.ff, found.dsp))
    result = MenuCosts(tuple(costs))
    if not names:
        keep(COSTS, "menu", result.to_dict())
    return result
