"""Proofs by SAT that parts of the firmware are what their descriptions say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.studies.html import html_table
from l1forge.studies.path_results import FORMAL, keep

if TYPE_CHECKING:
    from l1forge.emulator.menu.compiled import CompiledMenu
    from l1forge.testbench.formal import Proof

HEADINGS = ("what", "verdict", "holds for", "seconds")


@dataclass(frozen=True)
class FormalStudy:
    """The proofs of one menu and of trigger control; ``left_out``: what is not proven here, and why."""

    menu: str
    proofs: tuple[Proof, ...]
    left_out: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Something was asked, and every answer is a proof."""
        return bool(self.proofs) and all(proof.proven for proof in self.proofs)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Name, verdict, method, seconds of each proof."""
        return [(p.name, p.verdict, p.method, f"{p.seconds:.1f}") for p in self.proofs]

    @property
    def verdict(self) -> str:
        """The one line that matters."""
        proven = sum(proof.proven for proof in self.proofs)
        return f"{proven} of {len(self.proofs)} proven"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "menu": self.menu,
            "passed": self.passed,
            "proofs": [asdict(proof) for proof in self.proofs],
            "left_out": list(self.left_out),
        }

    def _repr_html_(self) -> str:
        return html_table(f"{self.menu}: {self.verdict}", HEADINGS, self.rows())


def run_formal(
    menu: CompiledMenu,
    *,
    control: str | Path | None = None,
    seconds: int = 300,
    progress: Callable[[str], None] | None = None,
) -> FormalStudy:
    """Prove every combination of a menu, and prescaler and trigger rules, against independent descriptions.

    Parameters
    ----------
    menu
        A loaded menu.
    control
        Folder with the Verilog of trigger control; None: that of ``firmware/path``.
    seconds
        For each proof.
    progress
        Called with the name of what was proven.

    Raises
    ------
    InputError
        If Yosys or the Verilog of trigger control is not there.
    """
    from l1forge.emulator.menu.compiled import Combination, condition_names
    from l1forge.firmware.synth.yosys import check_installed
    from l1forge.testbench.formal.combinations import combinations_of, prove_combinations
    from l1forge.testbench.formal.control import PARTS, prove_control, prove_finor

    check_installed()
    folder = Path(control) if control is not None else control_folder()
    for name in (*(f"{part}.v" for part in PARTS), "path_rules.v"):
        if not (folder / name).is_file():
            raise InputError("Verilog of trigger control is missing", file=folder / name, field="--control")
    tell = progress or (lambda text: None)
    proofs = []
    with TemporaryDirectory(prefix="l1forge-formal-") as work:
        for proof in (*prove_control(folder, Path(work), seconds), prove_finor(menu, Path(work), seconds)):
            proofs.append(proof)
            tell(proof.name)
    for proof in prove_combinations(menu, seconds):
        proofs.append(proof)
        tell(proof.name)
    used = dict.fromkeys(n for a in menu.algorithms for n in condition_names(a.expression))
    chosen = combinations_of(menu)
    left = [
        f"{name}: overlap removal"
        for name in used
        if isinstance(menu.conditions[name], Combination) and name not in chosen
    ]
    result = FormalStudy(menu.name, tuple(proofs), tuple(left))
    keep(FORMAL, menu.name, result.to_dict())
    return result


def control_folder() -> Path:
    """Where the path's hand-written Verilog lies."""
    import l1forge.firmware

    return Path(l1forge.firmware.__file__).parent / "path" / "verilog"
