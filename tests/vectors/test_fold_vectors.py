"""The vectors that hold the TypeScript fold to this one are still this one's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobu_jupyter.model.fold import Fold

VECTORS = sorted((Path(__file__).parent / "fold").glob("*.json"))


@pytest.mark.scenario("E30")
@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_the_fold_of_a_vectors_events_is_its_state(path: Path):
    vector = json.loads(path.read_text())

    folding = Fold()
    for seq, event in enumerate(vector["events"], start=1):
        folding.apply(seq, event)

    assert folding.state() == vector["state"]
