"""`l1forge menu add`: the threshold that gives a rate, in a file whose comments stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import l1forge
from l1forge.cli import main
from l1forge.emulator.errors import InputError
from l1forge.emulator.events.objects import COLUMNS, Events
from l1forge.emulator.events.sink import write_any
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.graph.graph import Graph, Node
from l1forge.emulator.menu.compiled import condition_names
from l1forge.studies.menu_add import add_seed

MENU = """\
# thresholds of spring
menu: L1Menu_test     # kept as written
scores: {}
algorithms:
  - {index: 3, name: L1_Jet, seed: "JET100"}   # the only cut

  # models
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A menu, the graph ``lead`` (leading jet's energy), and 1000 crossings with energies 0 .. 999 counts."""
    (tmp_path / "menu.yaml").write_text(MENU)
    node = Node("x", "input", (), (1,), FixedType.parse("ufixed<11,11>"), {"source": ["jet.et[0]"]})
    copy = Node("score", "cast", ("x",), (1,), FixedType.parse("ufixed<11,11>"))
    Graph("lead", [node, copy], ["score"]).save(tmp_path / "lead.json")
    columns = {
        name: np.zeros((COLUMNS[name][0], 1000), np.int16) for name in COLUMNS if name.startswith("jet.")
    }
    columns["jet.et"][0] = np.arange(1000)
    write_any(tmp_path / "zb.parquet", [Events.of_rows(columns, 1000)], "parquet")
    return tmp_path


def test_the_threshold_gives_the_rate(place: Path) -> None:
    """1000 crossings stand for 30 902 kHz: 310 kHz are ten of them."""
    files = {"zero_bias": place / "zb.parquet", "models": [f"lead={place / 'lead.json'}"]}
    added = add_seed(place / "menu.yaml", "lead", 310.0, **files)
    assert (added.index, added.name, added.seed) == (4, "L1_lead", "SCORE(lead) >= 990")
    assert added.rate_khz == pytest.approx(309.0, abs=0.1)
    assert (added.replaced, added.crossings, added.pure) == (None, 1000, False)
    text = (place / "menu.yaml").read_text()
    assert text == MENU.replace("scores: {}", 'scores:\n  lead: {type: "ufixed<11,11>"}').replace(
        "  # models\n", '  # models\n  - {name: "L1_lead", seed: "SCORE(lead) >= 990"}\n'
    )
    record = json.loads((place / "menu.yaml.thresholds.json").read_text())
    assert record["L1_lead"]["threshold"] == 990
    moved = add_seed(place / "menu.yaml", "lead", 620.0, **files)
    assert (moved.index, moved.seed, moved.replaced) == (4, "SCORE(lead) >= 980", "SCORE(lead) >= 990")
    assert (place / "menu.yaml").read_text() == text.replace("990", "980")


def test_pure_counts_what_no_other_seed_takes(place: Path) -> None:
    """L1_Jet takes energies from 200 counts on: of the others, ten are 190 .. 199."""
    added = add_seed(
        place / "menu.yaml",
        "lead",
        310.0,
        pure=True,
        zero_bias=place / "zb.parquet",
        models=[f"lead={place / 'lead.json'}"],
        output=place / "new.yaml",
    )
    assert added.seed == "SCORE(lead) >= 190"
    assert added.rate_khz == pytest.approx(309.0, abs=0.1)
    assert (place / "menu.yaml").read_text() == MENU


def test_a_physical_score_is_written_in_its_unit(place: Path) -> None:
    graph = json.loads((place / "lead.json").read_text().replace("ufixed<11,11>", "ufixed<11,10>"))
    (place / "half.json").write_text(json.dumps(graph))
    text = MENU.replace("scores: {}", 'scores: {half: {type: "ufixed<11,10>", physical: true}}')
    (place / "menu.yaml").write_text(text)
    added = add_seed(
        place / "menu.yaml",
        "half",
        310.0,
        zero_bias=place / "zb.parquet",
        models=[f"half={place / 'half.json'}"],
    )
    assert (added.threshold, added.seed) == (990, "SCORE(half) >= 495.0")
    (algorithm,) = [a for a in l1forge.load_menu(place / "menu.yaml").algorithms if a.name == "L1_half"]
    (condition,) = condition_names(algorithm.expression)
    assert l1forge.load_menu(place / "menu.yaml").conditions[condition].lower == 990


@pytest.mark.parametrize(
    ("changed", "arguments", "said"),
    [
        ({}, ["--rate", "0"], "SEED=RATE expected"),
        (
            {'seed: "JET100"': 'seed: "JET100"', "L1_Jet": "L1_lead"},
            ["--rate", "1"],
            "another seed of this name",
        ),
        ({"scores: {}": 'scores: {lead: {type: "ufixed<9,9>"}}'}, ["--rate", "1"], "declares this score as"),
        ({}, ["--rate", "1", "--score", "lead.no"], "is not a score of this graph"),
        ({}, ["--rate", "1", "--score", "other"], "the menu needs a model that is not available"),
        ({"algorithms:": "algorithm:"}, ["--rate", "1"], "menu.yaml"),
    ],
)
def test_what_is_refused(
    changed: dict[str, str], arguments: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = MENU
    for old, new in changed.items():
        text = text.replace(old, new)
    (place / "menu.yaml").write_text(text)
    given = [
        "--score",
        "lead",
        "--model",
        f"lead={place / 'lead.json'}",
        "--zero-bias",
        str(place / "zb.parquet"),
    ]
    with pytest.raises(SystemExit) as end:
        main(["menu", "add", str(place / "menu.yaml"), *given, *arguments])
    assert end.value.code == 2
    assert said in capsys.readouterr().err
    assert (place / "menu.yaml").read_text() == text


def test_a_saturated_score_cannot_give_a_small_rate(place: Path) -> None:
    graph = (place / "lead.json").read_text().replace('"type": "ufixed<11,11>"', '"type": "ufixed<11,11>"')
    document = json.loads(graph)
    Graph.load(place / "lead.json")
    text = (
        json.dumps(document).replace("ufixed<11,11>", "@", 1).replace("ufixed<11,11>", "ufixed<8,8,TRN,SAT>")
    )
    (place / "small.json").write_text(text.replace("@", "ufixed<11,11>"))
    with pytest.raises(
        InputError, match=r"the score saturates: .* kHz of zero bias have its largest value, 255"
    ):
        add_seed(
            place / "menu.yaml",
            "small",
            310.0,
            zero_bias=place / "zb.parquet",
            models=[f"small={place / 'small.json'}"],
        )


def test_a_damaged_record_is_not_overwritten(place: Path) -> None:
    (place / "menu.yaml.thresholds.json").write_text("[1]")
    with pytest.raises(InputError, match=r"menu.yaml.thresholds.json: is not a record of thresholds"):
        add_seed(
            place / "menu.yaml",
            "lead",
            310.0,
            zero_bias=place / "zb.parquet",
            models=[f"lead={place / 'lead.json'}"],
        )
    assert (place / "menu.yaml.thresholds.json").read_text() == "[1]"
    assert (place / "menu.yaml").read_text() == MENU


def test_official_xml_is_not_changed(place: Path) -> None:
    with pytest.raises(InputError, match="is not a YAML menu"):
        add_seed(place / "menu.xml", "lead", 1.0)


def test_a_menu_binds_a_network_to_cicada(place: Path) -> None:
    """The cut has the units of the link words, 1/256; events without link words are enough."""
    text = (place / "lead.json").read_text()
    first = text.index("ufixed<11,11>")
    (place / "cicada.json").write_text(
        text[: first + 13] + text[first + 13 :].replace("ufixed<11,11>", "ufixed<16,8>")
    )
    seed = '  - {index: 7, name: L1_C, seed: "CICADA[HIGH]"}\n'
    menu = f"menu: m\ncuts: {{HIGH: {{type: CSCORE, object: CICADA, min: 68.75}}}}\nalgorithms:\n{seed}"
    (place / "words.yaml").write_text(menu)
    assert l1forge.load_menu(place / "words.yaml").score_types == {}
    (place / "own.yaml").write_text(menu + "scores: {cicada: {graph: cicada.json}}\n")
    bound = l1forge.load_menu(place / "own.yaml")
    assert bound.score_types == {"cicada": "ufixed<16,8>"}
    (condition,) = bound.conditions.values()
    assert (condition.score, condition.lower) == ("cicada", 68.75 * 256)
    l1forge.run_path(place / "zb.parquet", menu=place / "own.yaml", orbits=1, output=place / "c.txt")
    check = l1forge.check_menu(place / "own.yaml", place / "c.txt")
    assert check.verdict == "PASS"
    (place / "wrong.yaml").write_text(menu + "scores: {cicada: {graph: lead.json}}\n")
    with pytest.raises(InputError, match=r"thresholds of CICADA objects are raw integers of ufixed<16,8>"):
        l1forge.load_menu(place / "wrong.yaml")


def test_a_menu_binds_a_network_to_an_object(place: Path) -> None:
    """AXO with MODEL v4 is computed by the graph that the menu names; menu check evaluates the seed."""
    text = (place / "lead.json").read_text()
    first = text.index("ufixed<11,11>")  # the input stays, the score has the 18 bits of the object
    (place / "axo.json").write_text(
        text[: first + 13] + text[first + 13 :].replace("ufixed<11,11>", "ufixed<18,14>")
    )
    (place / "axo.yaml").write_text(
        "menu: m\nscores: {axo_v4: {graph: axo.json}}\ncuts: {AXO-MODEL_v4: {type: MODEL, data: v4},"
        " AXO-SCORE: {type: SCORE, min: 1600}}\nalgorithms:\n"
        '  - {index: 7, name: L1_AXO, seed: "AXO[AXO-MODEL_v4,AXO-SCORE]"}\n'
    )
    menu = l1forge.load_menu(place / "axo.yaml")
    assert menu.score_types == {"axo_v4": "ufixed<18,14>"}
    assert menu.score_graphs == {"axo_v4": str(place / "axo.json")}
    menu.save(place / "axo.menu.json")
    assert l1forge.load_menu(place / "axo.menu.json").score_graphs == menu.score_graphs
    l1forge.run_path(place / "zb.parquet", menu=place / "axo.yaml", orbits=1, output=place / "v.txt")
    check = l1forge.check_menu(place / "axo.yaml", place / "v.txt")
    (algorithm,) = check.results[0].algorithms
    assert check.verdict == "PASS"
    assert algorithm.ours == algorithm.expected > 100
    with pytest.raises(SystemExit) as end:
        main(
            ["menu", "check", str(place / "axo.yaml"), str(place / "v.txt"), "--junit", str(place / "j.xml")]
        )
    assert end.value.code == 0
    assert 'failures="0"' in (place / "j.xml").read_text()
    (place / "axo.json").unlink()
    with pytest.raises(InputError, match=r"axo.yaml:2:\d+: .*no such graph file"):
        l1forge.load_menu(place / "axo.yaml")
