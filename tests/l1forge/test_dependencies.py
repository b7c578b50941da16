"""pyproject.toml and the imports agree: what is declared is used, what is used stands in the right extra."""

from __future__ import annotations

import ast
import functools
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from l1forge.emulator import extras
from l1forge.emulator.errors import InputError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
ROOMS = {
    "emulator": set[str](),
    "simulation": {"simulation"},
    "firmware": {"firmware", "train", "cosim"},
    "models": {"firmware", "train", "simulation"},
    "testbench": {"firmware", "cosim", "train"},
    "l1forge": {"firmware", "cosim", "train", "simulation", "study", "cluster"},
}
"""Room -> the extras from which its functions may import; all may use the base."""

OURS = sys.stdlib_module_names | {"l1forge", "hgq"}
"""Not looked at: Python, ours, and what only a user's own file needs (HGQ2 layers in a Keras file)."""

HEAVY_MODULES = {
    "models/muon_pt/network.py": "torch brevitas",
    "models/muon_pt/export.py": "torch",
    "models/muon_pt/fine_tune.py": "torch",
    "models/muon_pt/lipschitz.py": "torch",
    "models/muon_pt/robust.py": "torch",
    "models/muon_pt/train.py": "torch",
    "models/vae/network.py": "torch",
    "testbench/drivers/cocotb_check.py": "cocotb",
    "testbench/path/cocotb_path.py": "cocotb cocotbext",
    "testbench/drivers/axi_check.py": "cocotb cocotbext",
}

INDIRECT = {
    "pandas": "conifer/converters/xgboost.py",
    "pyparsing": "qkeras/safe_eval.py",
    "tensorflow-model-optimization": "qkeras/qlayers.py",
    "onnxscript": "torch/onnx/_internal/exporter/_building.py",
    "onnxoptimizer": "brevitas/export/onnx/manager.py",
    "quantizers": "alkaid/trace/ops/quantization.py",
    "da4ml": "hls4ml/model/optimizer/passes/bit_exact.py",
    "pybind11": "",  # conifer's build calls it
    "aiohttp": "fsspec/implementations/http.py",
    "protobuf": "",  # pinned, as TensorFlow and onnx must agree
}
"""Declared for a library that imports it in this file."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    return normal(re.split(r"[<>=!~; ]", requirement)[0])


def sources(room: str) -> Iterator[Path]:
    files = sorted((ROOT / room).rglob("*.py"))
    return (f for f in files if room != "l1forge" or f.relative_to(ROOT / room).parts[0] not in ROOMS)


@functools.cache
def imports(file: Path) -> list[tuple[str, int, bool]]:
    """(top module, line, whether at the top of the file) of every import of a third party."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for block in tree.body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for inner in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "find_spec")):
            names = [word.value for word in node.args[:1] if isinstance(word, ast.Constant)]
        else:
            continue
        tops = {name.partition(".")[0] for name in names} - OURS
        top_level = node in tree.body and id(node) not in typing_only
        found += [(top, node.lineno, top_level) for top in sorted(tops)]
    return found


@functools.cache
def distributions() -> dict[str, set[str]]:
    return {module: {normal(name) for name in names} for module, names in packages_distributions().items()}


def declared(extra: str | None) -> set[str]:
    return {name_of(line) for line in (EXTRAS[extra] if extra else PROJECT["dependencies"])}


BASE = declared(None)
BY_NUMBA = {"llvmlite": "numba", "markupsafe": "jinja2"}
"""Modules that a package brings whose interface they are part of."""


@pytest.mark.parametrize("room", ROOMS)
def test_imports_are_declared(room: str) -> None:
    allowed = BASE.union(*(declared(extra) for extra in ROOMS[room]))
    faults = []
    for file in sources(room):
        where = file.relative_to(ROOT).as_posix()
        for module, line, at_top in imports(file):
            names = {normal(BY_NUMBA.get(module, module))} | distributions().get(module, set())
            if not names & (
                BASE if at_top and module not in HEAVY_MODULES.get(where, "").split() else allowed
            ):
                faults.append(f"{where}:{line}: {module} ({'top of the file' if at_top else 'function'})")
    assert faults == []


def test_what_is_declared_is_used() -> None:
    used = defaultdict[str, set[str]](set)
    for room in ROOMS:
        for file in sources(room):
            for module, _, _ in imports(file):
                for name in {normal(module)} | distributions().get(module, set()):
                    used[name].add(room)
    text = "".join(file.read_text(encoding="utf-8") for room in ROOMS for file in sources(room))
    for extra in (None, "simulation", "train", "firmware", "cosim", "cluster"):
        for name in sorted(declared(extra) - {"pytest"}):
            if name in INDIRECT:
                place = INDIRECT[name]
                modules = [key for key, names in distributions().items() if name in names]
                if place:
                    library = (Path(pytest.__file__).parents[1] / place).read_text(encoding="utf-8")
                    assert any(re.search(rf"import {module}|from {module}", library) for module in modules), (
                        name
                    )
            elif name not in used:
                assert f'"{name.replace("-", "_")}"' in text, (
                    f"{name} of {extra or 'the base'} is used nowhere"
                )


def test_every_dependency_has_its_line_in_the_docs() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| ")][1:]
    listed = {normal(word.strip()) for row in rows for word in row.split(",")}
    everything = BASE.union({"setuptools-scm"}, *(declared(extra) for extra in EXTRAS))
    assert (everything - listed, listed - everything) == (set(), set())


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("hls4ml.converters", "firmware"),
        ("sklearn", "train"),
        ("xgboost", "train"),
        ("pythia8mc", "simulation"),
        ("cocotb_tools.runner", "cosim"),
        ("numpy", None),
        ("no_such_module", None),
    ],
)
def test_extra_of_a_module(module: str, extra: str | None) -> None:
    assert extras.extra_of(module) == extra


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(InputError) as caught, extras.naming_extras():
        raise ModuleNotFoundError("No module named 'hls4ml'", name="hls4ml.backends")
    assert str(caught.value) == "hls4ml: Python package is not installed; pip install 'l1forge[firmware]'"


def test_other_missing_modules_stay_errors() -> None:
    with pytest.raises(ModuleNotFoundError), extras.naming_extras():
        raise ModuleNotFoundError("No module named 'nonsense'", name="nonsense")


def test_a_command_without_its_extra_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from l1forge.cli import main

    monkeypatch.setitem(sys.modules, "pythia8mc", None)  # importing it raises ModuleNotFoundError
    monkeypatch.setenv("L1FORGE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as end:
        main(["simulate", "-n", "10", "--jobs", "1", "-o", str(tmp_path / "x.parquet")])
    assert end.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "error: pythia8mc: Python package is not installed; pip install 'l1forge[simulation]'"
