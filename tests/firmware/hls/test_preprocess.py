"""Only what is compiled is read: comments, conditional blocks, and the macros that a build sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.project.compiled import QUICK, CompiledProject
from l1forge.firmware.hls.project.preprocess import Macros, parse_defines, preprocess
from l1forge.firmware.hls.translate.graph import import_project

from . import old_headers

TOP = """#include "net.h"
#include "parameters.h"
void net(input_t x[N_INPUT_1_1], result_t y[N_LAYER_2]) {
@LOAD@
    nnet::dense<input_t, result_t, config2>(x, y, w2, b2); // fc
}
"""

FILES = {
    "net.h": """#ifndef NET_H
#define NET_H
#include "defines.h"
void net(input_t x[N_INPUT_1_1], result_t y[N_LAYER_2]);
#endif
""",
    "defines.h": """#ifndef DEFINES_H
#define DEFINES_H
#include "ap_fixed.h"
#include "ap_int.h"
#include "nnet_utils/nnet_types.h"
#define N_INPUT_1_1 1
#define N_LAYER_2 1
typedef ap_fixed<8,8> input_t;
typedef ap_fixed<16,16> result_t;
typedef ap_fixed<16,16> acc_t;
typedef ap_fixed<8,8> w_t;
typedef ap_uint<1> layer2_index;
#endif
""",
    "parameters.h": """#ifndef PARAMETERS_H
