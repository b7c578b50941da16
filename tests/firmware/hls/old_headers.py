"""hls4ml's headers of earlier releases, made from the installed ones by the edits that undo its changes.

Nothing of an old release is stored: the digests of what comes out are in ``known.json``, so that a wrong edit
is a refusal in the tests that use it.
"""

from __future__ import annotations

import re
from pathlib import Path

import hls4ml

TEMPLATES = Path(hls4ml.__file__).parent / "templates" / "vivado" / "nnet_utils"


def header(name: str) -> str:
    """A header of the installed hls4ml."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def write_all(folder: Path) -> None:
    """All headers of the installed hls4ml, as its Vitis writer puts them into a project."""
    for templates in (TEMPLATES, TEMPLATES.parents[1] / "vitis" / "nnet_utils"):
        for path in templates.glob("*.h"):
            if path.name != "nnet_code_gen.h":
                (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")


def changed(text: str, *edits: tuple[str, str]) -> str:
    """``text`` after replacements by regular expression, each of which must find something."""
    for old, new in edits:
        text, count = re.subn(old, new, text, flags=re.S)
        assert count, old
    return text


def pooling_before_1_0() -> str:
    """Averages in the data's own type, wider for plain signed types, and no type of an accumulator."""
    text = changed(
        header("nnet_pooling.h"),
        (r", typename accum_t>", ">"),
        (r"accum_t (?=max|avg|pool_op)", "T "),
        (r", accum_t>\(x", ">(x"),
        (r", typename CONFIG_T::accum_t>", ">"),
        (r",\s*typename CONFIG_T::accum_t>", ">"),
        (r"accum_t y", "T y"),
        (r", unsigned length\)", ")"),
        (r"/= length", "/= N"),
        (r"avg<T, N>\(x, length\)", "avg(x)"),
        (r"template <typename T, int N, Pool_Op op> T pool_op\(T \(&x\)\[N\]\) \{\s*return[^}]*\}", ""),
        (r"\(pool, patch_size\)", "(pool)"),
    )
    average = re.search(r"template <typename T, int N> T avg\(.*?\n\}", text, flags=re.S)
    assert average is not None
    wider = []
    for arguments, kind, wide in (
        ("int W, int N", "ap_int<W>", "ap_int<W + ceillog2(N)>"),
        ("int W, int I, int N", "ap_fixed<W, I>", "ap_fixed<W + ceillog2(N), I + ceillog2(N)>"),
    ):
        result = "tmp" if "int<" in kind else "y"
        wider.append(
            changed(
                average.group(),
                (r"typename T, int N", arguments),
                (r"return y", f"{kind} y = tmp; return {result}"),
                (r"\bT (?=avg)", f"{kind} "),
                (r"\bT \(", f"{kind} ("),
                (r"\bT y = 0", f"{wide} tmp = 0"),
                (r"\by (?=\+=|/=)", "tmp "),
            )
        )
    return text.replace(average.group(), "\n".join([*wider, average.group()]))


def activation_before_1_2() -> str:
    """A softmax with one size of table, one type for exponentials and their sum, and negative differences."""
    text = header("nnet_activation.h")
    start = text.index("template <class data_T, unsigned table_size> inline float softmax_real_val_from_idx")
    several = text.index("template <class data_T, class res_T, typename CONFIG_T>\nvoid softmax_multidim")
    end = text.index("// ***", several)
    index = r"(softmax_(?:real_val_from_idx|idx_from_real_val)<[^()]*?), CONFIG_T::(?:exp|inv)_table_size>"
    old = changed(
        text[start:several],
        (r"unsigned table_size> inline", "typename CONFIG_T> inline"),
        (r"ceillog2\(table_size\)", "ceillog2(CONFIG_T::table_size)"),
        (index, r"\1, CONFIG_T>"),
        (r", bool negative = false\)", ")"),
        (r" \* CONFIG_T::exp_scale", ""),
        (r"if \(negative\) \{.*?\n        \}", ""),
        (r"init_exp_table<typename CONFIG_T::inp_norm_t, CONFIG_T>\(exp_table, true\)",
         "init_exp_table<data_T, CONFIG_T>(exp_table)"),
        (r"typename CONFIG_T::inp_norm_t (?=d_xi)",
         "ap_fixed<data_T::width, data_T::iwidth, AP_RND, AP_SAT> "),
        (r"typename CONFIG_T::inp_norm_t", "data_T"),
        (r"x_max - data\[i\]", "data[i] - x_max"),
        (r"CONFIG_T::(?:accum_t|inv_inp_t)\b", "CONFIG_T::exp_table_t"),
        (r"CONFIG_T::(?:exp|inv)_table_size\b", "CONFIG_T::table_size"),
        (r"CONFIG_T::n_slice\b", "CONFIG_T::n_in"),
    )  # fmt: skip
    return text[:start] + old + text[end:]


def binary_tanh_before_1_2() -> str:
    """Zero counts as negative, and minus one is cast to the result."""
    text = header("nnet_activation.h")
    start = text.index("void binary_tanh(")
    end = text.index("// ***", start)
    old = changed(
        text[start:end],
        (r"using cache_T = ap_int<2>;", ""),
        (r"cache_T cache;", "res_T cache;"),
        (r"datareg >= 0", "datareg > 0"),
        (r"binary_cast<cache_T, res_T>\(cache\)", "(res_T)cache"),
    )
    return text[:start] + old + text[end:]
