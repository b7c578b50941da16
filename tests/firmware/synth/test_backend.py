"""Back ends are found by their modules; unknown tools, parts and families end in one line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.firmware.synth import vivado, yosys
from l1forge.firmware.synth.backend import Design, backends, check_tool, choose


def _design(model_has_hls: bool) -> Design:
    return Design("d", SimpleNamespace(), lambda: Path("hls"), model_has_hls)  # type: ignore[arg-type]


def test_the_back_ends_are_found_by_rank() -> None:
    assert list(backends()) == ["vivado", "vitis", "yosys", "nextpnr"]
    assert [backend.takes for backend in backends().values()] == ["Verilog", "HLS", "Verilog", "Verilog"]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    names: set[str] = set()
    for name, backend in backends().items():
        monkeypatch.setattr(backend, "available", lambda name=name: name in names)
    return names


def test_auto_takes_vivado_then_vitis_for_models_that_have_one_then_yosys(installed: set[str]) -> None:
    installed |= {"vivado", "vitis", "yosys"}
    assert choose("auto", _design(True)).name == "vivado"
    installed.discard("vivado")
    assert choose("auto", _design(True)).name == "vitis"
    assert choose("auto", _design(False)).name == "yosys"
    installed.clear()
    assert choose("auto", _design(False)).name == "yosys"  # its error says what to install
    assert choose("vitis", _design(False)).name == "vitis"
    installed.add("nextpnr")
    assert choose("auto", _design(False)).name == "yosys"  # an ECP5 is only taken if it is asked for
    assert choose("nextpnr", _design(False)).name == "nextpnr"


@pytest.mark.parametrize(
    ("tool", "part", "said"),
    [
        ("quartus", None, r"unknown tool.*auto, nextpnr, yosys, vitis or vivado"),
        ("auto", "xcup", r"--part.*give --tool, too"),
        ("yosys", "xc9", r"is not an FPGA family that Yosys supports.*xcup \(UltraScale\+\)"),
        ("vivado", "vu13p", r"is not a part.*such as xcvu13p-flga2577-2-e"),
        ("vitis", "xcvu13p-flga2577-2-e", r"the HLS project sets the part"),
    ],
)
def test_unknown_names_are_refused(tool: str, part: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_tool(tool, part)


def test_known_names_are_taken() -> None:
    for part in (vivado.PART, "xcku115-flva2104-1-c", "xc7vx690tffg1927-2"):
        check_tool("vivado", part)
    for family in yosys.FAMILIES:
        check_tool("yosys", family)


def test_the_command_says_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["synth", "vae", "--tool", "yosys", "--part", "virtex2"])
    assert end.value.code == EXIT_BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert "--part" in line
    assert "virtex2" in line
