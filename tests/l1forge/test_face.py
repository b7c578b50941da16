"""`import l1forge`: cheap, complete, and every public name with an example that runs."""

import doctest
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import l1forge
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import Events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node

NAMES = [name for name in l1forge.__all__ if name != "__version__"]
NETWORKS = ("import_model", "import_hls")
"""Their examples read a network that the test makes, and its project, in this order."""


def python(code):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_import_loads_nothing_but_the_package():
    code = """
import sys
before = set(sys.modules)
import l1forge
import json
print(json.dumps(sorted({m.partition('.')[0] for m in set(sys.modules) - before})))
"""
    found = set(python(code))
    assert "l1forge" in found
    assert not {name for name in found if name not in {"l1forge", "json", *sys.stdlib_module_names}}


def test_a_name_loads_only_what_it_needs():
    code = """
import json, sys, l1forge
l1forge.InputError, l1forge.FixedType
heavy = ("numba", "pyarrow", "uproot", "matplotlib", "tensorflow", "torch", "hls4ml", "rich", "typer")
print(json.dumps([m for m in heavy if m in sys.modules]))
"""
    assert python(code) == []


def test_studies_need_no_framework_and_no_pyplot():
    code = """
import json, sys, l1forge
for name in ("emulate", "rates", "run_path", "convert", "check_menu"):
    getattr(l1forge, name)
heavy = ("tensorflow", "torch", "hls4ml", "conifer", "matplotlib.pyplot", "cocotb", "pyosys", "typer")
print(json.dumps([m for m in heavy if m in sys.modules]))
"""
    assert python(code) == []


def test_public_names_are_those_that_are_listed():
    stub = Path(l1forge.__file__).with_suffix(".pyi").read_text()
    told = re.findall(r"^from l1forge\.(\S+) import (\w+) as \2$", stub, re.MULTILINE)
    assert {name: home for home, name in told} == l1forge._HOMES
    assert sorted(l1forge._HOMES) == sorted(NAMES)
    assert dir(l1forge) == sorted(l1forge.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'emulat'"):
        l1forge.emulat  # noqa: B018


@pytest.mark.parametrize("name", NAMES)
def test_public_name_resolves_and_has_a_docstring_with_an_example(name):
    value = getattr(l1forge, name)
    assert getattr(value, "__module__", "").startswith("l1forge.")
    assert f"l1forge.{name}" in (inspect.getdoc(value) or ""), "no example"
    assert ">>> " in inspect.getdoc(value)


def run_example(name):
    """Run the docstring's example in the current folder; True if it prints what it says."""
    text = inspect.getdoc(getattr(l1forge, name))
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    assert test.examples
    return doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test).failed == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NETWORKS])
def test_examples_of_docstrings_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_example(name)


@pytest.mark.filterwarnings("ignore")
def test_examples_of_the_network_imports(tmp_path, monkeypatch):
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval(), "net.pt")
    assert [run_example(name) for name in NETWORKS] == [True, True]


def test_an_example_that_is_wrong_is_noticed(monkeypatch, capsys):
    def wrong():
        """>>> 1 + 1
        3
        """

    monkeypatch.setattr(l1forge, "sample", wrong)
    assert not run_example("sample")


def small_graph():
    kind = FixedType.parse("uint<9>")
    x = Node("x", "input", (), (4,), kind)
    takes = [Node(y, "take", ("x",), (1,), kind, {"index": [i]}) for i, y in enumerate("ab")]
    return Graph("mine", [x, *takes], ["a", "b"])


def test_arrays_and_graphs_in_memory_are_scored():
    rows = np.arange(40).reshape(10, 4)
    result = l1forge.emulate(small_graph(), rows, outputs=["b"])
    assert result.scores["b"].tolist() == [1 + 4 * i for i in range(10)]
    assert result.to_dict()["scores"]["b"]["max"] == 37
    assert result.graph == "in memory"
    by_name = l1forge.emulate(small_graph(), {"x": rows.astype(float)}, outputs=["a"])
    assert by_name.scores["a"].tolist() == [4 * i for i in range(10)]
    assert by_name.casts["x"]["values"] == 40


