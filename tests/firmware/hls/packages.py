"""Small emulator packages with random weights, in the layouts in which experiments publish them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADERS = ("nnet_utils/nnet_common.h", "nnet_utils/nnet_dense.h", "nnet_utils/nnet_activation.h")


@dataclass
class Layout:
    """How a package is written. ``constants``: define, static, constexpr; ``weights``: one, folder, cpp."""

    name: str = "Net_v1"
    sizes: tuple[int, ...] = (9, 6, 4)
    folder: str = "NN"
    constants: str = "static"
    weights: str = "one"
    namespace: str = "hls4ml_net_v1"
    guard: str = ""
    file: str = ""
    headers: bool = True
    header_folder: str = "nnet_utils"
    relu: str = "ap_ufixed<10,6,AP_RND_CONV,AP_SAT>"
    result: str = "ap_fixed<18,8>"
    wrapper: str = ""
    scales: str = ""
    seed: int = 1
    extra: dict[str, str] = field(default_factory=dict)


def scales(size: int, namespace: str, seed: int = 3) -> str:
    """``scales.h`` with offsets that their type rounds, and shifts of which one is negative."""
    rng = np.random.default_rng(seed)
    shifts = rng.integers(0, 6, size)
    shifts[1] = -1
    offsets = rng.integers(-80, 80, size) / 2
    return f"""#ifndef SCALES_H_
#define SCALES_H_
#include "NN/Net_v1.h"
namespace {namespace} {{
typedef ap_fixed<5,5> ad_shift_t;
typedef ap_fixed<10,10> ad_offset_t;
const ad_shift_t ad_shift[{size}] = {{{", ".join(map(str, shifts))}}};
const ad_offset_t ad_offsets[{size}] = {{{", ".join(map(str, offsets))}}};
}} // namespace
#endif
"""


SCALING = """
    for (int i = 0; i < N_INPUT_1_1; i++) {
      unscaled_t tmp0 = unscaled[i] - hls4ml_net_v1::ad_offsets[i];
      input_t tmp1 = tmp0 >> hls4ml_net_v1::ad_shift[i];
      scaled[i] = tmp1;
    }"""

SUM_OF_SQUARES = """
      resultsq_t squares[N_LAYER_4];
      resultsq_t square_sum;
      for (int i = 0; i < N_LAYER_4; i++) {
        squares[i] = result_p[i] * result_p[i];
      }
      nnet::Op_add<resultsq_t> op;
      square_sum = nnet::reduce<resultsq_t, N_LAYER_4, nnet::Op_add<resultsq_t>>(squares, op);
      return square_sum;"""


def wrapper(scaling: str = SCALING, loss: str = SUM_OF_SQUARES, name: str = "Net_v1") -> str:
    """A class as the anomaly trigger's: offsets and shifts before the network, a score behind it."""
    return f"""#include "NN/{name}.h"
#include "emulator.h"
#include "NN/nnet_utils/nnet_common.h"
#include <any>
#include <array>
#include <utility>
#include "ap_fixed.h"
#include "scales.h"

using namespace hls4ml_net_v1;

class Net_emulator_v1 : public hls4mlEmulator::Model {{

private:
    unscaled_t _unscaled_input[N_INPUT_1_1];
    input_t _scaled_input[N_INPUT_1_1];
    result_t _result[N_LAYER_4];
    resultsq_t _loss; // the score

  virtual void _scale(unscaled_t unscaled[N_INPUT_1_1], input_t scaled[N_INPUT_1_1])
  {{{scaling}
  }}

  virtual resultsq_t _computeLoss(result_t result_p[N_LAYER_4]) {{{loss}
  }}

public:
  virtual void prepare_input(std::any input) {{
    unscaled_t *unscaled_input_p = std::any_cast<unscaled_t*>(input);
    for (int i = 0; i < N_INPUT_1_1; i++) {{
      _unscaled_input[i] = std::any_cast<unscaled_t>(unscaled_input_p[i]);
    }}
    _scale(_unscaled_input, _scaled_input);
  }}

  virtual void predict() {{
    {name}(_scaled_input, _result);
    _loss = _computeLoss(_result);
  }}

  virtual void read_result(std::any result) {{
    std::pair<std::array<result_t, N_LAYER_4>, resultsq_t> *result_p =
        std::any_cast<std::pair<std::array<result_t, N_LAYER_4>, resultsq_t>*>(result);
    for (int i = 0; i < N_LAYER_4; i++) {{
      result_p->first[i] = _result[i];
    }}
    result_p->second = _loss;
  }}
}};

extern "C" hls4mlEmulator::Model* create_model() {{ return new Net_emulator_v1; }}
extern "C" void destroy_model(hls4mlEmulator::Model* m) {{ delete m; }}
"""


