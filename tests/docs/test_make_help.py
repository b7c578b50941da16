"""`make help` lists every target once, in groups by what people want to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
TITLES = [
    "Start",
    "Study a trigger",
    "Train and evaluate models",
    "Write and synthesise firmware",
    "Check that it is exact, and how fast",
    "Work on l1forge",
]


def printed() -> list[str]:
    make = shutil.which("make")
    assert make is not None
    done = subprocess.run([make, "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_groups_in_order() -> None:
    assert [line for line in printed() if line in TITLES] == TITLES


def test_every_target_with_a_text_is_listed_once() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):.*## ", text, re.MULTILINE)
    listed = [line.split()[0] for line in printed() if line.startswith("  ")]
    assert sorted(listed) == sorted(targets)


def test_the_name_of_the_group_is_not_part_of_the_text() -> None:
    assert not [
        line for line in printed() if re.match(r"  \S+ +(start|study|models|firmware|checks|project): ", line)
    ]
