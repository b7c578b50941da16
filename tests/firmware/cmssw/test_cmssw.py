"""Emulator packages: the compiled package is the emulator, models do not meet, faults are noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.cmssw import CmsswProject
from l1forge.studies.export_cmssw import check_cmssw, export_cmssw
from l1forge.testbench.cmssw import run
from l1forge.testbench.cosim import emulator_of
from l1forge.testbench.stimuli import random_bits

SOURCES = ["jet.et[0]", "jet.eta[0]", "mu.pt[1]", "etm.phi[0]", "tau.iso[11]", "0"]


def scored(
    name: str = "small", factor: int = 1, results: int = 1, outputs: tuple[str, ...] = ("y",)
) -> Graph:
    """A weighted sum of six fields of objects, saturated to 12 bits."""
    x = Node("x", "input", (), (6,), FixedType.parse("fixed<13,13>"), {"source": SOURCES})
    weight = np.array([[1], [3], [2], [5], [-7], [11]]) * factor + np.arange(results)
    constants = {
        "weight": Constant(FixedType.parse("fixed<8,8>"), weight),
        "bias": Constant(FixedType.parse("fixed<9,9>"), np.full(results, 200)),
    }
    kind = FixedType.parse("fixed<13,10,TRN,SAT>")
    y = Node("y", "dense", ("x",), (results,), kind, {"accum": "fixed<26,26>"}, constants)
    return Graph(name, [x, y], list(outputs))


def exported(graph: Graph, folder: Path, **options: object) -> CmsswProject:
    folder.mkdir(exist_ok=True)
    graph.save(folder / "graph.json")
    return export_cmssw(folder / "graph.json", folder / "out", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Graph, CmsswProject]]:
    """A model, its second version with other weights, and another model with three results."""
    place = tmp_path_factory.mktemp("cmssw")
    graphs = [scored(), scored(factor=-2), scored("other", 3, 3)]
    return [
        (graph, exported(graph, place / str(i), version=version))
        for i, (graph, version) in enumerate(zip(graphs, ("v1", "v2", "v1"), strict=True))
    ]


def rows_of(graph: Graph, n: int) -> np.ndarray:
    return random_bits(graph, n, np.random.default_rng(5))


@pytest.mark.parametrize("number", [0, 2])
def test_the_package_is_the_emulator(number: int, packages: list[tuple[Graph, CmsswProject]]) -> None:
    _, project = packages[number]
    found = check_cmssw(project, project.folder.parent / "graph.json", 2_000)
    assert (found.passed, found.crossings, found.vectors.events) == (True, 2_000, 200)
    assert found.verdict == "0 mismatches in 2,000 crossings, 0 in 200 test vectors"


def test_results_by_hand(packages: list[tuple[Graph, CmsswProject]]) -> None:
    rows = np.array([[100, -10, 20, 0, 0, 0], [4095, 100, 511, 0, 0, 0], [0, 0, 0, 1, 1, 0]])
    (found,) = run([(packages[0][1], rows)])
    assert found.tolist() == [[(100 - 30 + 40 + 200) * 8], [4095], [(5 - 7 + 200) * 8]]


def test_a_shipped_bdt(tmp_path: Path) -> None:
    project = export_cmssw("event_bdt", tmp_path / "out")
    assert check_cmssw(project, "event_bdt", 2_000).passed
    scales = (project.folder / "scales.h").read_text()
    assert "namespace l1forge_event_bdt_v1 {" in scales
    assert re.search(
        r'\{"jet\.et\[0\]", "fixed<13,13>", INT64_C\(-4096\), INT64_C\(4095\), 0\.5, "GeV"\}', scales
    )


@pytest.mark.parametrize("flags", [(), ("-fsanitize=thread",), ("-fsanitize=address,undefined",)])
def test_models_and_versions_in_one_process(
    flags: tuple[str, ...], packages: list[tuple[Graph, CmsswProject]]
) -> None:
    """Eight threads, each with an instance of every model; a sanitizer's finding ends the program."""
    jobs = [(project, rows_of(graph, 400)) for graph, project in packages]
    found = run(jobs, threads=8, flags=flags)
    for (graph, _), (_, rows), results in zip(packages, jobs, found, strict=True):
        np.testing.assert_array_equal(results, emulator_of(graph)(rows))
    assert (found[0] != found[1]).any()


