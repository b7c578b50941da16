"""Projects are read with the meaning of their own nnet_utils: each is compared with its own compiled C++."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.fuzz.campaign import build, stimuli
from l1forge.firmware.hls.fuzz.harness import compile_together, describe, run
from l1forge.firmware.hls.fuzz.network import Network
from l1forge.firmware.hls.project.headers.definitions import definitions
from l1forge.firmware.hls.project.headers.recognise import NOW, known
from l1forge.firmware.hls.project.preprocess import Macros
from l1forge.firmware.hls.project.source import Source
from l1forge.firmware.hls.translate.graph import import_project
from l1forge.firmware.verify import compare_with_graph

from . import old_headers
from .networks import drawn

pytestmark = pytest.mark.filterwarnings("ignore")

TYPES = {"result": "fixed<12,5>"}


def project(network: Network, folder: Path, name: str = "", text: str = "") -> Path:
    """A project with the headers of hls4ml 1.3, one replaced, and the constants that older ones read."""
    build(network, "net0", folder / "net0")
    firmware = folder / "net0" / "firmware"
    old_headers.write_all(firmware / "nnet_utils")
    if name:
        (firmware / "nnet_utils" / name).write_text(text, encoding="utf-8")
    parameters = firmware / "parameters.h"
    size = r"\g<0> static const unsigned table_size = \1;"
    changed = re.sub(r"static const unsigned exp_table_size = (\d+);", size, parameters.read_text("utf-8"))
    parameters.write_text(changed, encoding="utf-8")
    return folder / "net0"


def compiled(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Some hundred events, and what the project's C++ makes of them."""
    built = describe("net0", folder)
    library = ctypes.CDLL(str(compile_together([built], folder.parent)))
    size = built.source.arrays[built.inputs[0]][1]
    inputs = [stimuli(np.random.default_rng(1), built.type(built.inputs[0]), size, 300)]
    found = run(library, built, inputs)
    assert len(np.unique(found[0])) > 1
    return inputs, found


def mismatches(folder: Path, inputs: list[np.ndarray], found: list[np.ndarray]) -> int:
    """Events in which the graph differs from its C++."""
    outcomes = compare_with_graph(import_project(folder), inputs, found)
    return sum(outcome.mismatches for outcome in outcomes)


def narrow(network: Network) -> Network:
    """With an accumulator of pooling that is not what older headers sum in."""
    for types in network.precision.values():
        if "accum" in types:
            types["accum"] = "fixed<6,2>"
    return network


OLD: dict[str, tuple[Callable[[], Network], str, Callable[[], str]]] = {
    "global average": (
        lambda: narrow(drawn("global_pool", shape=(6, 2), types=TYPES, seed=4)),
        "nnet_pooling.h",
        old_headers.pooling_before_1_0,
    ),
    "average of unsigned": (
        lambda: narrow(unsigned(drawn("global_pool", shape=(5, 2), types=TYPES, seed=4))),
        "nnet_pooling.h",
        old_headers.pooling_before_1_0,
    ),
    "softmax": (
        lambda: drawn("softmax", shape=(6,), types=TYPES, seed=5),
        "nnet_activation.h",
        old_headers.activation_before_1_2,
    ),
    "binary tanh": (lambda: binary_tanh(), "nnet_activation.h", old_headers.binary_tanh_before_1_2),
}


def unsigned(network: Network) -> Network:
    network.precision[network.layers[0]["name"]]["result"] = "ufixed<6,3,RND,SAT>"
    return network


def binary_tanh() -> Network:
    layers = [
        {"class_name": "InputLayer", "name": "x", "inputs": ["input"], "input_shape": [3]},
        {"class_name": "Activation", "name": "a", "inputs": ["x"], "n_in": 3, "activation": "binary_tanh"},
    ]
    return Network(layers, {"x": {"result": "fixed<4,2>"}, "a": {"result": "fixed<4,3>"}}, ["a"])


