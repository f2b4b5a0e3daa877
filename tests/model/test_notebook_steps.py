"""Several steps as one act: the vectors that the open page is held to as well, and each step's own way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lobu_jupyter.model.notebook_steps import MAX_BACK_BYTES, Several, Stepping, back_of
from lobu_jupyter.model.notebooks import Delete, Edit, names_of

CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "steps.json").read_text("utf-8"))


def tried(cells: list[Any], steps: list[Any], **more: Any) -> tuple[dict[str, Any], list[Any]]:
    wish = msgspec.convert({"steps": steps, "do": "several", **more}, Several)
    stepping = Stepping(cells, names_of(cells))
    answer, may = stepping.answer(wish)
    return answer, stepping.cells if may else cells


@pytest.mark.parametrize("name", CASES)
def test_steps_do_what_the_vector_says_and_their_backs_undo_it(name: str) -> None:
    case = CASES[name]
    more = {member: case[member] for member in ("dry", "expect") if member in case}

    answer, cells = tried(case["cells"], case["steps"], **more)

    assert [told["verdict"] for told in answer["steps"]] == case["verdicts"]
    assert [cell["source"] for cell in cells] == case["after"]
    assert all("trusted" not in cell["metadata"] for cell in cells)
    if answer["done"]:
        backs = [told["back"] for told in reversed(answer["steps"]) if "back" in told]
        assert tried(cells, backs)[1] == case["cells"]


def test_a_cell_comes_back_without_outputs_that_are_too_big_and_a_source_that_is_not_at_all() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "x" * MAX_BACK_BYTES}
    cells = [{"id": "a", "cell_type": "code", "source": "1", "metadata": {}, "outputs": [output]}]

    back = back_of(cells, Delete(cell="a", was="1"), ["a"])
    lost = back_of(cells, Edit(cell="a", was="1", source="y" * MAX_BACK_BYTES), ["a"])
    nameless = back_of(cells, Edit(cell="#1", was="1", source="y"), ["#1"])

    assert back is not None
    assert back["content"]["outputs"] == []
    assert lost == {"lost": "it is too big for the journal"}
    assert nameless == {"lost": "the cell has no id of its own"}