def test_events_in_memory_are_scored_as_their_file():
    source = l1forge.open_events(l1forge.sample("ttbar"))
    events = next(iter(source.blocks(block_size=500)))
    assert isinstance(events, Events)
    from_file = l1forge.emulate("vae", source).scores["mu2_score"]
    from_memory = l1forge.emulate("vae", events, block=99).scores["mu2_score"]
    assert from_memory.tolist() == from_file[:500].tolist()


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="in memory: x: shape \\(n, 4\\) expected"):
        l1forge.emulate(small_graph(), np.zeros((3, 5), int))
    with pytest.raises(InputError, match="array is missing"):
        l1forge.emulate(small_graph(), {"y": np.zeros((3, 4), int)})
    with pytest.raises(InputError, match="is not in a file"):
        l1forge.emulate(small_graph(), np.zeros((3, 4), int), strict=True)


def test_rates_of_arrays_with_known_answer():
    scores = np.zeros((1000, 4), int)
    scores[:10, 0] = 100  # 1 % of 30.9 MHz pass
    signal = np.full((50, 4), 100)
    study = l1forge.rates(small_graph(), zero_bias=scores, signals={"s": signal}, targets_khz=[310.0])
    target = study.targets[0]
    assert (target.threshold, target.passed, study.left_out_crossings) == (1, 10, 0)
    assert target.rate_khz == pytest.approx(11245.5 * 2748 / 1e3 / 100)
    assert target.efficiency["s"].value == 1.0
    assert study.to_dict()["targets"][0]["efficiency"]["s"]["passed"] == 50


def test_the_path_in_six_lines():
    cell = """
import l1forge
run = l1forge.run_path(orbits=3, signal=l1forge.sample("ttbar"), cross_section=900)
run.accept_rate
rates = {row.name: row.before for row in run.report.algorithms()}
figure = run.plot()
"""
    assert len(cell.strip().splitlines()) <= 6
    space = {}
    exec(cell, space)  # noqa: S102 - the cell above
    assert space["run"].report.crossings == 3 * 3564
    assert space["rates"]["L1_SingleMu22"] >= 0
    assert len(space["figure"].axes) == 1


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    ttbar, own = folder / "ttbar.txt", folder / "own.txt"
    conversion = l1forge.convert(l1forge.sample("ttbar"), ttbar, limit=3564)
    run = l1forge.run_path(ttbar, orbits=1, output=own)
    return {
        "emulate": l1forge.emulate("vae", l1forge.sample("ttbar")),
        "rates": l1forge.rates("vae", signals=[l1forge.sample("ttbar")]),
        "run_path": run,
        "convert": conversion,
        "check_menu": l1forge.check_menu(l1forge.load_menu(), own),
    }


@pytest.mark.parametrize("name", ["emulate", "rates", "run_path", "convert", "check_menu"])
def test_results_show_themselves(results, name):
    result = results[name]
    assert json.loads(json.dumps(result.to_dict())) is not None
    html = result._repr_html_()
    assert html.startswith(("<table>", "<p>"))
    assert html.count("<table>") == html.count("</table>") > 0
    with pytest.raises(AttributeError):
        result.somewhere = 1  # frozen: no such field


@pytest.mark.parametrize("name", ["emulate", "rates", "run_path", "check_menu"])
def test_figures_are_drawn_without_global_state(results, name):
    before = dict(matplotlib.rcParams)
    figure = results[name].plot()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_an_endless_path_is_for_the_command_line():
    with pytest.raises(InputError, match="orbits: must be at least 1"):
        l1forge.run_path(orbits=0)


def test_a_menu_that_disagrees_fails(results, tmp_path):
    vectors = tmp_path / "wrong.txt"
    l1forge.convert(l1forge.sample("ttbar"), vectors, limit=3564)  # all algorithm bits 0
    check = l1forge.check_menu(l1forge.load_menu(), vectors)
    assert (check.verdict, check.passed) == ("FAIL", False)
    assert results["check_menu"].verdict == "INCOMPLETE"


def test_sample_names_are_listed_when_one_is_wrong():
    with pytest.raises(InputError, match=r"samples: A4l, .*zmumu"):
        l1forge.sample("top")