@pytest.mark.parametrize("case", OLD)
def test_old_headers_are_read_as_they_are(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, name, text = OLD[case]
    folder = project(network(), tmp_path, name, text())
    inputs, found = compiled(folder)
    assert mismatches(folder, inputs, found) == 0
    if case != "softmax":  # its tables have other types: without the meaning it would not be read at all
        monkeypatch.setattr(Source, "means", lambda self, name, meaning: False)
        assert mismatches(folder, inputs, found) > 0


def test_installed_headers_mean_what_is_translated(tmp_path: Path) -> None:
    """Whatever a project of the installed hls4ml reaches is listed."""
    folder = project(drawn("dense", "activation", shape=(4,), types=TYPES), tmp_path)
    source = describe("net0", folder).source
    assert source.notes == []
    assert {"dense", "dense_latency", "mult"} <= source.meanings.keys()
    assert {meaning for meanings in source.meanings.values() for meaning in meanings} == {NOW}


@pytest.mark.parametrize(
    ("name", "old", "new", "function"),
    [
        ("nnet_pooling.h", r"y \+= x\[i\];", "y += x[i] / 2;", "avg"),
        ("nnet_pooling.h", r"y = x\[i\] > y", "y = x[i] >= y", "max"),
        ("nnet_pooling.h", r"res\[ff\] = pool_op", "res[ff] = 2 * pool_op", "global_pooling1d_cl"),
    ],
)
def test_unknown_functions_are_refused_by_name(
    name: str, old: str, new: str, function: str, tmp_path: Path
) -> None:
    text = old_headers.changed(old_headers.header(name), (old, new))
    folder = project(drawn("global_pool", shape=(6, 2), types=TYPES, seed=4), tmp_path, name, text)
    with pytest.raises(InputError, match=f"{function} is of no release of hls4ml") as caught:
        import_project(folder)
    assert str(caught.value.file).endswith(name)
    assert "\n" not in str(caught.value)


def test_functions_that_no_call_reaches_do_not_matter(tmp_path: Path) -> None:
    network = drawn("dense", shape=(4,), types=TYPES)
    plain = import_project(project(network, tmp_path / "plain"))
    text = old_headers.changed(old_headers.header("nnet_pooling.h"), (r"y \+= x\[i\];", "y -= x[i];"))
    folder = project(network, tmp_path / "changed", "nnet_pooling.h", text)
    (folder / "firmware" / "nnet_utils" / "nnet_dense_old.h").write_text("void dense() { wrong(); }")
    assert [node.op for node in import_project(folder).nodes] == [node.op for node in plain.nodes]


def test_missing_header_is_an_error_and_no_headers_a_note(tmp_path: Path) -> None:
    folder = project(drawn("dense", shape=(4,), types=TYPES), tmp_path)
    headers = folder / "firmware" / "nnet_utils"
    (headers / "nnet_dense.h").unlink()
    with pytest.raises(InputError, match=r"nnet_dense\.h: is included, but does not exist"):
        import_project(folder)
    for path in headers.glob("*.h"):
        path.unlink()
    notes: list[str] = []
    import_project(folder, tell=notes.append)
    assert len(notes) == 1
    assert "read as those of hls4ml 1.3" in notes[0]


def digest(text: str) -> tuple[str, str]:
    (one,) = definitions(text, Path("h.h"), Macros())
    return one.name, one.digest


def test_digest_ignores_how_a_function_is_written() -> None:
    plain = digest("namespace nnet { template <class T> T twice(T x) { return nnet::sum(x, x); } }")
    assert plain[0] == "twice"
    assert plain == digest(
        """#define OTHER 1
        namespace model_v5 { // of the package
        namespace nnet {
        template<typename T>
        T twice(T x) {
            #pragma HLS INLINE
            if (CONFIG_T::io_type == io_serial) {
                #pragma HLS UNROLL
            }
            /* both */ return model_v5::nnet::sum( x,x ); // done
        }
        } }"""
    )
    assert plain != digest("template <class T> T twice(T x) { return nnet::sum(x, -x); }")


def test_every_digest_is_listed_once() -> None:
    assert len({digest for _, digest in known()}) >= len(known()) - 5
    assert {"now", "own_type", "one_table_size", "above_zero"} <= set(known().values())
