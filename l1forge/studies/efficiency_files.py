"""The files of an efficiency study: JSON, CSV tables, plots, turn-on curves for correctionlib."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.errors import InputError
from l1forge.emulator.extras import naming_extras

if TYPE_CHECKING:
    from l1forge.emulator.rates.intervals import Fraction
    from l1forge.studies.efficiency import MenuEfficiencies, SeedTurnOn
    from l1forge.studies.figures import Picture

FORMULA = "[2]*0.5*(1+erf((x-[0])/(1.4142135623730951*[1])))"


def save(study: MenuEfficiencies, folder: Path) -> tuple[str, ...]:
    """Write all files, or none, and return their names."""
    from l1forge.studies import efficiency_plots as plots

    texts = {
        "efficiency.json": json.dumps(study.to_dict(), indent=1, allow_nan=False) + "\n",
        "efficiency.csv": _seeds(study),
    }
    pictures: dict[str, Picture] = {"efficiency.png": study.plot()}
    if study.gains:
        texts["model_gains.csv"] = _gains(study)
        pictures["model_gains.png"] = study.plot_gains()
    for (seed, quantity), curves in by_seed(study.turn_ons).items():
        pictures[f"turn_on_{_stem(seed)}_{_stem(quantity)}.png"] = plots.draw_turn_ons(curves)
    for score in dict.fromkeys(roc.score for roc in study.rocs):
        mine = [roc for roc in study.rocs if roc.score == score]
        pictures[f"roc_{_stem(score)}.png"] = plots.draw_rocs(mine)
    with atomic_files(folder) as work:
        for name, text in texts.items():
            write_text(work / name, text)
        for name, picture in pictures.items():
            picture.savefig(work / name, dpi=80, bbox_inches="tight")
    return (*texts, *pictures)


def by_seed(turn_ons: Iterable[SeedTurnOn]) -> dict[tuple[str, str], list[SeedTurnOn]]:
    """Curves by (seed, quantity), one for each signal."""
    found: dict[tuple[str, str], list[SeedTurnOn]] = {}
    for of in turn_ons:
        found.setdefault((of.seed, of.quantity), []).append(of)
    return found


def _stem(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _numbers(part: Fraction) -> tuple[object, ...]:
    return part.passed, part.total, part.value, part.low, part.high


def _seeds(study: MenuEfficiencies) -> str:
    rows = []
    for of in study.signals:
        rows.append((of.signal, "menu", "", *_numbers(of.menu)))
        rows.append((of.signal, "menu", "without models", *_numbers(of.cuts)))
        rows += [(of.signal, "group", name, *_numbers(part)) for name, part in of.groups.items()]
        rows += [(of.signal, "seed", name, *_numbers(part)) for name, part in of.seeds.items()]
        rows += [(of.signal, "pure", name, *_numbers(part)) for name, part in of.pure.items()]
    return _csv(("signal", "what", "name", "passed", "events", "efficiency", "low", "high"), rows)


def _gains(study: MenuEfficiencies) -> str:
    names = ("rate_khz", "model", "cuts", "difference")
    columns = [column for name in names for column in (name, f"{name}_error")]
    rows = []
    for gain in study.gains:
        values = [v for name in names for v in (getattr(gain, name).value, getattr(gain, name).error)]
        words = (gain.seed, gain.signal, gain.kind, gain.how, gain.verdict)
        rows.append((*words, gain.effective, *values))
    return _csv(("seed", "signal", "kind", "cuts_retuned", "verdict", "effective_events", *columns), rows)


@naming_extras()
def correction_set(study: MenuEfficiencies) -> str:
    """The turn-on curves as correctionlib JSON (schema version 2).

    One correction for each seed and quantity, with inputs ``signal``, ``variation`` ("nominal", "low",
    "high": ends of the 68.3 % interval of a bin; "fit": the fitted curve, for curves that have one) and the
    quantity. Outside the bins: 0.

    Raises
    ------
    InputError
        If there is no turn-on curve.
    """
    from correctionlib import schemav2 as schema

    if not study.turn_ons:
        remedy = "ask for one with --turn-on SEED=QUANTITY"
        raise InputError("there are no turn-on curves to write", field="--correctionlib", remedy=remedy)
    corrections = []
    for (seed, quantity), curves in by_seed(study.turn_ons).items():
        data = {
            "nodetype": "category",
            "input": "signal",
            "content": [{"key": of.signal, "value": _variations(of)} for of in curves],
        }
        correction = schema.Correction.model_validate(
            {
                "name": f"{seed} {quantity}",
                "description": f"Efficiency of {seed} in {study.menu} against {quantity} (l1forge)",
                "version": 1,
                "inputs": [
                    {"name": "signal", "type": "string"},
                    {"name": "variation", "type": "string"},
                    {"name": quantity, "type": "real"},
                ],
                "output": {"name": "efficiency", "type": "real"},
                "data": data,
            }
        )
        corrections.append(correction)
    whole = schema.CorrectionSet(schema_version=2, corrections=corrections)
    return whole.model_dump_json(exclude_unset=True, indent=1) + "\n"


def _variations(of: SeedTurnOn) -> dict[str, Any]:
    content = []
    for key, end in (("nominal", "value"), ("low", "low"), ("high", "high")):
        binning = {
            "nodetype": "binning",
            "input": of.quantity,
            "edges": list(of.curve.edges),
            "content": [getattr(part, end) for part in of.curve.bins],
            "flow": 0.0,
        }
        content.append({"key": key, "value": binning})
    if of.curve.fit is not None:
        formula = {
            "nodetype": "formula",
            "expression": FORMULA,
            "parser": "TFormula",
            "variables": [of.quantity],
            "parameters": list(of.curve.fit.values),
        }
        content.append({"key": "fit", "value": formula})
    return {"nodetype": "category", "input": "variation", "content": content}


def write_corrections(study: MenuEfficiencies, path: Path) -> None:
    """Write ``correction_set`` to ``path``, atomically."""
    write_text(path, correction_set(study))
