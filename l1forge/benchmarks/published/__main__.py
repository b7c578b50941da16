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
from l1forge.benchmarks.published.rows import PublishedTable
from l1forge.firmware.synth.table import refresh

PAGE = Path("docs/synthesis.md")
TABLES: dict[str, Callable[[], PublishedTable]] = {
    "trees": trees.comparison,
    "shared": shared_trees.comparison,
    "networks": networks.comparison,
}
ALL = "all"


def markers(name: str) -> tuple[str, str]:
    """The comments around a table of the page."""
    what = f"made by make synth-published, {name}"
    return f"<!-- {what}: begin -->", f"<!-- {what}: end -->"


def main() -> None:
    """Make the tables that are asked for, each written as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, ALL], default=ALL, help="default: all")
    asked = parser.parse_args().tables
    for name in TABLES if ALL in asked else asked:
        refresh(PAGE, markers(name), str(TABLES[name]()))


if __name__ == "__main__":
    main()
