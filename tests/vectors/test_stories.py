"""The vectors that tell stories: written from :mod:`tests.vectors.stories`, read by both folds.

``python -m tests.vectors.test_stories`` writes them anew from the stories: look at the diff.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.model.events import encode, parse
from lobu_jupyter.model.fold import fold
from lobu_jupyter.model.runs import Entry

from .stories import STORIES

FOLDER = Path(__file__).parent / "fold"


def path_of(name: str) -> Path:
    return FOLDER / f"story-{name.replace(' ', '-').replace(',', '')}.json"


def vector_of(name: str) -> dict[str, Any]:
    """``{"events", "state"}``: the events have the seqs 1, 2, …"""
    events = STORIES[name]
    return {"events": events, "state": json.loads(json.dumps(fold(entries(events))))}


def entries(events: list[dict[str, Any]]) -> list[Entry]:
    return [Entry(seq, encode(event)) for seq, event in enumerate(events, 1)]


@pytest.mark.scenario("E30")
@pytest.mark.parametrize("name", STORIES)
def test_the_fold_is_what_the_vector_says(name: str) -> None:
    vector = json.loads(path_of(name).read_text("utf-8"))

    assert vector == vector_of(name)


@pytest.mark.scenario("E30")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_wherever_a_vector_is_cut_the_tail_completes_it(path: Path) -> None:
    vector = json.loads(path.read_text("utf-8"))
    whole = entries(vector["events"])

    for cut in range(len(whole) + 1):
        snapshot = json.loads(json.dumps(fold(whole[:cut])))
        assert fold(whole[cut:], copy.deepcopy(snapshot)) == vector["state"]


@pytest.mark.parametrize("name", STORIES)
def test_the_stories_are_made_of_events(name: str) -> None:
    for number, event in enumerate(STORIES[name]):
        parse(encode(event), f"events[{number}]")


if __name__ == "__main__":
    for story in STORIES:
        path_of(story).write_text(json.dumps(vector_of(story), indent=1, ensure_ascii=False) + "\n", "utf-8")
