"""Reading events must not import what it does not use: each start would pay seconds for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events

PROGRAM = """\
import sys
from l1forge.emulator.events.source import open_events
for events in open_events(sys.argv[1]).blocks():
    print(events.n, *sorted({"pandas", "sympy", "vector", "uproot", "tensorflow"} & set(sys.modules)))
"""


def test_reading_parquet_imports_little(tmp_path):
    file = tmp_path / "events.parquet"
    write_events(file, [Events({"mu.pt": np.ones((8, 7), np.int16), "etm.et": np.ones((1, 7), np.int16)}, 7)])
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["7"]
