"""Synthesis: Yosys on a small design, its netlist simulated; the vendor flow with a stand-in for Vivado."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1forge.commands.synth import app as synth
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from l1forge.firmware.report import collect, to_markdown
from l1forge.firmware.rtl import RtlProject, generate
from l1forge.firmware.synth import Synthesis, tradeoff, yosys
from l1forge.firmware.synth import vitis_hls as vitis
from l1forge.firmware.synth import vivado as vendor
from l1forge.testbench import stimuli
from l1forge.testbench.cosim import cosimulate

pytestmark = pytest.mark.xdist_group("rtl")

VIVADO = """#!/bin/sh
test "$1 $2" = "-mode batch" || exit 7
cat > utilization.rpt <<END
| Site Type      | Used | Fixed |
| CLB LUTs*      | 1234 |     0 |
| CLB Registers  |  567 |     0 |
| Block RAM Tile |  0.5 |     0 |
| DSPs           |    3 |     0 |
END
cat > timing.rpt <<END
    WNS(ns)      TNS(ns)
    -------      -------
      1.100        0.000
END
"""


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L1FORGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def graph() -> Graph:
    def kind(text: str) -> FixedType:
        return FixedType.parse(text)

    weight = Constant(kind("fixed<4,1>"), np.array([[3, -5], [-8, 7], [0, 1]]))
    dense = {"weight": weight, "bias": Constant(kind("fixed<4,1>"), np.array([1, -2]))}
    nodes = [
        Node("x", "input", (), (3,), kind("fixed<6,3>")),
        Node("d", "dense", ("x",), (2,), kind("fixed<7,3,RND_CONV,SAT>"), {"accum": "fixed<16,8>"}, dense),
        Node("m", "multiply", ("d", "d"), (2,), kind("ufixed<12,5>")),
    ]
    return Graph("tiny", nodes, ["m"])


@pytest.fixture(scope="module")
def project(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> RtlProject:
    return generate(graph, tmp_path_factory.mktemp("rtl") / "tiny", stages=2)


def test_yosys_and_its_netlist(graph, project, tmp_path: Path) -> None:
    passes: list[str] = []
    result = yosys.synthesise(project, tmp_path / "s", dsp=False, progress=passes.append)
    assert len(passes) > 10
    assert 20 < result.lut < 1000
    assert 30 < result.ff < 200
    assert (result.dsp, result.bram, result.latency_clocks, result.initiation_interval) == (0, 0, 3, 1)
    assert 0.5 < result.delay_ns < 20
    assert Synthesis.load(tmp_path / "s" / "synthesis.json") == result
    again: list[str] = []
    assert yosys.synthesise(project, tmp_path / "s", dsp=False, progress=again.append) == result
    assert not again
    slower = replace(project, clock_period_ns=5.0)  # the Verilog is the same
    elsewhere = yosys.synthesise(slower, tmp_path / "elsewhere", dsp=False, progress=again.append)
    assert not again
    assert elsewhere == replace(result, clock_period_ns=5.0)
    assert (tmp_path / "elsewhere" / "netlist.v").read_bytes() == (tmp_path / "s" / "netlist.v").read_bytes()
    assert yosys.run_digest(project, dsp=False) == result.digest != yosys.run_digest(project)

    block = stimuli.random_bits(graph, 3000, np.random.default_rng(1))
    netlist = yosys.netlist_project(project, tmp_path / "s")
    assert cosimulate(netlist, graph, {"random": [block]}).passed


def test_dsp_blocks_are_counted_but_not_simulated(project, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "synthesis.json").write_text('{"latency_ns": 1.0}')  # left by an older version
    assert yosys.synthesise(project, tmp_path / "s").dsp == 2
    with pytest.raises(InputError, match="netlist with DSP blocks cannot be simulated"):
        yosys.netlist_project(project, tmp_path / "s")


def test_result_of_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "synthesis.json").write_text('{"latency_ns": 1.0, "lut": 3}')
    with pytest.raises(InputError, match=r"synthesis.json: is not a synthesis result"):
        Synthesis.load(tmp_path / "synthesis.json")


def test_yosys_error_is_one_line(project, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    for name in project.files:
        text = (project.folder / name).read_text()
        (tmp_path / "p" / name).write_text(text.replace("endmodule", "end module", 1))
    broken = RtlProject(**{**vars(project), "folder": tmp_path / "p"})
    with pytest.raises(InputError, match=r"Yosys failed: .*ERROR"):
        yosys.synthesise(broken, tmp_path / "s")
    assert not (tmp_path / "s").exists()


@pytest.fixture
def fake_vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "vivado"
    program.parent.mkdir()
    program.write_text(VIVADO)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return program


def test_vendor_flow_is_launched_and_read(project, tmp_path: Path, fake_vivado: Path) -> None:
    assert vendor.available() == str(fake_vivado)
    result = vendor.synthesise(project, tmp_path / "v")
    assert (result.lut, result.ff, result.dsp, result.bram, result.routed) == (1234, 567, 3, 0, True)
    assert result.delay_ns == project.clock_period_ns - 1.1
    script = (tmp_path / "v" / "synth.tcl").read_text()
    assert f"synth_design -top {project.name} -part xcvu13p" in script
    assert all(str(source) in script for source in project.sources)


def test_vendor_failure_is_an_error(project, tmp_path: Path, fake_vivado: Path) -> None:
    fake_vivado.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(InputError, match=r"Vivado failed \(got 3\)"):
        vendor.synthesise(project, tmp_path / "v")
    fake_vivado.write_text("#!/bin/sh\ntouch timing.rpt utilization.rpt\n")
    with pytest.raises(InputError, match=r"utilization.rpt: report lacks a row \(got 'CLB LUTs"):
        vendor.synthesise(project, tmp_path / "v")
    fake_vivado.unlink()
    with pytest.raises(InputError, match="program is not installed"):
        vendor.synthesise(project, tmp_path / "v")


CSYNTH = """<?xml version="1.0"?>
<profile>
<UserAssignments><Part>xcvu13p</Part><TargetClockPeriod>2.50</TargetClockPeriod></UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis><EstimatedClockPeriod>1.800</EstimatedClockPeriod></SummaryOfTimingAnalysis>
<SummaryOfOverallLatency><Worst-caseLatency>9</Worst-caseLatency><Interval-max>1</Interval-max>
</SummaryOfOverallLatency></PerformanceEstimates>
<AreaEstimates><Resources><LUT>5000</LUT><FF>800</FF><DSP>2</DSP>
<BRAM_18K>1</BRAM_18K></Resources></AreaEstimates>
</profile>
"""


def test_vitis_is_launched_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hls").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(InputError, match="program is not installed"):
        vitis.synthesise(tmp_path / "hls", tmp_path / "s", name="n", design="d")
    program = tmp_path / "vitis_hls"
    program.write_text(
        "#!/bin/sh\ngrep -q 'synth 1' build_opt.tcl && grep -q 'csim 0' build_opt.tcl || exit 8\n"
        "mkdir -p n_prj/solution1/syn/report\n"
        f"cat > n_prj/solution1/syn/report/n_csynth.xml <<'END'\n{CSYNTH}END\n"
    )
    program.chmod(0o755)
    with pytest.raises(InputError, match="is not an hls4ml project"):
        vitis.synthesise(tmp_path / "hls", tmp_path / "s", name="n", design="d")
    (tmp_path / "hls" / "build_prj.tcl").touch()
    result = vitis.synthesise(tmp_path / "hls", tmp_path / "s", name="n", design="d")
    assert (result.lut, result.ff, result.dsp, result.bram) == (5000, 800, 2, 1)
    assert (result.latency_ns, result.delay_ns, result.initiation_interval) == (22.5, 1.8, 1)
    program.write_text("#!/bin/sh\nexit 4\n")
    with pytest.raises(InputError, match=r"Vitis HLS failed \(got 4\)"):
        vitis.synthesise(tmp_path / "hls", tmp_path / "s", name="n", design="d")


def test_report_says_what_was_run_and_what_is_stale(
    graph, project, tmp_path: Path, fake_vivado: Path
) -> None:
    reports = tmp_path / "reports"
    assert collect("tiny", tmp_path / "none", reports)[0].note == "not written yet: run `l1forge cosim tiny`"
    sections = collect("tiny", project.folder, reports)
    assert [s.note for s in sections[1:]] == [
        "not run yet: `l1forge cosim tiny`",
        "not run yet: `l1forge synth tiny`",
    ]
    assert "*not run yet: `l1forge synth tiny`*" in to_markdown("tiny", sections)
    vendor.synthesise(project, tmp_path / "v").save(reports / "synthesis.json")
    sections = collect("tiny", project.folder, reports)
    assert sections[2].note is None
    assert ("LUT", "1,234") in sections[2].rows
    other = generate(graph, tmp_path / "other", stages=1)
    assert "of another version" in str(collect("tiny", other.folder, reports)[2].note)
    assert "| latency | 3 clocks = 12.5 ns |" in to_markdown("tiny", sections)
    assert "| LUT | 1,234 |" in to_markdown("tiny", sections)
    old = json.loads((reports / "synthesis.json").read_text())
    del old["cells"], old["seconds"]  # fields with a default came later
    (reports / "synthesis.json").write_text(json.dumps(old))
    assert collect("tiny", project.folder, reports)[2].note is None
    (reports / "cosim.json").write_text("{}")
    (reports / "synthesis.json").write_text('{"name": "tiny", "lut": 12}')
    notes = [section.note for section in collect("tiny", project.folder, reports)]
    assert "written by another version, run `l1forge cosim tiny` again" in str(notes[1])
    assert (
        notes[2] == "synthesis.json lacks digest: written by another version, run `l1forge synth tiny` again"
    )
    (reports / "synthesis.json").write_text("[]")
    with pytest.raises(InputError, match=r"synthesis.json: is not a result"):
        collect("tiny", project.folder, reports)


def test_stages_compared_on_a_page(graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L1FORGE_BUILD", str(tmp_path / "build"))
    graph.save(tmp_path / "tiny.json")
    page = tmp_path / "page.md"
    begin, end = tradeoff.markers("tiny")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    arguments = [str(tmp_path / "tiny.json"), "--compare", "1,3", "--period", "50"]
    outputs = ["--docs", str(page), "--json", str(tmp_path / "cuts.json")]
    result = CliRunner().invoke(synth, arguments + outputs)
    assert result.exit_code == 0, result.output
    text = page.read_text()
    assert text.startswith(f"before\n{begin}\n| stages |")
    assert text.endswith(f"|\n{end}\nafter\n")
    assert "| 1 (default) | 2 clocks |" in text
    assert "| 3 | 4 clocks |" in text
    one, three = (cut["delay_ns"] for cut in json.loads((tmp_path / "cuts.json").read_text()))
    assert one > three


def test_bad_stages_and_page(tmp_path: Path) -> None:
    assert tradeoff.stage_numbers("9-11, 3") == [3, 9, 10, 11]
    for text in ("", "x", "0-2", "5-4", "1-999"):
        with pytest.raises(InputError, match="--compare"):
            tradeoff.stage_numbers(text)
    with pytest.raises(InputError, match="no page with table markers"):
        tradeoff.halves(tmp_path / "nothing.md", "tiny")
