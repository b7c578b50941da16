"""Which files are damaged, and the command that reads each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Constant, Graph, Node
from tests.emulator.events.test_readers import nano_branches, write_root
from tests.emulator.menu.test_front_ends import YAML as YAML_MENU
from tests.emulator.menu.test_front_ends import xml_menu
from tests.firmware.hls.packages import Layout, simple_wrapper, write_package
from tests.l1forge.broken import particles, random_events, vector
from tests.mutations import mutate

BDTS = Path(__file__).parents[1] / "firmware" / "bdt" / "data"


@dataclass(frozen=True)
class Subject:
    """A kind of file: ``write`` makes a valid one called ``name``, ``command`` reads it ("{}")."""

    name: str
    write: Callable[[Path], object]
    mutators: tuple[mutate.Mutator, ...]
    command: str


def _graph(path: Path) -> None:
    """Most operations of the contract in a few nodes."""
    rng = np.random.default_rng(7)
    byte, short, flag = (FixedType.parse(text) for text in ("fixed<8,3>", "fixed<16,8,RND,SAT>", "uint<1>"))

    def constant(*shape: int) -> Constant:
        return Constant(byte, rng.integers(-20, 20, shape))

    table = Constant(short, rng.integers(-100, 100, 16))
    sources = ["jet.et[0]", "jet.et[1]", "mu.pt[0]", "etm.et[0]"]
    one, accum = FixedType.parse("int<13>"), {"accum": "fixed<24,12>"}
    nodes = [
        Node("x", "input", (), (4,), one, {"source": sources}),
        Node("norm", "scale_bias", ("x",), (4,), short, {}, {"scale": constant(4), "bias": constant(4)}),
        Node(
            "dense", "dense", ("norm",), (3,), short, accum, {"weight": constant(4, 3), "bias": constant(3)}
        ),
        Node("relu", "relu", ("dense",), (3,), FixedType.parse("ufixed<8,4,RND_CONV,SAT>")),
        Node("index", "cast", ("relu",), (3,), FixedType.parse("uint<4,TRN,SAT>")),
        Node("table", "table", ("index",), (3,), short, {"offset": 0}, {"table": table}),
        Node("square", "square", ("relu",), (3,), short),
        Node("both", "concatenate", ("table", "square"), (6,), short, {"axis": 0}),
        Node("three", "take", ("both",), (3,), short, {"index": [5, 0, 2]}),
        Node("flags", "greater_equal", ("three", "dense"), (3,), flag),
        Node("total", "sum", ("three",), (1,), short, accum),
        Node("best", "argmax", ("dense",), (1,), FixedType.parse("uint<2>")),
    ]
    Graph("small", nodes, ["total", "flags", "best"]).save(path)


def _compiled_menu(path: Path) -> None:
    from l1forge.emulator.menu.language.load import load_menu

    source = path.with_name("source.yaml")
    source.write_text(YAML_MENU)
    load_menu(source).save(path)


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["Particles"] = particles(60)


def _nanoaod(path: Path) -> None:
    write_root(path, nano_branches())


def _copy(name: str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes((BDTS / name).read_bytes())


def _beside_a_menu(text: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.with_name("menu.yaml").write_text(MENU)
        path.write_text(text)

    return write


def _package(path: Path) -> None:
    """Files of an emulator package; ``path`` is one of them."""
    layout = Layout(wrapper=simple_wrapper("hls4ml_net_v1", "NN/"))
    write_package(Path("Net_v1"), layout)
    Path("columns.txt").write_text("".join(f"jet.et[{i}]*0.5\n" for i in range(9)))
    assert path.exists()


def _project(path: Path) -> None:
    (Path("models") / "mine").mkdir(parents=True)
    _graph(Path("models/mine/graph.json"))
    Path("menu.yaml").write_text(MENU)
    path.write_text(PROJECT)


def _onnx(path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    weight = numpy_helper.from_array(rng.integers(-8, 8, (3, 4)).astype(np.float32) / 4, "w")
    bias = numpy_helper.from_array(rng.integers(-8, 8, 4).astype(np.float32) / 4, "b")
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["d"], name="dense"),
        helper.make_node("Relu", ["d"], ["y"], name="relu"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n]) for name, n in (("x", 3), ("y", 4))
    ]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], [weight, bias])
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())


MENU = """menu: M
algorithms:
  - {index: 0, name: L1_A, seed: "MU5"}
  - {index: 3, name: L1_B, seed: "JET30 AND EG10"}
