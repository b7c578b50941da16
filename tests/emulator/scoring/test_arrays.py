"""Arrays as input of a graph: raw integers, floats that are cast and counted, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.kernel import compile_graph
from l1forge.emulator.scoring.arrays import CastCounts, holds_arrays, open_arrays

NARROW = FixedType.parse("fixed<6,4,RND_CONV,SAT>")
X = np.arange(-12, 12).reshape(6, 4)


def graph_of(*types, source=False, meta=None):
    """One input of four elements for each type; each is cast to a wide type."""
    wide = FixedType.parse("fixed<20,12>")
    attributes = {"source": [f"jet.et[{i}]" for i in range(4)]} if source else {}
    inputs = [Node(f"in{i}", "input", (), (2, 2), kind, attributes) for i, kind in enumerate(types)]
    outputs = [Node(f"out{i}", "cast", (f"in{i}",), (4,), wide) for i in range(len(types))]
    nodes = [*inputs, *(Node(n.name, "reshape", n.inputs, (4,), wide) for n in outputs)]
    return Graph("small", nodes, [node.name for node in outputs], meta or {})


def read(path, graph, **options):
    source = open_arrays(path, graph, **options)
    blocks = list(source.blocks(4))  # the last one is shorter
    assert sum(next(iter(block.values())).shape[1] for block in blocks) == source.n
    arrays = {name: np.concatenate([block[name] for block in blocks], axis=1).T for name in blocks[0]}
    return arrays, source.counts


@pytest.mark.parametrize("shape", [(6, 4), (6, 2, 2)])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, ">i4"])
@pytest.mark.parametrize(
    "name", ["x.npy", "x.npz", "named.npz", "list.parquet", "columns.parquet", "meta.parquet"]
)
def test_integers_are_taken_as_they_are(tmp_path, name, dtype, shape):
    path, values = tmp_path / name, X.astype(dtype).reshape(shape)
    names = ["a", "b", "c", "d"] if name.startswith("meta") else [f"in0[{i}]" for i in range(4)]
    native = X.astype(np.dtype(dtype).newbyteorder("="))
    match name:
        case "x.npy":
            np.save(path, values)
        case "x.npz":
            np.savez(path, values)
        case "named.npz":
            np.savez_compressed(path, in0=values, other=np.zeros(3))
        case "list.parquet":
            pq.write_table(pa.table({"in0": native.tolist()}), path)
        case _:
            pq.write_table(pa.table({"extra": ["x"] * 6, **dict(zip(names, native.T, strict=True))}), path)
    graph = graph_of(NARROW, meta={"feature_names": names} if name.startswith("meta") else None)
    assert holds_arrays(path, graph)
    arrays, counts = read(path, graph)
    np.testing.assert_array_equal(arrays["in0"], X)
    assert counts == {}


def test_floats_are_cast_with_the_declared_type_and_counted(tmp_path):
    values = np.zeros((6, 4), np.float32)
    values[0] = [1.1, 1.125, -0.375, 100.0]
    values[5] = [-8.0, -9.0, np.nan, -np.inf]
    np.savez(tmp_path / "x.npz", in0=values, in1=values.reshape(6, 2, 2))
    graph = graph_of(NARROW, FixedType.parse("fixed<6,4>"))
    arrays, counts = read(tmp_path / "x.npz", graph, non_finite="zero")
    assert arrays["in0"][[0, 5]].tolist() == [[4, 4, -2, 31], [-32, -32, 0, 0]]
    assert arrays["in1"][[0, 5]].tolist() == [[4, 4, -2, 16], [-32, 28, 0, 0]]
    assert counts == {"in0": CastCounts(24, 2, 0, 1, 1, 3), "in1": CastCounts(24, 0, 2, 1, 1, 3)}
    arrays, counts = read(tmp_path / "x.npz", graph, non_finite="saturate")
    assert arrays["in1"][5].tolist() == [-32, 28, 0, -32]
    assert counts["in1"] == CastCounts(24, 0, 2, 1, 1, 3)
    with pytest.raises(InputError, match=r"in0, row 5 element 2: value is not finite \(got nan\)"):
        read(tmp_path / "x.npz", graph)


@pytest.mark.parametrize("n", [0, 1])
def test_no_event_and_one_event(tmp_path, n):
    np.save(tmp_path / "x.npy", np.zeros((n, 4)))
    source = open_arrays(tmp_path / "x.npy", graph_of(NARROW))
    assert source.n == n
    assert sum(block["in0"].shape[1] for block in source.blocks(4)) == n


def test_level_1_parquet_holds_events(tmp_path):
    pq.write_table(pa.table({"jet.et": [[1, 2]], "in0": [[1, 2, 3, 4]]}), tmp_path / "e.parquet")
    for source in (True, False):
        assert not holds_arrays(tmp_path / "e.parquet", graph_of(NARROW, source=source))
    assert not holds_arrays(tmp_path / "missing.npy", graph_of(NARROW))


def save(path, values):
    np.save(path, values)


def half(path, values):
    np.save(path, values)
    path.write_bytes(path.read_bytes()[:-8])


def half_archive(path, values):
    with path.open("wb") as file:
        np.savez(file, in0=values)
    path.write_bytes(path.read_bytes()[:-40])


def table(path, columns):
    pq.write_table(pa.table(columns), path)


def four(first):
    return {f"in0[{i}]": first if i == 0 else [1, 2] for i in range(4)}


@pytest.mark.parametrize(
    ("write", "values", "said"),
    [
        (save, X.T.copy(), "shape (n, 2, 2) expected, one row per event (got (4, 6)); transpose it"),
        (save, np.zeros(3), "shape (n, 2, 2) expected"),
        (save, np.int64(3), "shape (n, 2, 2) expected"),
        (save, np.array(["a"]), "integers or floats of at most 64 bits expected (got '<U1')"),
        (save, np.zeros((1, 4), complex), "(got 'complex128')"),
        (save, np.array([{}], object), "not a readable NumPy file"),
        (save, X * 3, "in0, row 0 element 0: value does not fit fixed<6,4,RND_CONV,SAT> (got -36)"),
        (half, X, "not a readable NumPy file"),
        (half_archive, X, "not a readable NumPy file"),
        (table, {"a": [1]}, "in0[0]: column is missing; a list column in0, or the columns in0[0],"),
        (table, four([1.5, 2]), "in0: some columns are integers, others floats"),
        (table, four([1, None]), "in0[0]: holds nulls"),
        (table, four(["1", "2"]), "in0[0]: is neither integer nor float (got 'string')"),
        (table, {"in0": [[1, 2], [3]]}, "in0: lists have different lengths"),
        (table, {"in0": [[1, 2], [3, 4]]}, "shape (n, 2, 2) expected"),
    ],
)
def test_what_is_refused(tmp_path, write, values, said):
    write(tmp_path / "x.npy", values)
    with pytest.raises(InputError) as refused:
        read(tmp_path / "x.npy", graph_of(NARROW))
    assert str(refused.value).startswith(f"{tmp_path}/x.npy: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("shape", "known", "array", "fits"),
    [
        ((4,), None, (6, 2, 2, 1), True),  # a flat input of a graph that notes no shape
        ((4,), [2, 2, 1], (6, 2, 2), True),
        ((4,), [4, 1], (6, 2, 2), False),
        ((2, 2), None, (6, 1, 2, 2), True),
        ((2, 2), None, (6, 4, 1), True),
        ((8,), [2, 4], (3, 4, 2), False),  # transposed
        ((8,), None, (4, 3, 2), False),
    ],
)
def test_the_frameworks_own_shape(tmp_path, shape, known, array, fits):
    node = Node("x", "input", (), shape, NARROW)
    result = Node("y", "cast", ("x",), shape, NARROW)
    graph = Graph("small", [node, result], ["y"], {"input_shapes": {"x": known}} if known else {})
    np.save(tmp_path / "x.npy", X.reshape(array))
    if fits:
        arrays, _ = read(tmp_path / "x.npy", graph)
        assert arrays["x"].tolist() == X.reshape(len(arrays["x"]), -1).tolist()
    else:
        with pytest.raises(InputError, match=r"shape \(n, [\d, ]+\)( or \(n, [\d, ]+\))? expected"):
            open_arrays(tmp_path / "x.npy", graph)


def test_several_inputs(tmp_path):
    graph = graph_of(NARROW, NARROW)
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(InputError, match="several inputs"):
        open_arrays(tmp_path / "x.npy", graph)
    np.savez(tmp_path / "one.npz", in0=X)
    with pytest.raises(InputError, match=r"in1: array is missing \(got \['in0'\]\)"):
        open_arrays(tmp_path / "one.npz", graph)
    np.savez(tmp_path / "two.npz", in0=X, in1=X[:3])
    with pytest.raises(InputError, match="different numbers of events"):
        open_arrays(tmp_path / "two.npz", graph)


def test_emulate_command_scores_arrays(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    graph = graph_of(FixedType.parse("fixed<6,4>"))
    graph.save("model.json")
    values = X / 4 + 0.1
    values[2, 3] = 9.0
    np.save("x.npy", values)
    with pytest.raises(SystemExit) as end:
        main(["emulate", "model.json", "x.npy", "-o", "s.npz", "--json", "s.json", "--block", "4"])
    assert end.value.code == 0
    assert (
        "floats of in0: 24 values, 0 saturated, 1 wrapped, 0 NaN, 0 infinite, 23 rounded"
        in capsys.readouterr().out
    )
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["casts"] == {
        "in0": {"values": 24, "saturated": 0, "wrapped": 1, "nan": 0, "infinite": 0, "rounded": 23}
    }
    expected = X.copy()
    expected[2, 3] = 36 - 64
    with np.load("s.npz") as scores:
        ours = compile_graph(graph).run_array(expected.T.copy())["out0"]
        np.testing.assert_array_equal(scores["out0"], ours.T)
        assert json.loads(str(scores["l1forge"]))["types"] == {"out0": "fixed<20,12>"}
