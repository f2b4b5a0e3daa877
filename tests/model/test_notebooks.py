"""A saved notebook may hold anything, and is read all the same; the person's transcripts are not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME, Read, described, locks_of, names_of

WILD: list[Any] = [
    5, None, [], "x", {}, {"id": 5}, {"id": []}, {"source": 5}, {"source": {"a": 1}}, {"source": [1, None, "x"]},
    {"cell_type": ["code"]}, {"metadata": []}, {"metadata": {"nbgrader": []}}, {"metadata": {"editable": "no"}},
    {"outputs": {}}, {"outputs": [5, None, [], {}]}, {"outputs": [{"output_type": "stream", "text": 5}]},
    {"outputs": [{"output_type": "stream", "text": {"a": 1}}]}, {"outputs": [{"output_type": "error", "ename": []}]},
    {"outputs": [{"output_type": "display_data", "data": [1]}]},
    {"outputs": [{"output_type": "display_data", "data": {"text/plain": 5, "image/png": 5}}]},
    {"outputs": [{"output_type": {}, "data": {"application/json": float("nan")}}]},
]  # fmt: skip


@pytest.mark.parametrize("cell", WILD, ids=str)
def test_whatever_a_cell_is_the_notebook_can_be_read(cell: Any) -> None:
    cells = [{"id": "a", "source": "x"}, cell]

    answer = described(cells, Read())

    assert [one["number"] for one in answer["cells"]] == [1, 2]
    assert all(isinstance(one["source"], str) and isinstance(one["type"], str) for one in answer["cells"])
    assert json.dumps(answer)


def test_a_name_tells_a_cell_from_all_others() -> None:
    ids = ["a", "a", "", None, "#1", "b", "x" * 65, 5]
    cells = [{"id": name} for name in ids]

    assert names_of(cells) == ["#1", "#2", "#3", "#4", "#5", "b", "#7", "#8"]
    assert names_of([{"id": "a"}, {"id": "b"}], ["a", "other"]) == ["a", "#2"]


def test_a_persons_transcript_is_named_and_not_told() -> None:
    data = {TRANSCRIPT_MIME: {"prompt": "secret"}, "text/plain": "secret", "text/html": "<b>secret</b>"}
    cells = [{"outputs": [{"output_type": "display_data", "data": data}]}]

    told = json.dumps(described(cells, Read()))

    assert "secret" not in told
    assert "the transcript of a chat" in told


@pytest.mark.parametrize(
    ("metadata", "deeds"),
    [
        ({}, []),
        ({"editable": True, "deletable": True}, []),
        ({"editable": False}, ["delete", "edit"]),
        ({"deletable": False}, ["delete"]),
        ({"nbgrader": {"grade": True, "solution": False}}, ["delete", "edit"]),
        ({"nbgrader": {"grade": True, "solution": True}}, ["delete"]),
        ({"nbgrader": {"locked": True}}, ["delete", "edit"]),
        ({"nbgrader": {"task": True}}, ["delete"]),
        ({"nbgrader": {"grade": False, "locked": False, "solution": False}}, []),
    ],
    ids=str,
)
def test_a_cells_metadata_says_what_may_not_be_done(metadata: dict[str, Any], deeds: list[str]) -> None:
    assert sorted(locks_of({"metadata": metadata})) == deeds
