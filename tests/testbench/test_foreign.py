"""RTL that l1forge did not write: Verilog and VHDL behind a port list, its latency, and what does not fit."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.foreign import read_ports, wrapped
from l1forge.firmware.rtl import RtlProject
from l1forge.studies.foreign import verify_foreign

VERILOG = """
module mine (input clk, input rst_n, input [13:0] pair, input en, output reg signed [15:0] y, output reg ok);
  reg signed [15:0] held; reg seen;
  wire signed [5:0] a = pair[12:7];
  wire signed [5:0] b = pair[5:0];
  always @(posedge clk) begin
    held <= WEIGHT * b - a; seen <= en & rst_n;
    y <= held; ok <= seen;
  end
endmodule
"""
VHDL = """
library ieee; use ieee.std_logic_1164.all; use ieee.numeric_std.all;
entity mine is port (clk : in std_logic; x0, x1 : in std_logic_vector(5 downto 0);
  y : out std_logic_vector(9 downto 0)); end entity;
architecture rtl of mine is
  signal first, second : signed(9 downto 0);
begin
  process (clk) begin
    if rising_edge(clk) then
      first <= resize(3 * resize(signed(x0), 5 + 3), 10) - resize(signed(x1), 10);
      second <= first;
      y <= std_logic_vector(second);
    end if;
  end process;
end architecture;
"""
PORTS = """
clock: clk
reset: {port: rst_n, active: low}
constants: {en: 1}
valid_out: ok
latency: 2
inputs:
  x: {port: pair, width: 7}
outputs:
  y: {port: y, width: 16}
"""


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``y = 3 x0 - x1`` of two 6-bit integers; each test builds in a folder of its own."""
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    x = Node("x", "input", (), (2,), FixedType.parse("fixed<6,6>"))
    constants = {
        "weight": Constant(FixedType.parse("fixed<3,3>"), np.array([[3], [-1]])),
        "bias": Constant(FixedType.parse("fixed<2,2>"), np.array([0])),
    }
    y = Node(
        "y", "dense", ("x",), (1,), FixedType.parse("fixed<10,10>"), {"accum": "fixed<10,10>"}, constants
    )
    Graph("net", [x, y], ["y"]).save(tmp_path / "net.json")
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl/mine.v").write_text(VERILOG.replace("WEIGHT", "16'sd3"))
    (tmp_path / "ports.yaml").write_text(PORTS)
    return tmp_path


def check(folder: Path, *options: str) -> int:
    given = [str(folder / "net.json"), "--rtl", str(folder / "rtl"), "--ports", str(folder / "ports.yaml")]
    with pytest.raises(SystemExit) as end:
        main(["cosim", *given, "--top", "mine", "-n", "2000", "-o", str(folder / "report"), *options])
    return int(end.value.code or 0)