def test_a_race_is_noticed(packages: list[tuple[Graph, CmsswProject]], tmp_path: Path) -> None:
    """The check with ThreadSanitizer sees state that instances share."""
    bad = copied(packages[0][1], tmp_path)
    replaced(bad.source, "> result_{};", "> result_{}; static inline int calls_ = 0;")
    replaced(bad.source, "state_ = prepared;", "state_ = prepared; ++calls_;")
    with pytest.raises(InputError, match="ThreadSanitizer: data race"):
        run([(bad, rows_of(packages[0][0], 400))], threads=8, flags=("-fsanitize=thread",))


def test_only_two_functions_are_visible(packages: list[tuple[Graph, CmsswProject]]) -> None:
    project = packages[0][1]
    subprocess.run(["make", "-s", "-C", project.folder, "test"], check=True)
    symbols = subprocess.check_output(
        ["nm", "-DC", "--defined-only", project.folder / "small_v1.so"], text=True
    )
    assert {line.split()[2] for line in symbols.splitlines() if " T " in line} == {
        "create_model",
        "destroy_model",
    }
    assert "l1forge" not in symbols
    vectors = project.folder / "test/vectors.txt"
    lines = vectors.read_text().splitlines()
    for text, code in ((lines[:-1], 2), ([*lines[:-1], lines[-1] + "1"], 1), ([*lines, "1"], 2), ([], 2)):
        changed = project.folder / "changed.txt"
        changed.write_text("\n".join(text) + "\n")
        done = subprocess.run(
            ["test/test_small_v1", "./small_v1.so", changed], cwd=project.folder, check=False
        )
        assert done.returncode == code
        changed.unlink()


def test_calls_out_of_order_and_wrong_types(
    packages: list[tuple[Graph, CmsswProject]], tmp_path: Path
) -> None:
    (tmp_path / "calls.cpp").write_text(
        f'#include "{packages[0][1].source}"\n#include <cstdio>\n'
        "template <class E, class F> void demand(F f, const char* name) {\n"
        "  try { f(); } catch (const E&) { return; }\n  std::puts(name);\n}\n"
        "int main() {\n  auto* m = create_model();\n  std::int32_t x[6] = {0, 0, 0, 0, 0, 0};\n"
        "  std::int64_t y = 0;\n"
        '  demand<std::logic_error>([&] { m->predict(); }, "predict");\n'
        '  demand<std::bad_any_cast>([&] { m->prepare_input(1); }, "cast");\n'
        "  m->prepare_input(static_cast<std::int32_t*>(x));\n"
        '  demand<std::logic_error>([&] { m->read_result(&y); }, "read");\n'
        "  m->predict();\n"
        '  demand<std::bad_any_cast>([&] { m->read_result(&x[0]); }, "result");\n'
        "  x[2] = 4096;\n"
        '  demand<std::out_of_range>([&] { m->prepare_input(static_cast<std::int32_t*>(x)); }, "range");\n'
        '  m->read_result(&y);\n  if (y != 1600) std::puts("value");\n  destroy_model(m);\n}\n'
    )
    program, folder = tmp_path / "calls", packages[0][1].folder
    subprocess.run(["g++", "-std=c++17", f"-I{folder}", tmp_path / "calls.cpp", "-o", program], check=True)
    assert subprocess.check_output([program], text=True) == ""


