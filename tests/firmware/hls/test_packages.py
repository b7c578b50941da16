"""Emulator packages in the ways in which they are published, each exact against its own compiled C++."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import EXIT_BAD_INPUT, InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.hls.package.columns import read_columns
from l1forge.firmware.hls.package.graph import Imported, import_package
from l1forge.firmware.hls.package.reference import Reference, representable
from l1forge.firmware.verify import compare_with_graph
from l1forge.studies.packages import check_package
from l1forge.testbench import stimuli

from .packages import (
    CODE,
    LOOPS,
    SCALING,
    Layout,
    changed,
    scales,
    simple_wrapper,
    wrapper,
    write_package,
    written_wrapper,
)

NAMESPACE = "hls4ml_net_v1"
SCALES = scales(9, NAMESPACE)
EVENTS = 1500


def check(imported: Imported, count: int = EVENTS) -> dict[str, int]:
    """Mismatches by output, over corners and random inputs."""
    rng = np.random.default_rng(11)
    graph = imported.graph
    block = np.concatenate([stimuli.corners(graph, count // 3, rng), stimuli.random_bits(graph, count, rng)])
    given = list(stimuli.as_inputs(graph, representable(graph, block)).values())
    with Reference(imported, "-O0") as reference:
        found = compare_with_graph(graph, given, reference(given))
    return {comparison.output: comparison.mismatches for comparison in found}


def exact(imported: Imported) -> bool:
    return not any(check(imported).values())


DEFINES_LOAD = """
#ifdef LOAD_WEIGHTS_FROM_TXT
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<weight2_t, 54>(w2, "w2.txt");
        loaded_weights = true;
    }