"""
DESCRIPTION = "path: mine\nmenu: menu.yaml\nmodels: {}\nclock_mhz: 40.079\norbits_per_section: 4\n"
REGISTERS = """{"format": "l1forge-registers", "version": 1,
 "menu": "M", "prescales": {"L1_A": 2, "L1_B": 1.5},
 "finor": {"L1_B": false}, "veto": {"L1_A": false}, "rules": [[1, 3], [2, 25]],
 "dead_time": 2, "buffer": [16, 200], "orbits_per_section": 4}"""
PRESCALES = "Index,Name,2p0E34,Low\n0,L1_A,2,1\n3,L1_B,100.5,0\n"
SCHEME = '{"name": "small", "trains": [[69, 12], [120, 72], [300, 48]]}'
PROJECT = """[project]
name = "mine"
models = "models"
menu = "menu.yaml"
period_ns = 4.0

[verify]
models = ["mine"]
crossings = 1000
"""
PATH = "path good.parquet --orbits 2 --threads 1 --json out.json"
COMPILE = "menu compile {} -o out.json"
CONVERT = "convert {} -o out.parquet"
BDT = "import-bdt {} -f fixed<20,10> -o out.json"
SUBJECTS = {
    "menu-xml": Subject("bad.xml", lambda path: path.write_text(xml_menu()), mutate.XML, COMPILE),
    "menu-yaml": Subject("bad.yaml", lambda path: path.write_text(YAML_MENU), mutate.TEXT, COMPILE),
    "menu-json": Subject("bad.json", _compiled_menu, mutate.JSON, COMPILE),
    "graph": Subject("bad.json", _graph, mutate.JSON, "emulate {} good.parquet --threads 1 -o out.parquet"),
    "vector": Subject("bad.txt", vector, mutate.TEXT, CONVERT),
    "parquet": Subject(
        "bad.parquet", lambda path: write_events(path, [random_events(300)]), mutate.BINARY, CONVERT
    ),
    "dense": Subject(
        "bad.parquet",
        lambda path: write_events(path, [random_events(20)], layout="dense"),
        mutate.BINARY,
        CONVERT,
    ),
    "hdf5": Subject("bad.h5", _hdf5, mutate.BINARY, CONVERT),
    "nanoaod": Subject("bad.root", _nanoaod, mutate.BINARY, CONVERT),
    "tmva": Subject("bad.xml", _copy("tmva-grad.weights.xml"), mutate.XML, BDT),
    "description": Subject(
        "bad.yaml", _beside_a_menu(DESCRIPTION), mutate.TEXT, f"{PATH} --description {{}}"
    ),
    "registers": Subject(
        "bad.json", _beside_a_menu(REGISTERS), mutate.JSON, f"{PATH} --menu menu.yaml --registers {{}}"
    ),
    "prescales": Subject(
        "bad.csv", _beside_a_menu(PRESCALES), mutate.TEXT, f"{PATH} --menu menu.yaml --prescales {{}}"
    ),
    "scheme": Subject(
        "bad.json", _beside_a_menu(SCHEME), mutate.JSON, f"{PATH} --menu menu.yaml --scheme {{}}"
    ),
    "project": Subject(
        "l1forge.toml", _project, mutate.TEXT, "emulate mine good.parquet --threads 1 -o out.parquet"
    ),
    "package-types": Subject("Net_v1/NN/defines.h", _package, mutate.TEXT, "import-hls Net_v1 -o out.json"),
    "package-network": Subject(
        "Net_v1/NN/Net_v1.cpp", _package, mutate.TEXT, "import-hls Net_v1 -o out.json"
    ),
    "package-columns": Subject(
        "columns.txt", _package, mutate.TEXT, "import-hls Net_v1 --inputs {} -o out.json"
    ),
    "onnx": Subject("bad.onnx", _onnx, mutate.BINARY, "import-model {} -t fixed<12,6> -o out.json"),
    "xgboost": Subject("bad.json", _copy("xgboost-3.2.0-binary.json"), mutate.JSON, BDT),
}
