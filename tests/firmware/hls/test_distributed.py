"""Distributed arithmetic: logic written by da4ml, read back as a graph, compared with the C++ itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.fuzz.campaign import build
from l1forge.firmware.hls.fuzz.network import DISTRIBUTED, Network
from l1forge.firmware.hls.translate.graph import import_project

from .networks import compare, drawn

pytestmark = pytest.mark.filterwarnings("ignore")


def dense() -> Network:
    return drawn("dense", shape=(4,), types={"result": "fixed<20,10>"}, seed=7, strategy=DISTRIBUTED)


def test_dense_with_its_quantiser_inside(tmp_path: Path) -> None:
    """An HGQ quantiser moves into the logic of the dense layer; the graph keeps one dense node."""
    network = drawn(
        "quantiser", "dense", shape=(5,), types={"result": "fixed<14,7,RND_CONV,SAT>"}, strategy=DISTRIBUTED
    )
    graph = compare(network, tmp_path)
    assert not list((tmp_path / "net0" / "firmware" / "weights").glob("w*"))
    assert [node.op for node in graph.nodes].count("dense") == 1


def test_convolution_and_einsum(tmp_path: Path) -> None:
    types = {"accum": "fixed<18,9>", "result": "fixed<12,6,RND,SAT>"}
    compare(
        drawn("conv1d", "einsum_dense", shape=(5, 3), types=types, seed=8, strategy=DISTRIBUTED), tmp_path
    )


def test_convolution_in_two_dimensions(tmp_path: Path) -> None:
    compare(
        drawn("conv2d", shape=(4, 3, 2), types={"result": "fixed<12,6>"}, seed=2, strategy=DISTRIBUTED),
        tmp_path,
    )


def _logic(text: str) -> str:
    found = re.search(r"void dense_da_\d+.*?\n\}", text, flags=re.S)
    assert found is not None
    return found.group(0)


def test_statements_that_lose_bits(tmp_path: Path) -> None:
    """Not what da4ml writes: every sum is cast to a type that is too narrow for it."""

    def narrow(text: str) -> str:
        old = _logic(text)
        new = re.sub(r"ap_fixed<(\d+),(\d+)> (v\d+ = v)", r"ap_fixed<6,4,AP_RND,AP_SAT> \3", old)
        assert new != old
        return text.replace(old, new)

    graph = compare(dense(), tmp_path, narrow)
    assert [node.op for node in graph.nodes].count("dense") > 1


def test_logic_that_is_not_linear(tmp_path: Path) -> None:
    """Comparisons, products, constants and a table, as da4ml writes them for other layers."""
    network = dense()
    n_out = network.layers[-1]["n_out"]
    body = """
    static const ap_fixed<5,2> table_a[] = {0, 0.5, 1, 1.5, -2, -1.5, 0.25, -0.125};
    ap_fixed<8,3> v0 = model_inp[0];
    ap_fixed<8,3> v1 = model_inp[1];
    ap_fixed<3,3> v2 = model_inp[2];
    ap_ufixed<7,2> v4 = v0 > 0 ? ap_ufixed<7,2>(v0) : ap_ufixed<7,2>(0);
    ap_fixed<16,6> v5 = v0 * v1; // 3.0
    ap_fixed<9,4> v6 = v1[7] ? ap_fixed<9,4>(-v1) : ap_fixed<9,4>(bit_shift<-1>(v0));
    ap_fixed<5,2> v7 = table_a[v2.range()];
    ap_fixed<12,5> v8 = v6 - ap_ufixed<2,1>(1.5);
    ap_ufixed<2,1> v9 = 0.5;
    ap_fixed<9,4> v10 = v4[6] ? ap_fixed<9,4>(v9) : ap_fixed<9,4>(v0);
    """
    values = ["v4", "-v5", "v7", "bit_shift<2>(v8)", "v10 + v9", "v6"]
    writes = [f"model_out[{i}] = ap_fixed<24,10>({values[i % len(values)]});" for i in range(n_out)]

    def other(text: str) -> str:
        old = _logic(text)
        head = old[: old.index("#pragma HLS INLINE") + len("#pragma HLS INLINE")]
        return text.replace(old, "\n".join([head, body, *writes, "}"]))

    graph = compare(network, tmp_path, other)
    assert n_out == 6
    assert {"table", "multiply", "greater_equal"} <= {node.op for node in graph.nodes}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"= v(\d+);", r"= ~v\1;", "not understood"),
        (r"= v(\d+) \+", r"= v999\1 +", "unknown name"),
        (r"model_out\[0\] = .*", "", "does not write all its outputs"),
        (r"model_out\[0\] = ", "if (true) model_out[0] = ", "statement of generated logic"),
    ],
)
def test_other_logic_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    build(dense(), "net0", tmp_path)
    path = tmp_path / "firmware" / "nnet_utils" / "nnet_code_gen.h"
    text = path.read_text(encoding="utf-8")
    changed = text.replace(_logic(text), re.sub(old, new, _logic(text), count=1))
    if changed == text:  # the logic has no such statement: put one in
        changed = text.replace("#pragma HLS INLINE", "#pragma HLS INLINE\n    ap_fixed<8,3> v998 = ~v0;")
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        import_project(tmp_path)
    assert "layer dense" in str(caught.value)