#endif
"""
COMMENTED_LOAD = """
// #ifdef LOAD_WEIGHTS_FROM_TXT
//     static bool loaded_weights = false;
//     if (!loaded_weights) {
//         nnet::load_weights_from_txt<weight2_t, 54>(w2, "w2.txt");
//         loaded_weights = true;
//     }
// #endif
"""

LAYOUTS = {
    "one weights.h, static constants, score": Layout(wrapper=wrapper(), scales=SCALES),
    "flat, macros, no namespace, load block": Layout(
        folder="",
        constants="define",
        weights="folder",
        namespace="",
        guard=DEFINES_LOAD,
        wrapper=simple_wrapper(""),
    ),
    "constexpr, weights.cpp, top in another file": Layout(
        constants="constexpr",
        weights="cpp",
        guard=COMMENTED_LOAD,
        file="network.cpp",
        wrapper=simple_wrapper(NAMESPACE, "NN/"),
        extra={"NN/other.cpp": '#include "defines.h"\nint helper(int x) { return x; }\n'},
    ),
    "nn_utils, fifth argument AP_SAT, braces": Layout(
        constants="braces",
        header_folder="nn_utils",
        relu="ap_ufixed<10,6,AP_RND_CONV,AP_SAT,AP_SAT>",
        result="ap_fixed<18,8,AP_RND,AP_WRAP,AP_SAT>",
        wrapper=simple_wrapper(NAMESPACE, "NN/", "HLS4MLModel"),
    ),
    "no headers of hls4ml": Layout(headers=False, wrapper=simple_wrapper(NAMESPACE, "NN/")),
    "network alone": Layout(weights="folder"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str, tmp_path: Path) -> None:
    imported = import_package(write_package(tmp_path / "Net_v1", LAYOUTS[name]))
    assert exact(imported)
    if "score" in name:
        assert imported.graph.outputs == ["mu", "score.sum"]
        assert [n.op for n in imported.graph.inputs] == ["input"]
        assert str(imported.graph.inputs[0].type) == "fixed<18,13>"


SCALINGS: dict[str, tuple[str, str]] = {
    "double, powers of two, tables in the class": (
        """
    int norm[N_INPUT_1_1] = {256, 1, 64, 128, 256, 16, 32, 2, 4};
    int bias[N_INPUT_1_1] = {51, 0, 7, 0, -54, 1, 0, 11, 59};
    for (int i = 0; i < N_INPUT_1_1; i++) {
      double tmp0 = unscaled[i] - bias[i];
      double tmp1 = tmp0 / norm[i];
      scaled[i] = static_cast<input_t>(tmp1);
    }""",
        "",
    ),
    "double that rounds": (
        """
    for (int i = 0; i < N_INPUT_1_1; i++) {
      double tmp0 = unscaled[i] - ad_offsets[i];
      scaled[i] = input_t(tmp0 * 0.3 / 7);
    }""",
        "",
    ),
    "float": (
        """
    for (int i = 0; i < N_INPUT_1_1; ++i) {
      float tmp0 = unscaled[i];
      scaled[i] = (input_t)(0.125f * tmp0 - 3.5f);
    }""",
        "",
    ),
    "integers, pairs, branches on constants": (
        """
    for (unsigned i = 0; i < N_INPUT_1_1; i += 3) {
      for (int j = 0; j < 3; j++) {
        const int k = i + j;
        if (j == 1) {
          scaled[k] = 0;
        } else {
          int whole = unscaled[k];
          scaled[k] = (whole - (j == 2 ? 72 : 4)) >> (j + 1);
        }
      }
    }""",
        "",
    ),
    "deduced types in nested loops": (
        """
    for (int i = 0; i < 3; i++) {
      auto first = unscaled[3 * i] - ad_offsets[i];
      for (int j = 0; j < 3; j++) {
        auto both = first + unscaled[3 * i + j];
        scaled[3 * i + j] = both >> 3;
      }
    }""",
        "",
    ),
    "in place, running": (
        """
    unscaled_t last = 0;
    for (int i = 0; i < N_INPUT_1_1; i++) {
      unscaled[i] -= ad_offsets[i];
      unscaled[i] >>= ad_shift[i];
      last += unscaled[i];
      scaled[i] = last;
    }""",
        "",
    ),
    "loop by hand": (SCALING, LOOPS["sum of squares"]),
    "difference of two halves": (SCALING, LOOPS["difference"]),
    "largest": (SCALING, LOOPS["maximum"]),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_scaling_and_score(name: str, tmp_path: Path) -> None:
    scaling, loss = SCALINGS[name]
    text = wrapper(scaling, loss) if loss else wrapper(scaling)
    imported = import_package(write_package(tmp_path / "Net_v1", Layout(wrapper=text, scales=SCALES)))
    assert exact(imported)


PLAIN = (
    "result_t *r = std::any_cast<result_t*>(result);\n for (int i = 0; i < N_LAYER_4; i++) r[i] = _result[i];"
)
COPY = "for (int i = 0; i < N_INPUT_1_1; i++) _input[i] = p[i];"
INTERFACES = {
    "float inputs": written_wrapper("float *p = std::any_cast<float*>(input);", COPY, PLAIN),
    "integer inputs": written_wrapper(
        "int *p = std::any_cast<int*>(input);",
        "for (int i = 0; i < N_INPUT_1_1; i++) _input[i] = input_t(p[i]) >> 2;",
        PLAIN,
    ),
    "struct of pointers": written_wrapper(
        "auto in = std::any_cast<Inputs>(input);",
        """for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 2; ++j) {
                _input[i*2 + j] = input_t(in.candidates[i*in.stride + j]);
            }
        }
        for (int i = 0; i < 3; ++i) _input[6 + i] = input_t(in.jet[i]);""",
        """auto *r = std::any_cast<Outputs*>(result);
        for (int i = 0; i < 1; ++i) r->score[i] = wide_t(_result[i]);
        for (int i = 0; i < 3; ++i) r->classes[i] = wide_t(_result[i + 1]);""",
        """typedef ap_fixed<64, 32, AP_RND, AP_SAT, 0> wide_t;