LOOPS = {
    "sum of squares": """
    resultsq_t sum = 0;
    for (int i = 0; i < N_LAYER_4; i++) sum += result_p[i] * result_p[i];
    return sum;""",
    "difference": """
    resultsq_t sum = 0;
    const int half = N_LAYER_4 / 2;
    for (int i = 0; i < half; ++i) {
      ap_fixed<20,10> d = result_p[i] - result_p[half + i];
      sum = sum + d * d;
    }
    return sum;""",
    "maximum": """
    nnet::Op_max<result_t> op;
    result_t largest = nnet::reduce<result_t, N_LAYER_4, nnet::Op_max<result_t>>(result_p, op);
    resultsq_t loss;
    loss = largest;
    return loss;""",
}
"""Scores that are written out."""


def simple_wrapper(namespace: str, place: str = "", base: str = "hls4mlEmulator::Model") -> str:
    """A class that passes inputs and results on."""
    using = f"using namespace {namespace};\n" if namespace else ""
    return f"""#include "{place}Net_v1.h" //include of the top level of HLS model
#include "emulator.h" //include of emulator modeling
#include <any>
#include "ap_fixed.h"
{using}
class Net_emulator_v1 : public {base}{{
    private:
        input_t _input[N_INPUT_1_1];
        result_t _result[N_LAYER_4];
    public:
        virtual void prepare_input(std::any input)
        {{
            input_t* input_p = std::any_cast<input_t*>(input);
            for(int i = 0; i < N_INPUT_1_1; ++i)
                _input[i] = std::any_cast<input_t>(input_p[i]);
        }}

        virtual void predict()
        {{
            Net_v1(_input, _result);
        }}

        virtual void read_result(std::any result)
        {{
            result_t *result_p = std::any_cast<result_t*>(result);
            for (int i = 0; i < N_LAYER_4; ++i)
                result_p[i] = _result[i];
        }}
}};

extern "C" {base}* create_model()
{{
    return new Net_emulator_v1;
}}

extern "C" void destroy_model({base}* m)
{{
    delete m;
}}"""


def write_package(folder: Path, layout: Layout) -> Path:
    """Write a package of two dense layers; returns its folder."""
    network = folder / layout.folder if layout.folder else folder
    network.mkdir(parents=True, exist_ok=True)
    for name, text in _network(layout, network).items():
        (network / name).parent.mkdir(parents=True, exist_ok=True)
        (network / name).write_text(text, encoding="utf-8")
    if layout.headers:
        copy_headers(network / layout.header_folder)
    if layout.scales:
        (folder / "scales.h").write_text(layout.scales, encoding="utf-8")
    if layout.wrapper:
        (folder / "Net_emulator_v1.cpp").write_text(layout.wrapper, encoding="utf-8")
    for name, text in layout.extra.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def copy_headers(target: Path) -> None:
    """The headers of the installed hls4ml."""
    import importlib.util

    found = importlib.util.find_spec("hls4ml")
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent / "templates" / "vivado" / "nnet_utils"
    shutil.copytree(source, target)


