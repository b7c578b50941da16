"""Model files in a form that only their library reads: XGBoost's binary JSON, LightGBM's text.

The library reads them in a process of its own and writes JSON: LightGBM ends the process, or crashes it,
over a damaged file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from l1forge.emulator.errors import InputError
from l1forge.firmware.bdt.converters.document import read_json

DUMPS = {
    ".ubj": """
import sys, xgboost
with open(sys.argv[2], "wb") as output:
    output.write(xgboost.Booster(model_file=sys.argv[1]).save_raw("json"))
""",
    ".txt": """
import json, sys, lightgbm
with open(sys.argv[2], "w") as output:
    json.dump(lightgbm.Booster(model_file=sys.argv[1]).dump_model(), output)
""",
}
"""Ending -> program that writes the model argv[1] as JSON to argv[2]."""


def dumped(path: Path) -> dict[str, Any]:
    """The model as the library's own JSON.

    Raises
    ------
    InputError
        If there is no such file, the library is not installed, or it cannot read the file.
    """
    if not path.is_file():
        raise InputError("cannot read model: no such file", file=path)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "model.json"
        command = [sys.executable, "-c", DUMPS[path.suffix], str(path), str(output)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode == 0:
            return read_json(output)
    if "ModuleNotFoundError" in done.stderr:
        raise InputError("needs the library that wrote it", file=path, remedy="pip install 'l1forge[train]'")
    raise InputError(f"library cannot read it: {_reason(done.stderr, done.returncode)}", file=path)


def _reason(text: str, code: int) -> str:
    """The last line that names an error; crashes say nothing."""
    lines = [line.partition("Error: ")[2] for line in text.splitlines() if "Error: " in line]
    return lines[-1][:120] if lines else f"it ended with code {code}"