def copied(project: CmsswProject, place: Path) -> CmsswProject:
    shutil.copytree(project.folder, place / "bad")
    return CmsswProject.load(place / "bad")


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("NN/small_v1.h", "-7", "-6", "mismatches in 1,000 crossings, 0 in 200 test vectors; event"),
        (
            "test/vectors.txt",
            "1600\n",
            "1601\n",
            "0 mismatches in 1,000 crossings, 1 in 200 test vectors; event",
        ),
        ("cmssw.json", '"digest": "', '"digest": "0', "exported from another graph: export again"),
    ],
)
def test_faults_are_noticed(
    file: str, old: str, new: str, said: str, packages: list[tuple[Graph, CmsswProject]], tmp_path: Path
) -> None:
    project = packages[0][1]
    bad = copied(project, tmp_path)
    replaced(bad.folder / file, old, new)
    found = check_cmssw(CmsswProject.load(bad.folder), project.folder.parent / "graph.json", 1_000)
    assert not found.passed
    assert said in found.verdict


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("NN/small_v1.h", "int x = ;", "g.. failed: .*error"),
        ("small_v1_emulator.cpp", "int x;", "create_model or destroy_model is missing"),
        ("test/vectors.txt", "# a\n1 2\n", "not 200 lines of 7 integers"),
        ("test/vectors.txt", "# a\n" + "9" * 30 + "\n", "test vectors cannot be used"),
        ("cmssw.json", "{}", "is not an export for the offline software"),
        ("cmssw.json", "[1]", "is not an export for the offline software"),
    ],
)
def test_broken_folders(
    file: str, text: str, said: str, packages: list[tuple[Graph, CmsswProject]], tmp_path: Path
) -> None:
    bad = copied(packages[0][1], tmp_path)
    (bad.folder / file).write_text(text)
    with pytest.raises(InputError, match=said):
        check_cmssw(CmsswProject.load(bad.folder), packages[0][1].folder.parent / "graph.json", 100)


def test_another_model_is_refused(packages: list[tuple[Graph, CmsswProject]]) -> None:
    with pytest.raises(InputError, match="has 6 inputs and 1 results, the model has 6 and 3; export again"):
        check_cmssw(packages[0][1], packages[2][1].folder.parent / "graph.json", 100)


@pytest.mark.parametrize(
    ("graph", "options", "said"),
    [
        (scored("2small"), {}, "--name: is no identifier for C.*got '2small'"),
        (scored("my-axo"), {}, "--name: is no identifier"),
        (scored(), {"name": "a__b"}, "--name: is no identifier"),
        (scored(), {"version": "2.0"}, "--version: is no identifier"),
        (scored(), {"version": "v_1"}, "--version: is no identifier"),
        (scored(outputs=("y", "x")), {}, "has several outputs.*--score y"),
        (scored(), {"score": "z"}, "is not an output of this graph"),
        (scored(), {"vectors": 0}, "nothing to compare"),
    ],
)
def test_what_is_refused(graph: Graph, options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        exported(graph, tmp_path, **options)
    assert not (tmp_path / "out").exists()


def test_one_of_several_outputs(tmp_path: Path) -> None:
    project = exported(scored("my-axo", outputs=("y", "x")), tmp_path, score="y", name="my_axo")
    assert (project.base, project.model, project.outputs) == ("my_axo_v1", "my-axo", ("y",))
    assert check_cmssw(project, tmp_path / "graph.json", 500).passed


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored().save(tmp_path / "small.json")
    arguments = ["export-cmssw", str(tmp_path / "small.json"), "-n", "500"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "-o", str(tmp_path / "out"), "--json", str(tmp_path / "found.json")])
    assert end.value.code == 0
    assert '"passed": true' in (tmp_path / "found.json").read_text()
    replaced(tmp_path / "out/NN/small_v1.h", "-7", "-5")
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--check", str(tmp_path / "out"), "--junit", str(tmp_path / "j.xml"), "--github"])
    assert end.value.code == 1
    assert 'failures="1"' in (tmp_path / "j.xml").read_text()
    said = capsys.readouterr().out
    assert "mismatches in 500 crossings" in said
    assert "::error" in said
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--check", str(tmp_path)])
    assert end.value.code == 2
    assert "is not an export for the offline software" in capsys.readouterr().err


def test_verify_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "models/small"
    home.mkdir(parents=True)
    scored().save(home / "graph.json")
    export_cmssw(home / "graph.json", tmp_path / "pack")
    (tmp_path / "l1forge.toml").write_text(
        '[project]\nname = "p"\n[verify]\nmodels = []\ncrossings = 500\nexports = ["pack"]\n'
    )
    monkeypatch.chdir(tmp_path)
    for code in (0, 1):
        with pytest.raises(SystemExit) as end:
            main(["verify"])
        assert end.value.code == code
        replaced(tmp_path / "pack/NN/small_v1.h", "-7", "-5") if code == 0 else None
    assert "mismatches" in capsys.readouterr().out
