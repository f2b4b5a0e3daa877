"""An exported notebook shows hidden characters, and its code stays the code that ran."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from lobu_jupyter.model.visible import hidden
from tests.gateway.rig import ME, Rig, call, failed, result, say, success

HIDDEN = {
    "bidi": "\u202e",
    "isolate": "\u2066",
    "zero width": "\u200b",
    "joiner": "\u2060",
    "tag": "\U000e0041",
    "selector": "\U000e0101",
    "filler": "\u3164",
    "control": "\x07",
    "delete": "\x7f",
    "c1": "\x9b",
    "separator": "\u2028",
    "private": "\ue000",
}


async def exported(rig: Rig, mark: str) -> dict[str, Any]:
    """A thread that has this character everywhere, as a notebook."""
    thread = await rig.thread(title=f"title {mark}.")
    started = await rig.running(thread, prompt=f"prompt {mark}.")
    code = json.dumps({"code": f"x = 1\nprint('{mark}')  # {mark}"})
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": f"\x1b[31mred {mark}.\x1b[0m\n"},
        {"output_type": "display_data", "data": {"text/markdown": [f"said {mark}.", "\n"]}, "metadata": {}},
        {"output_type": "execute_result", "data": {"text/plain": f"plain {mark}."}, "metadata": {}},
        {"output_type": "error", "ename": "E", "evalue": f"value {mark}.", "traceback": [f"trace {mark}."]},
    ]
    told = [
        {"type": "CUSTOM", "name": "lobu.output", "value": {"toolCallId": "c", "index": n, "output": output}}
        for n, output in enumerate(outputs)
    ]
    await rig.worker.emit(started.run_id, *call("c", args=code), *told, result("c"), *say(f"answer {mark}."))
    await rig.worker.emit(started.run_id, failed(message=f"error {mark}."))
    return await rig.gateway.runs.export(ME, thread, "notebook")


def texts(notebook: dict[str, Any]) -> str:
    """All of a notebook but its code."""
    cells = [{**cell, "source": ""} if cell["cell_type"] == "code" else cell for cell in notebook["cells"]]
    return "\n".join(leaves(cells))


def leaves(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [leaf for part in parts for leaf in leaves(part)]


@pytest.mark.parametrize("mark", HIDDEN.values(), ids=HIDDEN)
async def test_every_text_shows_hidden_characters_and_the_code_stays(rig: Rig, mark: str) -> None:
    notebook = await exported(rig, mark)

    (code,) = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    shown = texts(notebook)
    assert mark not in shown
    (escaped,) = hidden(mark)
    for word in ("title", "prompt", "answer", "error"):
        assert f"{word} {escaped}." in shown
    assert hidden(code["source"]) == {escaped: 2}, "the code is as it ran"


async def test_a_notice_above_such_code_shows_where_they_are(rig: Rig) -> None:
    notebook = await exported(rig, "\u202e")

    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    notice = notebook["cells"][kinds.index("code") - 1]["source"]
    assert notice.startswith("> **Hidden characters in the next cell:** `\\u202e` (2 times).")
    assert "    2: print('\\u202e')  # \\u202e" in notice
    assert "1: x = 1" not in notice


async def test_colours_stay_and_other_sequences_do_not(rig: Rig) -> None:
    notebook = await exported(rig, "\u200b")

    (code,) = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code["outputs"][0]["text"] == "\x1b[31mred \\u200b.\x1b[0m\n"
    nbformat.validate(nbformat.from_dict(notebook))


async def test_code_without_them_has_no_notice(rig: Rig) -> None:
    started = await rig.running()
    await rig.worker.emit(started.run_id, *call("c", args='{"code": "1 + 1"}'), result("c"), success())

    notebook = await rig.gateway.runs.export(ME, started.thread_id, "notebook")

    assert "Hidden" not in texts(notebook)