#define PARAMETERS_H
#include "nnet_utils/nnet_dense.h"
#include "weights/w2.h"
#include "weights/b2.h"
/* struct config2 : nnet::dense_config { static const unsigned n_in = 3; }; */
struct config2 : nnet::dense_config {
    static const unsigned n_in = 1;
    static const unsigned n_out = 1;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 1;
    static const unsigned n_zeros = 0;
    static const unsigned n_nonzeros = 1;
    static const unsigned multiplier_limit = 1;
    static const bool store_weights_in_bram = false;
    typedef acc_t accum_t;
    typedef w_t bias_t;
    typedef w_t weight_t;
    typedef layer2_index index_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
};
#endif
""",
    "weights/w2.h": "#ifdef OTHER\nw_t w2[1] = {5};\n#else\nw_t w2[1] = {3}; // w_t w2[1] = {4};\n#endif\n",
    "weights/b2.h": "w_t b2[1] = {0};\n",
    "weights/w2.txt": "7\n",
}

LOAD = 'nnet::load_weights_from_txt<w_t, 1>(w2, "w2.txt");'
ONCE = f"""static bool loaded_weights = false;
    if (!loaded_weights) {{
        {LOAD}
        loaded_weights = true;
    }}"""


def write(folder: Path, load: str) -> Path:
    """A project of one weight, 3 in its header and 7 in its text file."""
    firmware = folder / "firmware"
    (firmware / "weights").mkdir(parents=True)
    (firmware / "nnet_utils").mkdir()
    old_headers.write_all(firmware / "nnet_utils")
    for name, text in (FILES | {"net.cpp": TOP.replace("@LOAD@", load)}).items():
        (firmware / name).write_text(text, encoding="utf-8")
    return folder


def weight(graph: Graph) -> int:
    return int(graph["fc"].constants["weight"].data[0, 0])


LOADS: dict[str, tuple[str, dict[str, str], int]] = {
    "none": ("", {}, 3),
    "hls4ml's": (f"#ifndef __SYNTHESIS__\n{ONCE}\n#endif", {}, 7),
    "for synthesis": (f"#ifndef __SYNTHESIS__\n{ONCE}\n#endif", {"__SYNTHESIS__": "1"}, 3),
    "comment": (f"// out of date: {LOAD}", {}, 3),
    "block comment": (f"/* out of date:\n {LOAD}\n */", {}, 3),
    "comment that goes on": (f"// out of date: \\\n{LOAD}", {}, 3),
    "not compiled": (f"#ifdef FROM_TEXT\n{LOAD}\n#endif", {}, 3),
    "compiled": (f"#ifdef FROM_TEXT\n{LOAD}\n#endif", {"FROM_TEXT": "1"}, 7),
    "zero": (f"#if 0\n{LOAD}\n#endif", {}, 3),
    "else": (f"#if defined(A) && N_INPUT_1_1 == 1\n#else\n{LOAD}\n#endif", {}, 7),
    "elif": (
        f"#if N_INPUT_1_1 > 1\n#elif N_INPUT_1_1*2 == 2 && !defined A\n{LOAD}\n#else\nwrong;\n#endif",
        {},
        7,
    ),
    "nested": (f"#ifdef A\n#ifndef B\n{LOAD}\n#endif\n#endif", {"A": ""}, 7),
    "defined here": (f"#define MINE\n#ifdef MINE\n{LOAD}\n#endif\n#undef MINE", {}, 7),
    "other header": ("", {"OTHER": "1"}, 5),
}


@pytest.mark.parametrize("case", LOADS)
def test_only_compiled_loads_decide(case: str, tmp_path: Path) -> None:
    load, defines, expected = LOADS[case]
    assert weight(import_project(write(tmp_path, load), defines=defines)) == expected


def test_the_compiler_agrees(tmp_path: Path) -> None:
    load, defines, expected = LOADS["compiled"]
    project = CompiledProject(write(tmp_path, load), QUICK, defines=defines)
    assert project(np.array([[1], [-2]]))[0].tolist() == [[expected], [-2 * expected]]


def test_blocks_left_out_are_told(tmp_path: Path) -> None:
    notes: list[str] = []
    write(tmp_path, f"#ifdef FROM_TEXT\n{LOAD}\n#endif")
    import_project(tmp_path, tell=notes.append)
    assert notes == [
        "FROM_TEXT is not defined: net.cpp:5 not read (--define FROM_TEXT if the build sets it)",
        "OTHER is not defined: w2.h:2 not read (--define OTHER if the build sets it)",
    ]


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (f"if (x[0] > 0) {{ {LOAD} }}", "statement is not one that can be read"),
        (f"if (x[0] > 0) {{ // sometimes\n {LOAD} }}", "statement is not one that can be read"),
        (f"#ifdef A\n{LOAD}", "a conditional block does not end"),
        (f"#if MAX(1, 2) > 1\n{LOAD}\n#endif", "condition cannot be evaluated"),
        (f"#if N_INPUT_1_1 >\n{LOAD}\n#endif", "condition cannot be evaluated"),
        (f"#endif\n{LOAD}", "#endif without #if"),
    ],
)
def test_what_cannot_be_followed_is_refused(load: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        import_project(write(tmp_path, load))
    assert "\n" not in str(caught.value)


def test_lines_keep_their_numbers_and_strings_their_slashes() -> None:
    text = 'a; /* b\n c */ d; // e\nf("// no comment", \'"\'); #if\n'
    assert preprocess(text, Path("x.h"), Macros()).split("\n") == [
        "a;     ",
        "      d;     ",
        'f("// no comment", \'"\'); #if',
        "",
    ]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, output = write(tmp_path / "p", f"#if FROM_TEXT == 2\n{LOAD}\n#endif"), tmp_path / "graph.json"

    def run(*options: str) -> object:
        with pytest.raises(SystemExit) as done:
            main(["import-hls", str(folder), "-o", str(output), *options])
        return done.value.code

    assert run("--define", "FROM_TEXT=2") == 0
    assert weight(Graph.load(output)) == 7
    assert run() == 0
    assert "FROM_TEXT is not defined" in " ".join(capsys.readouterr().out.split())
    assert weight(Graph.load(output)) == 3
    assert run("-D", "1=2") == EXIT_BAD_INPUT
    assert "names no macro" in capsys.readouterr().err


def test_defines_as_a_compiler_takes_them() -> None:
    assert parse_defines(["A", "B=3", "C="]) == {"A": "1", "B": "3", "C": ""}
    with pytest.raises(InputError, match="given twice"):
        parse_defines(["A", "A=2"])
