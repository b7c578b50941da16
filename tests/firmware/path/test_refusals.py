"""What cannot become a path is refused in one line, and nothing is written; the register map is one list."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.path.registers import document_of
from l1forge.firmware.path import PathProject
from l1forge.firmware.path.register_files import register_files
from l1forge.studies.path_firmware import write_path_firmware
from l1forge.testbench.path.stimuli import drawn_values
from tests.testbench.path import small


def refused(folder: Path, description: Path) -> str:
    with pytest.raises(InputError) as error:
        write_path_firmware(description, folder / "rtl")
    assert not (folder / "rtl").exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(graph: Graph, **fields: object) -> Graph:
    return small.with_flag(graph, **fields)


def test_a_score_of_another_type_is_refused(tmp_path: Path) -> None:
    menu = small.MENU.replace("fixed<12,12>", "fixed<12,11>")
    line = refused(tmp_path, small.write(tmp_path / "in", menu=menu))
    assert "the menu declares net as fixed<12,11>" in line
    assert "net.json" in line


def test_a_score_without_a_type_is_refused(tmp_path: Path) -> None:
    menu = re.sub(r"  net: .*\n", "", small.MENU)
    assert "does not declare the type of this score" in refused(
        tmp_path, small.write(tmp_path / "in", menu=menu)
    )


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    menu = small.MENU.replace("  outside.pt:", '  other: {type: "fixed<12,12>"}\n  outside.pt:')
    menu = menu.replace('"MU3"', '"MU3 AND SCORE(other) >= 3"')
    description = small.DESCRIPTION.replace("  outside:", "  other: {graph: net.json}\n  outside:")
    line = refused(tmp_path, small.write(tmp_path / "in", description, menu))
    assert "the graphs of the models net and other have one name (got 'net')" in line


def test_a_clock_that_a_model_does_not_meet_is_refused(tmp_path: Path) -> None:
    file = small.write(tmp_path / "in", small.DESCRIPTION.replace("net.json", "net.json, stages: 1"))
    graph, nodes = small.network(), []
    before = graph.nodes[-1].name
    for number in range(5):
        wide = FixedType.parse("fixed<24,24>")
        nodes.append(Node(f"wide{number}", "multiply", (before, before), (1,), wide))
        nodes.append(
            Node(f"cut{number}", "cast", (f"wide{number}",), (1,), FixedType.parse("fixed<12,12,RND,SAT>"))
        )
        before = f"cut{number}"
    Graph("net", [*graph.nodes, *nodes], [before]).save(tmp_path / "in" / "net.json")
    line = refused(tmp_path, file)
    assert "does not meet the clock of 40.079 MHz: the longest stage takes about" in line
    assert line.endswith("leave stages out")


def test_a_model_that_is_no_circuit_of_the_path_is_refused(tmp_path: Path) -> None:
    menu = small.MENU.replace("outside.pt:", "muon_pt.pt:").replace("outside.pt >= 200", "muon_pt.pt >= 20")
    description = re.sub("  outside: .*\n", "", small.DESCRIPTION)
    line = refused(tmp_path, small.write(tmp_path / "in", description, menu))
    assert "its Verilog cannot be part of the path" in line
    assert "write muon_pt: {rtl: port}" in line


def test_a_model_that_nobody_has_is_refused(tmp_path: Path) -> None:
    description = re.sub("  outside: .*\n", "", small.DESCRIPTION)
    line = refused(tmp_path, small.write(tmp_path / "in", description))
    assert "a model that is not available" in line
    assert "outside" in line


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (["mu.pt[8]"], "the top has no such object (got 'mu.pt[8]')"),
        (["mu.mass[0]"], "the top has no such object (got 'mu.mass[0]')"),
        (["tower.et[3]"], "the top has no such object (got 'tower.et[3]')"),
        (None, "its inputs do not name event columns"),
    ],
)
def test_objects_that_the_top_does_not_have_are_refused(
    tmp_path: Path, source: list[str] | None, line: str
) -> None:
    file = small.write(tmp_path / "in")
    others = ["jet.et[0]", "jet.eta[0]", "htt.et[0]"]
    attributes = {"source": [*source, *others]} if source else {}
    changed(small.network(), attributes=attributes).save(tmp_path / "in" / "net.json")
    assert line in refused(tmp_path, file)


def test_an_input_that_does_not_hold_its_column_is_refused(tmp_path: Path) -> None:
    file = small.write(tmp_path / "in")
    changed(small.network(), type=FixedType.parse("fixed<9,9>")).save(tmp_path / "in" / "net.json")
    assert "does not hold all codes of this column, 0 to 511 (got 'mu.pt[0]')" in refused(tmp_path, file)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> PathProject:
    folder = tmp_path_factory.mktemp("path")
    return write_path_firmware(small.write(folder / "in"), folder / "rtl").project


def test_addresses_and_names_are_used_once(project: PathProject) -> None:
    registers = project.registers.registers
    assert len({r.address for r in registers}) == len({r.name for r in registers}) == len(registers)
    assert all(r.address % 4 == 0 for r in registers)
    assert all(r.accepts(r.word(r.reset)) for r in registers if r.access == "rw")


def test_values_become_words_and_come_back(project: PathProject) -> None:
    random, registers = np.random.default_rng(2), project.registers
    for _ in range(20):
        values = drawn_values(registers, random)
        again = registers.values_of(registers.words_of(values), values.settings.closed)
        assert document_of(again, project.menu) == document_of(values, project.menu)
        assert all(registers.by_name[name].accepts(word) for name, word in registers.words_of(values).items())


def test_header_json_and_table_say_the_same(project: PathProject, tmp_path: Path) -> None:
    files = register_files(project.registers, "small_path")
    document = json.loads(files["registers.json"])
    addresses = {row["name"]: row["address"] for row in document["registers"]}
    assert addresses == {r.name: r.address for r in project.registers.registers}
    header = tmp_path / "registers.h"
    header.write_text(files["registers.h"])
    program = tmp_path / "try.c"
    lines = [f'printf("%u ", SMALL_PATH_{name.upper()});' for name in addresses]
    program.write_text(
        f'#include <stdio.h>\n#include "registers.h"\nint main(void) {{ {" ".join(lines)}'
        ' printf("%u", SMALL_PATH_BX_MASK(1, 3, 2)); return 0; }\n'
    )
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", tmp_path / "try", program], check=True)
    shown = subprocess.run([tmp_path / "try"], check=True, capture_output=True, text=True).stdout.split()
    assert list(map(int, shown)) == [*addresses.values(), project.registers.mask_address(1, 3, 2)]
    for name, address in addresses.items():
        assert f"| `0x{address:05x}` | `{name}` |" in files["registers.md"]
    folder = project.rtl.folder
    assert (folder / "registers.json").read_text() == files["registers.json"]
    assert json.loads((folder / "register_values.json").read_text())["menu"] == "L1Menu_small"


def test_the_same_description_gives_the_same_files(project: PathProject, tmp_path: Path) -> None:
    again = write_path_firmware(small.write(tmp_path / "in"), tmp_path / "rtl").project
    assert again.rtl.circuit == project.rtl.circuit
    assert again.registers.identity == project.registers.identity