struct Inputs { wide_t* candidates; wide_t* jet; int stride; };
struct Outputs { wide_t* classes; wide_t* score; };""",
    ),
    "two arrays in a pair": written_wrapper(
        "input_t *p = std::any_cast<input_t*>(input);",
        COPY,
        """std::pair<std::array<result_t, 1>, std::array<result_t, N_LAYER_4 - 1>> *r =
            std::any_cast<std::pair<std::array<result_t, 1>, std::array<result_t, N_LAYER_4 - 1>>*>(result);
        r->first[0] = _result[0];
        for (int i = 1; i < N_LAYER_4; ++i) r->second[i - 1] = _result[i];""",
    ),
    "types and constants of the class": written_wrapper(
        "in_t* p = std::any_cast<in_t*>(input);",
        "for (int i = 0; i < N; i++) _input[i] = (p[i] - OFFSET[i % 3]) >> 1;",
        """auto *r = std::any_cast<std::pair<result_t, loss_t>*>(result);
        loss_t loss = 0;
        loss = _result[0];
        r->first = _result[0];
        r->second = loss;""",
        members="""    typedef ap_fixed<18,13> in_t;
    using loss_t = ap_ufixed<18, 14>;
    static const int N = 9;
    const int OFFSET[3] = {4, -2, 72};""",
    ),
    "inputs in another order, with steps": written_wrapper(
        "const ap_int<12> *p = std::any_cast<const ap_int<12>*>(input);",
        "for (int i = N_INPUT_1_1 - 1; i >= 0; i--) { _input[i] = p[N_INPUT_1_1 - 1 - i] / 1.0; }",
        PLAIN,
    ),
}


@pytest.mark.parametrize("name", INTERFACES)
def test_interface(name: str, tmp_path: Path) -> None:
    imported = import_package(write_package(tmp_path / "Net_v1", Layout(wrapper=INTERFACES[name])))
    assert exact(imported)
    if name == "struct of pointers":
        assert [n.size for n in imported.graph.inputs] == [6, 3]
        assert any("stride" in note for note in imported.notes)


def test_distributed_arithmetic_of_a_package(tmp_path: Path) -> None:
    """Generated code in another namespace with other names, and a difference squared by the network."""
    layout = Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"))
    folder = write_package(tmp_path / "Net_v1", layout)
    (folder / "NN" / "nnet_utils" / "nnet_code_gen.h").write_text(CODE)
    parameters = folder / "NN" / "parameters.h"
    parameters.write_text('#include "nnet_utils/nnet_code_gen.h"\n' + parameters.read_text())
    top = folder / "NN" / "Net_v1.cpp"
    call = "nnet::dense<input_t, layer2_t, config2>(x, layer2_out, w2, b2);"
    top.write_text(
        changed(top.read_text(), (call, "Net_v1_code::dense_da_2<input_t, layer2_t>(x, layer2_out);"))
    )
    imported = import_package(folder)
    assert exact(imported)


def test_only_the_generated_header_is_there(tmp_path: Path) -> None:
    """A package that ships ``nnet_code_gen.h`` alone compiles with the installed headers for all others."""
    folder = write_package(tmp_path / "Net_v1", Layout(wrapper=simple_wrapper(NAMESPACE, "NN/")))
    headers = folder / "NN" / "nnet_utils"
    for header in headers.iterdir():
        header.unlink()
    (headers / "nnet_code_gen.h").write_text(
        '#ifndef GEN_H_\n#define GEN_H_\n#include "nnet_mult.h"\n#include "hls_stream.h"\n#endif\n'
    )
    parameters = folder / "NN" / "parameters.h"
    parameters.write_text('#include "nnet_utils/nnet_code_gen.h"\n' + parameters.read_text())
    assert exact(import_package(folder))


def test_columns_bind_inputs(tmp_path: Path) -> None:
    """Energies enter in GeV, the rest as codes; the graph runs on hardware columns."""
    (tmp_path / "columns.txt").write_text(
        "etm.et[0]*0.5 # GeV\n0\netm.phi[0]\njet.et[0] * 0.5\njet.eta[0]\njet.phi[0]\n"
        "mu.pt[0]*0.5\nmu.eta[0]\nmu.phi[0]\n"
    )
    folder = write_package(tmp_path / "Net_v1", Layout(wrapper=wrapper(), scales=SCALES))
    imported = import_package(folder, read_columns(str(tmp_path / "columns.txt")))
    assert imported.graph.inputs[0].attributes["source"][3] == "jet.et[0]"
    assert str(imported.graph.inputs[0].type) == "fixed<13,13>"
    assert exact(imported)
    preset = read_columns("met-eg-mu-jet")
    assert [c.source for c in preset[:5]] == ["etm.et[0]", "0", "etm.phi[0]", "eg.et[0]", "eg.eta[0]"]
    assert len(preset) == 57
    with pytest.raises(InputError, match="57 columns for 9 inputs"):
        import_package(folder, preset)


def test_faults_are_told(tmp_path: Path) -> None:
    """One changed shift, offset, weight or rounding of the graph is a mismatch."""
    imported = import_package(write_package(tmp_path / "Net_v1", Layout(wrapper=wrapper(), scales=SCALES)))
    graph = imported.graph
    rng = np.random.default_rng(2)
    block = stimuli.random_bits(graph, 800, rng)
    given = list(stimuli.as_inputs(graph, block).values())
    with Reference(imported, "-O0") as reference:
        found = reference(given)
    assert all(c.exact for c in compare_with_graph(graph, given, found))
    for name, constant in (("scaling.scale_bias", "scale"), ("scaling.constant", "value"), ("mu", "weight")):
        data = graph[name].constants[constant].data
        data.flat[0] += 1
        assert not all(c.exact for c in compare_with_graph(graph, given, found)), name
        data.flat[0] -= 1


def _run(*arguments: object) -> object:
    """Exit code of a command."""
    with pytest.raises(SystemExit) as end:
        main(list(map(str, arguments)))
    return end.value.code


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From an archive to the score of real crossings; a package's options do not fit a project."""
    layout = Layout(sizes=(57, 5, 4), wrapper=wrapper(), scales=scales(57, NAMESPACE))
    folder = write_package(tmp_path / "Net_v1", layout)
    with tarfile.open(tmp_path / "net.tar.gz", "w:gz") as archive:
        archive.add(folder, "Net_v1")
    graph = tmp_path / "net.json"
    asked = ["--inputs", "met-eg-mu-jet", "--verify", "400"]
    assert _run("import-hls", tmp_path / "net.tar.gz", "-o", graph, *asked) == 0
    shown = capsys.readouterr().out
    assert "score.sum, real: 0 mismatches in 400 events" in shown
    assert Graph.load(graph).meta["package"] == "Net_v1"
    project = tmp_path / "project"
    (project / "firmware").mkdir(parents=True)
    assert _run("import-hls", project, "-o", graph, "--network-only") == EXIT_BAD_INPUT
    assert "--network-only" in capsys.readouterr().err


