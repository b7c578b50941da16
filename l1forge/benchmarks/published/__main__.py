"""`make synth-published`: designs of published sizes through our flow, beside the published numbers.

Writes three tables of docs/synthesis.md. Syntheses are found again: an interrupted run goes on where it
stopped. Rows of others are copied from where they were published; their tasks and tools differ: the page says
how.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from l1forge.benchmarks.published import networks, shared_trees, trees
from l1forge.benchmarks.published.rows import Comparison
from l1forge.firmware.synth.table import refresh

PAGE = Path("docs/synthesis.md")
TABLES: dict[str, Callable[[], Comparison]] = {
    "trees": trees.comparison,
    "shared": shared_trees.comparison,
    "networks": networks.comparison,
}


def markers(name: str) -> tuple[str, str]:
    """The comments around a table of the page."""
    what = f"made by make synth-published, {name}"
    return f"<!-- {what}: begin -->", f"<!-- {what}: end -->"


def main() -> None:
    """Make the tables that are asked for, each written as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="default: all")
    arguments = parser.parse_args()
    for name in arguments.tables or TABLES:
        refresh(PAGE, markers(name), str(TABLES[name]()))


if __name__ == "__main__":
    main()
