"""The trigger path: models, menu, prescales, trigger rules, accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.lazy import lazily

if TYPE_CHECKING:
    from l1forge.emulator.path.counters import AlgorithmRate, PathReport
    from l1forge.emulator.path.decision import Decision
    from l1forge.emulator.path.experiment_columns import write_experiment_csv
    from l1forge.emulator.path.external_signals import OrbitSignals, orbit_signals
    from l1forge.emulator.path.path import ScoreStage, TriggerPath
    from l1forge.emulator.path.prescale import Prescaler, PrescaleSettings
    from l1forge.emulator.path.prescale_columns import load_settings
    from l1forge.emulator.path.profile import seed_costs
    from l1forge.emulator.path.run_settings import load_run_settings, write_tables
    from l1forge.emulator.path.scorers import Scorer, load_scorers
    from l1forge.emulator.path.trigger_control import Accounts, TriggerControl

__all__ = [
    "Accounts",
    "AlgorithmRate",
    "Decision",
    "OrbitSignals",
    "PathReport",
    "PrescaleSettings",
    "Prescaler",
    "ScoreStage",
    "Scorer",
    "TriggerControl",
    "TriggerPath",
    "load_run_settings",
    "load_scorers",
    "load_settings",
    "orbit_signals",
    "seed_costs",
    "write_experiment_csv",
    "write_tables",
]

__getattr__ = lazily(
    __name__,
    {
        "Accounts": "trigger_control",
        "AlgorithmRate": "counters",
        "Decision": "decision",
        "OrbitSignals": "external_signals",
        "PathReport": "counters",
        "PrescaleSettings": "prescale",
        "Prescaler": "prescale",
        "ScoreStage": "path",
        "Scorer": "scorers",
        "TriggerControl": "trigger_control",
        "TriggerPath": "path",
        "load_run_settings": "run_settings",
        "load_scorers": "scorers",
        "load_settings": "prescale_columns",
        "orbit_signals": "external_signals",
        "seed_costs": "profile",
        "write_experiment_csv": "experiment_columns",
        "write_tables": "run_settings",
    },
)