def test_check_package_finds_a_fault(tmp_path: Path) -> None:
    layout = Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"))
    imported = import_package(write_package(tmp_path / "Net_v1", layout))
    imported.graph["mu"].constants["bias"].data[0] += 1
    outcomes = check_package(imported, 100, optimisation="-O0")
    assert [o.output for o in outcomes] == ["mu, corner", "mu, random"]
    assert not any(o.exact for o in outcomes)


def _two_versions(folder: Path) -> Path:
    for version in ("Net_v1", "Net_v2"):
        write_package(folder / version, Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"), headers=False))
    return folder


def _second_top(folder: Path) -> Path:
    """Two versions in one ``NN``: the wrapper's own counts."""
    write_package(folder, Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"), headers=False))
    for suffix in ("h", "cpp"):
        text = (folder / "NN" / f"Net_v1.{suffix}").read_text()
        (folder / "NN" / f"Net_v0.{suffix}").write_text(text.replace("Net_v1", "Net_v0"))
    return folder


def test_versions_side_by_side(tmp_path: Path) -> None:
    folder = _two_versions(tmp_path / "all")
    with pytest.raises(
        InputError, match=r"holds several models.*Net_v1/Net_emulator_v1\.cpp.*instead of the folder"
    ):
        import_package(folder)
    assert import_package(folder / "Net_v2" / "Net_emulator_v1.cpp").graph.outputs == ["mu"]
    assert import_package(_second_top(tmp_path / "second")).graph.name == "Net_v1"


REFUSED: dict[str, tuple[str, str]] = {
    "branch": ("if (unscaled[0] > 3) scaled[0] = 0;", "branch on an input or a result is not supported"),
    "while": ("while (true) { }", "while"),
    "call": ("std::sort(unscaled, unscaled + 3);", "function is not supported"),
    "index": ("scaled[0] = unscaled[99] ;", "beyond an array"),
    "name": ("scaled[0] = unscaled[0] - no_such_table[0];", "unknown name"),
    "unwritten": ("scaled[0] = unscaled[0];", "read before it is written"),
    "shift": ("scaled[0] = unscaled[0] >> unscaled[1];", "shift by a value that depends on the inputs"),
    "division": ("scaled[0] = unscaled[0] / unscaled[1];", "division of integers or fixed-point values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused(case: str, tmp_path: Path) -> None:
    scaling, message = REFUSED[case]
    layout = Layout(wrapper=wrapper(scaling), scales=SCALES, headers=False)
    with pytest.raises(InputError, match=message):
        import_package(write_package(tmp_path / "Net_v1", layout))


def test_missing_parts_are_named(tmp_path: Path) -> None:
    folder = write_package(
        tmp_path / "Net_v1", Layout(wrapper=simple_wrapper(NAMESPACE, "NN/"), headers=False)
    )
    (folder / "NN" / "Net_v1.cpp").unlink()
    with pytest.raises(InputError, match=r"the network that predict\(\) calls is not in the package"):
        import_package(folder)
    with pytest.raises(InputError, match="is not an hls4ml project or emulator package"):
        import_package(_empty(tmp_path))


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _loaded_from_text(folder: Path) -> Path:
    """Arrays without values in C++; the numbers stand in ``weights/*.txt``, loaded on the first call."""
    load = """
#ifndef __SYNTHESIS__
    static bool loaded_weights = false;
    if (!loaded_weights) {
        nnet::load_weights_from_txt<weight2_t, 54>(w2, "w2.txt");
        nnet::load_weights_from_txt<bias2_t, 6>(b2, "b2.txt");
        nnet::load_weights_from_txt<weight4_t, 24>(w4, "w4.txt");
        nnet::load_weights_from_txt<bias4_t, 4>(b4, "b4.txt");
        loaded_weights = true;
    }
#endif
"""
    layout = Layout(weights="folder", guard=load, wrapper=simple_wrapper(NAMESPACE, "NN/"))
    write_package(folder, layout)
    network = folder / "NN"
    for path in (network / "weights").glob("*.h"):
        name = path.stem
        text = path.read_text()
        values = text.split("{")[-2 if text.count("{") > 2 else -1].split("}")[0]
        path.with_suffix(".txt").write_text(values)
        head, _, tail = text.partition(" = {")
        path.write_text(f"{head};{tail.partition('};')[2]}")
        assert name in head
    return folder


def test_weights_in_text_files(tmp_path: Path) -> None:
    """What is loaded counts: the arrays in the headers have no values."""
    imported = import_package(_loaded_from_text(tmp_path / "Net_v1"))
    assert imported.graph["mu"].constants["weight"].data.any()
    assert exact(imported)


def test_distance_of_embedding_and_reconstruction(tmp_path: Path) -> None:
    """Version 5: the network ends with the squared norm of embedding − decoder(encoder(embedding))."""
    wrapped = changed(
        wrapper(loss="\n      resultsq_t loss = result_p[0];\n      return loss;"),
        ("N_LAYER_4", "N_LAYER_6"),
        ("result_p->first[i] = _result[i];", "result_p->first[i] = _result[i];"),
    )
    folder = write_package(tmp_path / "Net_v1", Layout(sizes=(9, 6, 6), wrapper=wrapped, scales=SCALES))
    network = folder / "NN"
    top = network / "Net_v1.cpp"
    end = "    nnet::dense<layer3_t, result_t, config4>(layer3_out, layer4_out, w4, b4); // mu\n"
    distance = """    layer4_t layer4_out[N_LAYER_4];
    nnet::dense<layer3_t, layer4_t, config4>(layer3_out, layer4_out, w4, b4); // decoder
    layer5_t layer5_out[N_LAYER_4];
    nnet::subtract<layer3_t, layer4_t, layer5_t, config5>(layer3_out, layer4_out, layer5_out); // difference
    nnet::dot1d<layer5_t, layer5_t, result_t, config6>(layer5_out, layer5_out, layer6_out); // norm
"""
    top.write_text(
        changed(top.read_text(), (end, distance), ("layer4_out[N_LAYER_4]\n)", "layer6_out[N_LAYER_6]\n)"))
    )
    header = network / "Net_v1.h"
    header.write_text(changed(header.read_text(), ("layer4_out[N_LAYER_4]", "layer6_out[N_LAYER_6]")))
    defines = network / "defines.h"
    defines.write_text(
        changed(
            defines.read_text(),
            ("typedef ap_fixed<18,8> result_t;", "typedef ap_ufixed<18,14,AP_TRN,AP_SAT> result_t;"),
            (
                "static const int N_LAYER_4=6;\n",
                "static const int N_LAYER_4=6;\nstatic const int N_LAYER_6=1;\n",
            ),
            (
                "typedef ap_ufixed<18, 14> resultsq_t;",
                "typedef ap_fixed<18,8> layer4_t;\ntypedef ap_fixed<19,9> layer5_t;\n"
                "typedef ap_ufixed<18, 14> resultsq_t;",
            ),
        )
    )
    parameters = network / "parameters.h"
    configs = """struct config5 : nnet::merge_config {
    static const unsigned n_elem = 6;
    static const unsigned reuse_factor = 1;
};
struct config6 : nnet::dot_config {
    static const unsigned n_in = 6;
    static const unsigned n_out = 1;
    static const unsigned reuse_factor = 1;
    typedef ap_fixed<40,22> accum_t;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
};
"""
    text = '#include "nnet_utils/nnet_merge.h"\n' + parameters.read_text()
    parameters.write_text(changed(text, ("struct relu_config3", configs + "struct relu_config3")))
    imported = import_package(folder)
    assert exact(imported)
    assert [imported.graph[name].size for name in imported.graph.outputs] == [1] * len(imported.graph.outputs)
