"""CICADA's score in the link words: packed, read by menus, written by convert."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from l1forge.emulator.errors import InputError
from l1forge.emulator.events.cicada import scores_of, with_scores
from l1forge.emulator.events.formats.parquet import write_events
from l1forge.emulator.events.objects import Events
from l1forge.emulator.events.source import open_events
from l1forge.emulator.graph.fixed import FixedType
from l1forge.emulator.menu.engine.evaluate import MenuEvaluator, algorithm_bit
from l1forge.emulator.menu.language.load import load_menu
from l1forge.emulator.scoring.files import open_writer
from l1forge.studies.convert import convert

SCORES = np.array([0, 1, 0x3200, 0xABCD, 0xFFFF])


def test_a_score_is_four_nibbles_from_the_top_of_four_words() -> None:
    words = with_scores(np.array([0xABCD]))
    assert words[:, 0].tolist() == [0xA0000000, 0xB0000000, 0xC0000000, 0xD0000000, 0, 0]
    np.testing.assert_array_equal(scores_of(with_scores(SCORES)), SCORES)


def test_other_bits_of_the_words_stay() -> None:
    link = np.full((6, 2), 0xFFFFFFFF, np.uint32)
    words = with_scores(np.array([0, 0x1234]), link)
    ones = 0xFFFFFFFF
    assert words[:, 1].tolist() == [0x1FFFFFFF, 0x2FFFFFFF, 0x3FFFFFFF, 0x4FFFFFFF, ones, ones]
    assert link.min() == 0xFFFFFFFF  # the given words are not changed


@pytest.mark.parametrize("bad", [-1, 65536])
def test_what_does_not_fit_sixteen_bits_is_refused(bad: int) -> None:
    with pytest.raises(InputError, match=f"is not a raw CICADA score.*got {bad}"):
        with_scores(np.array([5, bad]))


def files(
    folder: Path, scores: np.ndarray, kind: str = "ufixed<16,8>", link: bool = False
) -> tuple[Path, Path]:
    """An event file of five crossings, and a file of scores."""
    columns = {"mu.pt": np.arange(40, dtype=np.int16).reshape(8, 5)}
    if link:
        columns["link"] = with_scores(np.array([0, 7, 7, 0, 0]))
    write_events(folder / "events.parquet", [Events(columns, 5)])
    with open_writer(folder / "scores.parquet", {"score": (FixedType.parse(kind), 1)}, {}) as writer:
        writer.append({"score": scores})
    return folder / "events.parquet", folder / "scores.parquet"


@pytest.mark.parametrize("ending", ["parquet", "empv2"])
def test_scores_come_back_from_every_format_with_link_words(tmp_path: Path, ending: str) -> None:
    events, scores = files(tmp_path, SCORES)
    output = tmp_path / f"with.{ending}"
    assert convert(events, output, to=ending, cicada=scores).crossings == 5
    (block,) = open_events(output).blocks()
    np.testing.assert_array_equal(scores_of(block["link"])[:5], SCORES)
    np.testing.assert_array_equal(block["mu.pt"][:, :5], np.arange(40).reshape(8, 5))


def test_a_menu_cuts_on_the_written_score(tmp_path: Path) -> None:
    (tmp_path / "menu.yaml").write_text(
        "cuts: {C: {type: CSCORE, object: CICADA, min: 50.0}}\n"
        'algorithms: [{index: 3, name: L1_C, seed: "CICADA[C]"}]'
    )
    events, scores = files(tmp_path, SCORES)
    convert(events, tmp_path / "with.parquet", cicada=scores)
    (block,) = open_events(tmp_path / "with.parquet").blocks()
    fired = algorithm_bit(MenuEvaluator(load_menu(tmp_path / "menu.yaml"))(block), 3)
    assert fired.tolist() == [False, False, True, True, True]


def test_skip_and_limit_choose_the_crossings(tmp_path: Path) -> None:
    events, scores = files(tmp_path, SCORES[:2])
    convert(events, tmp_path / "part.parquet", cicada=scores, skip=1, limit=2)
    (block,) = open_events(tmp_path / "part.parquet").blocks()
    assert block["mu.pt"][0].tolist() == [1, 2]
    assert scores_of(block["link"]).tolist() == [0, 1]


def test_scores_that_were_there_are_counted(tmp_path: Path) -> None:
    events, scores = files(tmp_path, SCORES, link=True)
    found = convert(events, tmp_path / "with.parquet", cicada=scores)
    assert found.notes == {"CICADA scores of the source, replaced": 2}


@pytest.mark.parametrize("n", [4, 6])
def test_one_score_for_each_crossing(tmp_path: Path, n: int) -> None:
    events, scores = files(tmp_path, np.zeros(n, np.int64))
    with pytest.raises(InputError, match=f"one score for each crossing.*{n} scores, 5 crossings"):
        convert(events, tmp_path / "with.parquet", cicada=scores)
    assert not (tmp_path / "with.parquet").exists()


def test_scores_of_another_type_are_refused(tmp_path: Path) -> None:
    events, scores = files(tmp_path, SCORES, "ufixed<18,14>")
    with pytest.raises(InputError, match=r"a CICADA score is ufixed<16,8> .got .ufixed<18,14>"):
        convert(events, tmp_path / "with.parquet", cicada=scores)
