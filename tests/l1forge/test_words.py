"""Every --help text is plain English, which a second-language reader understands at once.

The habits below are those of sentences that stopped readers (a fragment that begins with "of", "a row a
crossing", "without a word", "is no type"). A text with one of them fails, whichever command it belongs to.
"""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from l1forge.cli import COMPLETION, GROUPS, SUBCOMMANDS
from l1forge.screen.environment import VARIABLES

ROOT = Path(__file__).resolve().parents[2]

HABITS = {
    "begins with a fragment": r"^(Of|Without|With|As|To)\b(?! --)",
    "a X a Y instead of one X per Y": r"\b(one|a|an|\d+) (row|line|value|event|column|type|word)s? an? "
    r"(row|line|event|crossing|clock|layer|channel|feature|tensor|column)\b",
    "riddle for silently": r"without a word|without saying",
    "is no X instead of is not an X": r"\b(is|are) no [a-z]",
    "riddle": r"nothing else|what is said|is said so|rather (are|is)|are so many|to be one\b|pays?\b|chatter",
    "own term": r"\b(places|sheets|places,service)\b",
    "fragment without a noun": r"\b(unlike those|so many|such a one|as is best|go(es)? on where)\b",
    "only a unit": r"^[A-Za-z/²]{1,8}\.$",
}
"""Habit -> what betrays it."""


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The command and all below it, by what a user types."""
    yield name, command
    for below, found in getattr(command, "commands", {}).items():
        yield from commands(found, f"{name} {below}")


def every_command() -> Iterator[tuple[str, Any]]:
    for name in SUBCOMMANDS:
        module = importlib.import_module(f"l1forge.commands.{name.replace('-', '_')}")
        yield from commands(typer.main.get_command(module.app), name)


def texts() -> list[tuple[str, str]]:
    """(where, text) of every help text that a user can see."""
    found = [(f"l1forge {name}", text) for name, text in SUBCOMMANDS.items()]
    found += [("groups of l1forge", name) for name in GROUPS]
    found += [(f"variable {name}", text) for name, text in VARIABLES.items()]
    for name, command in every_command():
        found.append((name, " ".join((command.help or "").split())))
        found += [
            (f"{name} {option.name}", " ".join((option.help or "").split()))
            for option in command.params
            if option.name not in (*COMPLETION, "help")
        ]
    return found


def habits(text: str) -> list[str]:
    return [habit for habit, pattern in HABITS.items() if re.search(pattern, text)]


def test_no_help_text_has_the_habits() -> None:
    shown = texts()
    assert len(shown) > 200
    assert [(where, text, found) for where, text in shown if (found := habits(text))] == []


def test_every_command_and_option_has_a_help_text() -> None:
    assert [where for where, text in texts() if not text] == []


def test_a_command_begins_with_a_verb() -> None:
    verbs = (
        "Check Collect Compare Compile Compute Convert Estimate Evaluate Fill List Measure Record Run Score "
    )
    verbs += "Count Propose Prove Search Simulate Stream Synthesise Train Verify Work Write"
    first = {text.split()[0] for _, text in SUBCOMMANDS.items()}
    first |= {(command.help or "-").split()[0] for _, command in every_command()}
    assert first - set(verbs.split()) == set()


@pytest.mark.parametrize(
    "text",
    [
        "Of random bits, corners and gaps.",
        "Arrays have one event a row.",
        "Model scores, one value a crossing.",
        "Options that are dropped without a word.",
        "Refused if the file is no graph.",
        "Type of weights and results that nothing else tells.",
        "Collect the results; what has not been run is said so.",
        "De-randomiser as places,service: 128,364 reads 110 kHz.",
        "Crossings at a time; default: as is best for the file.",
        "Refuse events unlike those that the models were trained on.",
        "Without the ten-layer network.",
        "GeV.",
    ],
)
def test_the_check_finds_sentences_that_stopped_readers(text: str) -> None:
    assert habits(text)


@pytest.mark.parametrize(
    "text",
    [
        "Seed of random bits, corner values and gaps.",
        "Raw model scores, one row per crossing.",
        "With --choose: correct the biases for the mean rounding error.",
        "Largest pT in GeV.",
    ],
)
def test_the_check_lets_plain_sentences_pass(text: str) -> None:
    assert not habits(text)


WORDS = [
    "not narrower than their longest word: rather are its lines",
    "The last line but three is measured",
    "what has not been run is said so",
    "Types and tables that a softmax needs to be one",
    "one score has no largest: cut on it",
    "trees without comparisons are no circuit",
    "and its thresholds count in that",
    "is written from a trained model of this repository, and this is none",
    "types do not tell their inputs",
    "that nothing else tells",
    "with --source also what a count is",
    "places,service",
    "Crossings with our bits",
    "Of random bits, corners and gaps",
    "default: as is best for the file",
    "limit that zeros may reach though the values do not",
    "are so many at one place of their pages",
    "without a word",
]


def test_the_sentences_that_stopped_readers_are_gone() -> None:
    rooms = ("l1forge", "emulator", "firmware", "models", "simulation", "testbench", "docs")
    files = [file for room in rooms for end in ("py", "md") for file in (ROOT / room).glob(f"**/*.{end}")]
    assert len(files) > 300
    for file in files:
        text = " ".join(file.read_text(encoding="utf-8").split())
        assert not [sentence for sentence in WORDS if sentence in text], file


def test_units_in_headings_are_printed() -> None:
    """rich takes a bare [kHz] in a heading for markup and drops it."""
    from rich.table import Table

    from l1forge.screen.console import Console

    for heading, shown in ((r"before \[kHz]", "before [kHz]"), ("before [kHz]", "before")):
        out = io.StringIO()
        Console(file=out).print(Table(heading))
        assert out.getvalue().splitlines()[1].strip("┃│ ") == shown


@pytest.mark.parametrize("room", ["l1forge/screen", "l1forge/commands", "models/muon_pt"])
def test_headings_escape_their_units(room: str) -> None:
    for file in (ROOT / room).glob("*.py"):
        for line in file.read_text(encoding="utf-8").splitlines():
            if "heading" in line or "Table(" in line or "add_column" in line:
                assert not re.search(r"[^\\]\[(kHz|ns|clocks|cm|pb|s|ms)\]", line), f"{file}: {line}"