def _constants(layout: Layout) -> str:
    numbers = [("N_INPUT_1_1", layout.sizes[0])]
    numbers += [(f"N_LAYER_{2 * k + 2}", n) for k, n in enumerate(layout.sizes[1:])]
    form = {
        "define": "#define {} {}\n",
        "static": "static const int {}={};\n",
        "constexpr": "inline constexpr std::size_t {} = {};\n",
        "braces": "constexpr unsigned {}{{{}}};\n",
    }[layout.constants]
    return "".join(form.format(*number) for number in numbers)


def _numbers(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{v:.3f}" for v in values.ravel())


def _network(layout: Layout, network: Path) -> dict[str, str]:
    n, name = layout.sizes, layout.name
    rng = np.random.default_rng(layout.seed)
    weights = {
        "w2": rng.integers(-16, 16, (n[0], n[1])) / 8,
        "b2": rng.integers(-16, 16, n[1]) / 8,
        "w4": rng.integers(-16, 16, (n[1], n[2])) / 8,
        "b4": rng.integers(-16, 16, n[2]) / 8,
    }
    kind = {"w2": "weight2_t", "b2": "bias2_t", "w4": "weight4_t", "b4": "bias4_t"}
    opened, closed = (f"namespace {layout.namespace} {{\n", "}\n") if layout.namespace else ("", "")
    types = f"""typedef ap_fixed<14,6,AP_RND_CONV,AP_SAT> input_t;
typedef ap_fixed<24,14> layer2_t;
typedef ap_fixed<6,3> weight2_t;
typedef ap_fixed<6,3> bias2_t;
typedef ap_uint<1> layer2_index;
typedef {layout.relu} layer3_t;
typedef ap_fixed<18,8> relu_table_t;
typedef {layout.result} result_t;
typedef ap_fixed<6,3> weight4_t;
typedef ap_fixed<6,3> bias4_t;
typedef ap_uint<1> layer4_index;
typedef ap_ufixed<18, 14> resultsq_t; // the score
typedef ap_fixed<18,13> unscaled_t;
"""
    declared = "".join(f"extern {kind[k]} {k}[{v.size}];\n" for k, v in weights.items())
    files = {
        "defines.h": f'#ifndef DEFINES_H_\n#define DEFINES_H_\n#include "ap_int.h"\n#include "ap_fixed.h"\n'
        f'#include "{layout.header_folder}/nnet_types.h"\n#include <cstddef>\n'
        + (_constants(layout) if layout.constants == "define" else "")
        + opened
        + (_constants(layout) if layout.constants != "define" else "")
        + types
        + (declared if layout.weights != "folder" else "")
        + closed
        + "#endif\n",
    }
    arrays = {k: f"{kind[k]} {k}[{v.size}] = {{{_numbers(v)}}};\n" for k, v in weights.items()}
    included = ""
    if layout.weights == "one":
        body = "".join(arrays.values())
        files["weights.h"] = (
            f'#ifndef W_H_\n#define W_H_\n#include "defines.h"\n{opened}{body}{closed}#endif\n'
        )
        included = '#include "weights.h"\n'
    elif layout.weights == "cpp":
        files["weights.cpp"] = f'#include "defines.h"\n{opened}{"".join(arrays.values())}{closed}'
    else:
        for k, text in arrays.items():
            files[f"weights/{k}.h"] = (
                f"#ifndef {k.upper()}_H_\n#define {k.upper()}_H_\n{opened}{text}{closed}#endif\n"
            )
            included += f'#include "weights/{k}.h"\n'
            files[f"weights/{k}.txt"] = _numbers(weights[k] + 1)  # out of date: not to be read
    files["parameters.h"] = (
        "#ifndef PARAMETERS_H_\n#define PARAMETERS_H_\n"
        + "".join(
            f'#include "{layout.header_folder}/nnet_{h}.h"\n'
            for h in ("helpers", "activation", "dense", "dense_latency")
        )
        + f'#include "defines.h"\n{included}{opened}{_configs(n)}{closed}#endif\n'
    )
    files[f"{name}.h"] = (
        f'#ifndef {name.upper()}_H_\n#define {name.upper()}_H_\n#include "defines.h"\n{opened}'
        f"void {name}(input_t x[N_INPUT_1_1], result_t layer4_out[N_LAYER_4]);\n{closed}#endif\n"
    )
    files[layout.file or f"{name}.cpp"] = f"""#include <iostream>
#include "{name}.h"
#include "parameters.h"

{opened}
void {name}(
    input_t x[N_INPUT_1_1],
    result_t layer4_out[N_LAYER_4]
) {{
    #pragma HLS PIPELINE
{layout.guard}
    layer2_t layer2_out[N_LAYER_2];
    #pragma HLS ARRAY_PARTITION variable=layer2_out complete dim=0
    nnet::dense<input_t, layer2_t, config2>(x, layer2_out, w2, b2); // dense

    layer3_t layer3_out[N_LAYER_2];
    nnet::relu<layer2_t, layer3_t, relu_config3>(layer2_out, layer3_out); // relu

    nnet::dense<layer3_t, result_t, config4>(layer3_out, layer4_out, w4, b4); // mu
}}
{closed}"""
    return files


def _configs(n: Sequence[int]) -> str:
    dense = "".join(
        f"""struct config{k} : nnet::dense_config {{
    static const unsigned n_in = {n[k // 2 - 1]};
    static const unsigned n_out = {n[k // 2]};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 1;
    static const unsigned n_zeros = 0;
    static const unsigned n_nonzeros = {n[k // 2 - 1] * n[k // 2]};
    static const bool store_weights_in_bram = false;
    typedef ap_fixed<30,18> accum_t;
    typedef bias{k}_t bias_t;
    typedef weight{k}_t weight_t;
    typedef layer{k}_index index_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};
"""
        for k in (2, 4)
    )
    return (
        dense
        + f"""struct relu_config3 : nnet::activ_config {{
    static const unsigned n_in = {n[1]};
    static const unsigned table_size = 1024;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    typedef relu_table_t table_t;
}};
"""
    )


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """``text`` with each first string of a pair replaced by the second; each must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


CODE = """#ifndef NNET_INSTR_GEN_H_
#define NNET_INSTR_GEN_H_
#include "nnet_common.h"
#include "nnet_function_stubs.h"
#include "nnet_mult.h"
namespace Net_v1_code {
using nnet::bit_shift;
// hls4ml insert code
template <typename inp_t, typename out_t>
void dense_da_2(inp_t inp[9], out_t out[6]) {
    #pragma HLS INLINE
    // ========================== Latency: 1 ==========================
    ap_fixed<16, 8> v0 = bit_shift<-1>(inp[0]) + bit_shift<-2>(inp[4]);
    ap_fixed<16, 8> v1 = inp[2] - inp[3];
    ap_fixed<17, 9> v2 = v0 - bit_shift<1>(v1);
    out[0] = v2;
    out[1] = v1;
    out[2] = -v0;
    out[3] = bit_shift<1>(inp[8]);
    out[4] = inp[5] + inp[6];
    out[5] = inp[7] - v0;
}
// hls4ml insert code end
}
#endif
"""
"""Distributed arithmetic as in packages: another namespace, arguments ``inp`` and ``out``."""


def written_wrapper(taken: str, copied: str, result: str, given: str = "", members: str = "") -> str:
    """A class with other ways of taking inputs and giving results."""
    return f"""#include "NN/Net_v1.h"
#include "emulator.h"
#include <any>
#include <array>
#include <utility>
using namespace hls4ml_net_v1;
{given}
class Net_emulator_v1 : public hls4mlEmulator::Model {{
  private:
    input_t _input[N_INPUT_1_1];
    result_t _result[N_LAYER_4];
{members}
  public:
    virtual void prepare_input(std::any input) override {{
        {taken}
        {copied}
    }}
    virtual void predict() override {{ Net_v1(_input, _result); }}
    virtual void read_result(std::any result) override {{
        {result}
    }}
}};
extern "C" hls4mlEmulator::Model* create_model() {{ return new Net_emulator_v1; }}
extern "C" void destroy_model(hls4mlEmulator::Model* m) {{ delete m; }}
"""