def test_verilog_with_its_own_ports(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(graph, "--json", str(graph / "out.json")) == 0
    assert "0 mismatches in 2,000 crossings" in capsys.readouterr().out
    assert json.loads((graph / "out.json").read_text())["latency"] == 2
    found = verify_foreign(
        str(graph / "net.json"),
        graph / "rtl",
        "mine",
        graph / "ports.yaml",
        500,
        search_latency=True,
        deep=True,
        record=False,
    )
    assert found.passed
    assert found.project.latency == 2


def test_a_wrong_weight_and_a_wrong_latency_are_noticed(
    graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (graph / "ports.yaml").write_text(PORTS.replace("latency: 2", "latency: 3"))
    assert check(graph, "--deep") == 1
    capsys.readouterr()
    (graph / "ports.yaml").write_text(PORTS)
    (graph / "rtl/mine.v").write_text(VERILOG.replace("WEIGHT", "16'sd2"))
    assert check(graph, "--deep") == 1
    assert "mismatches in 2,000 crossings" in capsys.readouterr().out
    assert check(graph, "--deep", "--find-latency") == 2
    assert "at no latency up to 256 clocks all results are those of the graph" in capsys.readouterr().err


def test_runs_side_by_side_have_their_own_files(graph: Path) -> None:
    """Equal runs share one folder; other sources, headers and latencies go elsewhere and replace nothing."""
    loaded = Graph.load(graph / "net.json")
    ports = read_ports(graph / "ports.yaml", loaded)

    def wrap(latency: int = 2) -> RtlProject:
        return wrapped(loaded, graph / "rtl", "mine", ports, graph / "build" / "net_mine", 4.0, latency)

    with ThreadPoolExecutor(4) as pool:
        folders = {project.folder for project in pool.map(lambda _: wrap(), range(4))}
    (first,) = folders
    (graph / "rtl/mine.v").write_text(VERILOG.replace("WEIGHT", "16'sd2"))
    second = wrap().folder
    (graph / "rtl/table.mem").write_text("7")
    third = wrap().folder
    (graph / "rtl/table.mem").write_text("8")
    assert len({first, second, third, wrap().folder, wrap(3).folder}) == 5
    assert "16'sd3" in (first / "mine.v").read_text()
    assert "16'sd2" in (second / "mine.v").read_text()
    assert (third / "table.mem").read_text() == "7"
    (second / "mine.v").write_text("changed by hand")
    (graph / "rtl/table.mem").unlink()
    assert "16'sd2" in (wrap().folder / "mine.v").read_text()
    assert not [path for path in (graph / "build").iterdir() if path.name.startswith(".") and path.is_dir()]


def test_vhdl_through_ghdl(graph: Path) -> None:
    (graph / "rtl/mine.v").unlink()
    (graph / "rtl/mine.vhd").write_text(VHDL)
    (graph / "ports.yaml").write_text("clock: clk\nlatency: 3\ninputs: {x: [x0, x1]}\noutputs: {y: y}\n")
    found = verify_foreign(
        str(graph / "net.json"),
        graph / "rtl",
        "mine",
        graph / "ports.yaml",
        500,
        deep=True,
        record=False,
    )
    assert found.passed
    assert found.project.latency == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("clock: clk", "clock: clock", r"does not fit mine: .*'clk'; name it: an input under constants"),
        ("valid_out: ok", "open: [ok, nope]", r"does not fit mine: Pin not found: 'nope'"),
        ("width: 7", "width: 6", "does not fit mine: .*expects 14 bits"),
        ("width: 7", "width: 5", "is not a width of an element of fixed<6,6>"),
        ("x: {port: pair, width: 7}", "x: [a, b, c]", "x has 2 elements"),
        ("x: {port: pair, width: 7}", "z: pair", "the graph has no such node"),
        ("outputs:\n  y: {port: y, width: 16}", "outputs: {}", "a node of the graph is missing"),
        ("latency: 2", "latency: -1", "is not a number of clocks"),
        ("latency: 2\n", "", "the latency is not given"),
        ("valid_out: ok", "valid_out: y", "a port is named twice"),
        ("active: low", "active: sometimes", "is neither high nor low"),
        ("{en: 1}", "{en: -1}", "is not a number from 0 up"),
        ("clock: clk", "clocks: clk", "unknown key"),
        ("clock: clk", 'clock: "a b"', "is not the name of a port"),
    ],
)
def test_ports_that_do_not_fit(
    old: str, new: str, said: str, graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (graph / "ports.yaml").write_text(PORTS.replace(old, new))
    with pytest.raises(InputError, match=said) as raised:
        verify_foreign(
            str(graph / "net.json"), graph / "rtl", "mine", graph / "ports.yaml", 10, output=graph / "out"
        )
    assert "ports.yaml" in str(raised.value)
    assert not (graph / "out").exists()


def test_sources_that_cannot_be_used(graph: Path) -> None:
    net = Graph.load(graph / "net.json")
    table = read_ports(graph / "ports.yaml", net)
    for sources, top, said in (
        (graph / "nothing", "mine", "does not exist"),
        (graph / "net.json", "mine", "holds no Verilog and no VHDL"),
        (graph / "rtl", "yours", "no source defines this module or entity"),
    ):
        with pytest.raises(InputError, match=said):
            wrapped(net, sources, top, table, graph / "out", 4.0, 2)
    (graph / "rtl/mine.v").write_text(VERILOG)
    with pytest.raises(InputError, match=r"Verilator cannot read mine: .*WEIGHT"):
        wrapped(net, graph / "rtl", "mine", table, graph / "out", 4.0, 2)


def test_options_that_belong_together(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--rtl", "x"], "--top: is missing"),
        (["--find-latency"], "--find-latency: needs --rtl"),
        (["--rtl", "x", "--top", "t", "--ports", "p", "--stages", "3"], "--stages: does not go with --rtl"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["cosim", "vae", *arguments])
        assert end.value.code == 2
        assert said in capsys.readouterr().err
