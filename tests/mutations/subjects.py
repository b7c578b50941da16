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
    "xgboost": Subject("bad.json", _copy("xgboost-3.2.0-binary.json"), mutate.JSON, BDT),
}
