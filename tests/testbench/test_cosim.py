"""Co-verification of a small design by all three drivers, and that each kind of fault is found."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import cosimulate, emulator_of
from l1forge.testbench.drivers.build import Simulation, is_linked, verilate
from l1forge.testbench.drivers.cocotb_driver import CocotbDriver
from l1forge.testbench.drivers.pyverilator_driver import PyVerilatorDriver

pytestmark = pytest.mark.xdist_group("rtl")


@pytest.fixture(scope="module")
def project(design: Graph, tmp_path_factory: pytest.TempPathFactory) -> RtlProject:
    return generate(design, tmp_path_factory.mktemp("rtl") / "trigger")


@pytest.fixture(scope="module")
def simulation(project: RtlProject) -> Simulation:
    return verilate(project)


@pytest.fixture(scope="module")
def block(design: Graph) -> np.ndarray:
    generator = np.random.default_rng(2)
    return np.concatenate(
        [stimuli.corners(design, 2000, generator), stimuli.random_bits(design, 3000, generator)]
    )


def test_a_changed_simulation_is_built_again(
    project: RtlProject, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    monkeypatch.setattr(
        "l1forge.testbench.drivers.build._build", lambda project, target, waves: built.append(target)
    )
    assert verilate(project).folder == simulation.folder
    assert not built
    folder = simulation.folder.with_name("kept-aside")
    shutil.copytree(simulation.folder, folder)
    try:
        with open(simulation.folder / "harness.so", "ab") as library:
            library.write(b"another")
        verilate(project)
        assert built == [simulation.folder]
    finally:
        shutil.rmtree(simulation.folder)
        folder.rename(simulation.folder)


def test_a_library_of_another_simulation_is_linked_again(simulation: Simulation, tmp_path: Path) -> None:
    assert is_linked(simulation, "harness.so")
    other = Simulation(simulation.project, tmp_path / "other", False)
    shutil.copytree(simulation.folder, other.folder)
    assert not is_linked(other, "harness.so")
    assert not is_linked(simulation, "missing.so")


@pytest.mark.parametrize("driver", [None, CocotbDriver, PyVerilatorDriver])
def test_all_drivers_are_exact(design, project, simulation, block, driver) -> None:
    emulate = emulator_of(design)
    report = cosimulate(
        project, design, {"all": [block]}, extra={"again": emulate}, driver=driver and driver(simulation)
    )
    assert report.passed
    assert report.verdict == "0 mismatches in 5,000 crossings × 3 implementations"
    assert report.clocks > len(block) + project.latency  # there were gaps
    assert report.compared == 2 * 3 * len(block)


def test_toggle_coverage(design, project, simulation, block) -> None:
    report = cosimulate(project, design, {"all": [block]})
    names = [toggle.name for toggle in report.toggles]
    assert names == ["in_word", "out_word", *(register.name for register in project.registers)]
    assert report.toggles[0].both == report.toggles[0].width == 48
    assert report.coverage > 0.8
    still = cosimulate(project, design, {"all": [np.zeros((50, 6), np.int64)]})
    assert still.coverage < report.coverage


def test_waveform_on_request(design, project, tmp_path: Path, block) -> None:
    waves = tmp_path / "waves.vcd"
    driver = CocotbDriver(verilate(project, waves=True), waves=waves)
    assert cosimulate(project, design, {"few": [block[:50]]}, driver=driver).passed
    assert "$var wire" in waves.read_text()


def test_wrong_rounding_in_the_emulator_is_found(design, project, simulation, changed, block) -> None:
    wrong = changed(design, "e", type=FixedType.parse("fixed<8,4,RND,SAT>"))
    report = cosimulate(project, wrong, {"all": [block]})
    assert not report.passed
    assert report.mismatches > 0
    assert {example.implementation for example in report.examples} == {"rtl"}


def test_wrong_weight_in_the_emulator_is_found(design, project, simulation, changed, block) -> None:
    weight = design["d"].constants["weight"]
    data = weight.data.copy()
    data[2, 1] ^= 1
    constants = {**design["d"].constants, "weight": Constant(weight.type, data)}
    assert cosimulate(project, changed(design, "d", constants=constants), {"all": [block]}).mismatches > 0


def test_wrong_other_implementation_is_found(design, project, simulation, block) -> None:
    emulate = emulator_of(design)

    def off_by_one(rows: np.ndarray) -> np.ndarray:
        results = emulate(rows)
        results[7, 2] += 1
        return results

    report = cosimulate(project, design, {"all": [block]}, extra={"hls": off_by_one})
    assert report.mismatches == 1
    assert (report.examples[0].implementation, report.examples[0].crossing) == ("hls", 7)
    assert report.examples[0].port == "m_1"


def test_an_implementation_that_gives_too_little_is_found(design, project, simulation, block) -> None:
    emulate = emulator_of(design)
    report = cosimulate(project, design, {"all": [block]}, extra={"hls": lambda rows: emulate(rows)[:-1]})
    assert report.missing == 1
    assert not report.passed


def test_interrupt_reports_what_was_compared(design, project, simulation, block) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    report = cosimulate(project, design, {"all": [block[:700], block]}, progress=stop)
    assert (report.crossings, report.interrupted, report.passed) == (700, True, True)
    assert report.verdict.endswith("; interrupted")


def faulty(project: RtlProject, folder: Path, edit: Callable[[str, str], str]) -> RtlProject:
    """A copy of the project whose Verilog files went through ``edit(name, text)``."""
    shutil.copytree(project.folder, folder)
    for name in project.files:
        text = (folder / name).read_text()
        (folder / name).write_text(edit(name, text))
    changed = [n for n in project.files if (folder / n).read_text() != (project.folder / n).read_text()]
    assert len(changed) == 1, "the fault was not put in"
    return replace(project, folder=folder)


def flip_a_constant_bit(name: str, text: str) -> str:
    """The last bit of the first bias in the last stage: one weight bit flipped."""
    if not name.endswith("_stage1.v"):
        return text
    return re.sub(r"('b[01]*)([01])(?=\D)", lambda m: m[1] + str(1 - int(m[2])), text, count=1)


def one_clock_late(name: str, text: str) -> str:
    """Valid and data both a clock late: every value is right, the latency is not."""
    if name != "trigger.v":
        return text
    text = re.sub(r"\n    assign (\w+) = (.*packed_out.*);", r"\n    always @(posedge clk) \1 <= \2;", text)
    text = re.sub(r"output wire", "output reg", text)
    return re.sub(r"assign out_valid = (.*);", r"always @(posedge clk) out_valid <= \1;", text)


def test_flipped_weight_bit_in_the_verilog_is_found(design, project, tmp_path, block) -> None:
    report = cosimulate(faulty(project, tmp_path / "p", flip_a_constant_bit), design, {"all": [block]})
    assert not report.passed
    assert report.mismatches > 0
    assert report.misplaced == 0


def test_one_late_clock_is_found(design, project, tmp_path, block) -> None:
    late = faulty(project, tmp_path / "p", one_clock_late)
    report = cosimulate(late, design, {"all": [block]})
    assert report.mismatches == 0
    assert report.misplaced > 0
    assert not report.passed
    assert f"clocks off the latency of {project.latency}" in report.verdict
    assert cosimulate(late, design, {"a": [block[:200]]}, driver=CocotbDriver(verilate(late))).misplaced > 0
    # with the true latency declared it passes again: it is the latency that was wrong, nothing else
    assert cosimulate(replace(late, latency=late.latency + 1), design, {"all": [block]}).passed


def test_verilog_that_does_not_build_is_an_error(project, tmp_path) -> None:
    broken = faulty(project, tmp_path / "p", lambda n, t: t + "\nnonsense\n" if n == "trigger.v" else t)
    with pytest.raises(InputError, match=r"Verilator failed: .*syntax error"):
        verilate(broken)


def test_missing_compiler_is_a_failure(project, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"PATH: program is not installed \(got 'g\+\+'\)"):
        verilate(project)


def change_a_table_entry(name: str, text: str) -> str:
    """One bit of one entry of the table of squares: 4² becomes 17."""
    if not name.endswith("_tables.v"):
        return text
    return re.sub(r"7'h04: out = 12'h010;", "7'h04: out = 12'h011;", text, count=1)


def stick_a_net(name: str, text: str) -> str:
    """One net of the third stage is always 0."""
    if not name.endswith("_stage2.v"):
        return text
    return re.sub(r"(wire \[0:0\] (v\d+); assign \2\[0:0\] =) v\d+\[\d+:\d+\];", r"\1 1'b0;", text, count=1)


def swap_operands(name: str, text: str) -> str:
    """The first subtraction of two words of one width and sign: b - a instead of a - b."""
    if not name.endswith("_stage1.v"):
        return text
    subtraction = (
        r"(shift_adder #\((\d+),\2,(\d),\3,\d+,\d+,-?\d+,1\) op_\d+ )\((v\d+\S+?),(?!\4)(v\d+\S+?),(?=v)"
    )
    return re.sub(subtraction, r"\1(\5,\4,", text, count=1)


@pytest.mark.parametrize("fault", [change_a_table_entry, stick_a_net, swap_operands])
def test_single_faults_in_the_verilog_are_found(design, project, tmp_path, block, fault) -> None:
    report = cosimulate(faulty(project, tmp_path / "p", fault), design, {"all": [block]})
    assert not report.passed
    assert report.mismatches > 0
    assert (report.misplaced, report.missing) == (0, 0)


def threshold_off_by_one(name: str, text: str) -> str:
    """x < 3 becomes x < 2: one of the two low bits is 0 becomes the higher of them is 0."""
    if not name.endswith("_stage0.v"):
        return text
    return text.replace("(v12, v11,", "(v12, v12,")


def test_comparison_off_by_one_is_found(tmp_path) -> None:
    kind = FixedType.parse
    data = {
        "feature": Constant(kind("int<4>"), np.array([[0, -1, -1]])),
        "left": Constant(kind("int<4>"), np.array([[1, 0, 0]])),
        "right": Constant(kind("int<4>"), np.array([[2, 0, 0]])),
        "threshold": Constant(kind("int<4>"), np.array([[3, 0, 0]])),
        "value": Constant(kind("int<4>"), np.array([[0, 5, -2]])),
        "tree_class": Constant(kind("int<4>"), np.array([0])),
        "bias": Constant(kind("int<4>"), np.array([0])),
    }
    split = {"split": "<", "accum": "int<6>"}
    nodes = [
        Node("x", "input", (), (1,), kind("uint<8>")),
        Node("s", "tree_ensemble", ("x",), (1,), kind("int<6>"), split, data),
    ]
    stump = Graph("stump", nodes, ["s"])
    sound = generate(stump, tmp_path / "sound")
    corners = stimuli.corners(stump, 200, np.random.default_rng(1))
    assert cosimulate(sound, stump, {"corner": [corners]}).passed
    report = cosimulate(faulty(sound, tmp_path / "p", threshold_off_by_one), stump, {"corner": [corners]})
    assert report.mismatches == np.count_nonzero(corners == 2) > 0
    assert {(example.expected, example.got) for example in report.examples} == {(5, -2)}
