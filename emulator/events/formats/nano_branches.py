"""Which NanoAOD branch fills which column: integers of the hardware first, then floats in physical units.

Level-1 NanoAOD holds unpacked objects (``L1Mu_pt`` ...) and re-emulated ones (``L1EmulMu_pt`` ...) side by
side. Branches named ``hw...`` are the integers of the object words; the floats beside them are the same
integers times their LSB, in reduced precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS

UNPACKED, EMULATED = "L1", "L1Emul"
"""What branch names begin with: objects that the trigger sent, and objects that software computed again."""
COLLECTIONS = {"mu": "Mu", "eg": "EG", "tau": "Tau", "jet": "Jet"}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "mu.pt": ("Mu_hwPt", "Mu_pt"),
    "mu.eta": ("Mu_hwEtaAtVtx", "Mu_etaAtVtx", "Mu_hwEta", "Mu_eta"),
    "mu.phi": ("Mu_hwPhiAtVtx", "Mu_phiAtVtx", "Mu_hwPhi", "Mu_phi"),
    "mu.phi_station": ("Mu_hwPhi",),
    "mu.upt": ("Mu_hwPtUnconstrained", "Mu_ptUnconstrained"),
    "mu.qual": ("Mu_hwQual",),
    "mu.iso": ("Mu_hwIso",),
    "mu.charge": ("Mu_hwCharge",),
    "mu.index": ("Mu_tfMuonIndex",),
    "mu.ip": ("Mu_hwDXY",),
    **{
        f"{collection}.{column}": (f"{name}_hw{field.capitalize()}", f"{name}_{field}")
        for collection, name in COLLECTIONS.items()
        if collection != "mu"
        for column, field in (("et", "pt"), ("eta", "eta"), ("phi", "phi"))
    },
    "eg.iso": ("EG_hwIso",),
    "tau.iso": ("Tau_hwIso",),
}
"""Column -> branches without ``L1`` or ``L1Emul``; the first that is there is used."""
OPTIONAL = ("mu.phi_station", "mu.upt", "mu.iso", "mu.charge", "mu.index", "mu.ip", "eg.iso", "tau.iso")
CHARGE_VALID = "Mu_hwChargeValid"
SUM_TYPES = {"ett": 0, "htt": 1, "etm": 2, "htm": 3, "etmhf": 8, "htmhf": 20}
"""EtSum::EtSumType of the CMS software."""
VECTOR_SUMS = ("etm", "htm", "etmhf", "htmhf")
SUM_FIELDS = {"et": ("EtSum_hwPt", "EtSum_pt"), "phi": ("EtSum_hwPhi", "EtSum_phi")}
SUM_KEYS = ("EtSum_etSumType", "EtSum_bx")
_PHYSICAL = ("pt", "eta", "phi", "etaAtVtx", "phiAtVtx", "ptUnconstrained")


def is_physical(branch: str) -> bool:
    """Whether the branch holds floats in GeV, rad or pseudorapidity; the others hold whole numbers."""
    return branch.partition("_")[2] in _PHYSICAL


def twin(branch: str) -> str | None:
    """The float branch that says the same as an integer branch of a momentum or a direction."""
    collection, _, field = branch.partition("_")
    name = field.removeprefix("hw")
    name = name[:1].lower() + name[1:]
    # ptUnconstrained: code 0 and code 1 have the same float
    return f"{collection}_{name}" if field != name and name in _PHYSICAL[:-1] else None


@dataclass(frozen=True)
class Choice:
    """The branches of one file that are used: ``fields[column]``, and what their names begin with."""

    prefix: str
    fields: Mapping[str, str]
    checks: Mapping[str, str]
    """Column -> float branch that must agree with the integers, where the file has both."""
    charge_valid: str | None
    also_emulated: bool
    """The file holds re-emulated objects, too, that are not used."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the file can fill, in the order of the object table."""
        return tuple(name for name in COLUMNS if name in self.fields)

    def bx(self, collection: str) -> str:
        """The branch that says which bunch crossing an object belongs to."""
        return f"{self.prefix}{COLLECTIONS[collection]}_bx"

    @property
    def sum_keys(self) -> tuple[str, ...]:
        """Type and bunch crossing of the sums."""
        return tuple(self.prefix + name for name in SUM_KEYS)

    @property
    def at_station(self) -> bool:
        """Whether muon directions are those at the muon station, for lack of extrapolated ones."""
        return not self.fields["mu.phi"].endswith("AtVtx")


def choose_branches(branches: Iterable[str], path: str | Path, emulated: bool | None = None) -> Choice:
    """Decide which branches fill which columns.

    ``emulated``: objects that software computed again (True) or that the trigger sent (False); None: the
    latter, unless the file holds the former only.

    Raises
    ------
    InputError
        If a branch that every level-1 NanoAOD has is missing; the first one is named.
    """
    present = set(branches)
    collections = [*COLLECTIONS.values(), "EtSum"]
    held = {
        prefix: any(name.startswith(f"{prefix}{c}_") for name in present for c in collections)
        for prefix in (UNPACKED, EMULATED)
    }
    if emulated is None:
        emulated = held[EMULATED] and not held[UNPACKED]
    prefix = EMULATED if emulated else UNPACKED
    alternatives = dict(FIELDS)
    for name in SUM_TYPES:
        alternatives[f"{name}.et"] = SUM_FIELDS["et"]
        if name in VECTOR_SUMS:
            alternatives[f"{name}.phi"] = SUM_FIELDS["phi"]
    fields, missing = {}, set()
    for column, names in alternatives.items():
        there = [prefix + name for name in names if prefix + name in present]
        if there:
            fields[column] = there[0]
        elif column not in OPTIONAL:
            missing.add(prefix + names[-1])
    missing |= {f"{prefix}{name}_bx" for name in COLLECTIONS.values()} - present
    missing |= {prefix + name for name in SUM_KEYS} - present
    if missing:
        first = sorted(missing)[0]
        remedy = "level-1 objects are in NanoAOD since version 10; see docs/formats.md"
        if emulated and held[UNPACKED]:
            remedy = "the objects that the trigger sent are there: leave --emulated out"
        elif not emulated and held[EMULATED]:
            remedy = "re-emulated objects are there: --emulated"
        raise InputError(
            f"branch missing, and {len(missing) - 1} more" if len(missing) > 1 else "branch missing",
            file=path,
            field=first,
            remedy=remedy,
        )
    checks = {column: other for column, name in fields.items() if (other := twin(name)) and other in present}
    valid = prefix + CHARGE_VALID
    return Choice(
        prefix, fields, checks, valid if valid in present else None, held[EMULATED] and not emulated
    )
