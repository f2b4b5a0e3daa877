"""An agent's code in cells of the notebook, through the server: in the file, in the journal, and taken back."""

# ruff: noqa: F811 - the fixtures of test_notebooks.py and test_undo.py

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from .test_notebooks import PATH, at, file, settled, sources  # noqa: F401
from .test_undo import does, ends, undo, worker  # noqa: F401
from .wire import Json, PlainWorker, Wire

HTML = {"output_type": "display_data", "data": {"text/html": "<script>1</script>"}, "metadata": {}}


async def starts(wire: Wire, worker: PlainWorker, **members: Any) -> Json:
    thread = (await wire.ok("POST", "threads", {"notebookPath": PATH}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script", **members})
    return await worker.task()


def made(task: Json, call: str) -> Json:
    return {
        "threadId": task["threadId"],
        "runId": task["runId"],
        "toolCallId": call,
        "messageId": task["messages"][-1]["id"],
    }


async def test_a_run_is_told_where_to_work_also_after_a_question(
    wire: Wire, worker: PlainWorker, file: Path
) -> None:
    task = await starts(wire, worker, workIn="cells", belowCell="a")
    assert (task["workIn"], task["belowCell"]) == ("cells", "a")

    await worker.ask(task)
    entry = {"interruptId": "int_call_1", "status": "resolved", "payload": {"approved": True}}
    await wire.ok("POST", f"threads/{task['threadId']}/resume", {"resume": [entry]})
    again = await worker.task()

    assert (again["workIn"], again["belowCell"]) == ("cells", "a")
    assert again["messages"][0]["id"] == task["messages"][0]["id"]


async def test_without_a_word_about_it_a_run_works_in_the_chat(
    wire: Wire, worker: PlainWorker, file: Path
) -> None:
    task = await starts(wire, worker)

    assert task["workIn"] == "chat"


async def test_a_cell_of_code_is_marked_numbered_never_trusted_and_taken_back(
    wire: Wire, worker: PlainWorker, file: Path
) -> None:
    task = await starts(wire, worker, workIn="cells")
    first, second = made(task, "call_1"), made(task, "call_2")
    insert = {"do": "insert", "source": "1", "after": "a"}
    assert await at(wire, worker, task, **insert, cell="new1", made=first) == {"done": True}
    await at(wire, worker, task, **insert, cell="new1", made=first)
    await at(wire, worker, task, do="outputs", cell="new1", was="1", outputs=[HTML], count=7)
    await at(wire, worker, task, **insert, cell="new2", made=second)

    assert sources(file) == ["x = 1", "1", "1", "x + 1"]
    cells = nbformat.read(file, as_version=4).cells
    assert [cell.id for cell in cells] == ["a", "new1", "new2", "b"]
    assert cells[1].metadata == {"lobu": first}
    assert cells[1].execution_count == 7
    shown = (await wire.app.contents_manager.get(PATH))["content"].cells[1]
    assert not shown.metadata.trusted

    await ends(wire, task)
    preview = await undo(wire, task)
    assert [(item["cell"], item["does"]) for item in preview["items"]] == [
        ("new2", "remove"),
        ("new1", "remove"),
    ]
    await does(wire, task)
    assert sources(file) == ["x = 1", "x + 1"]


async def test_a_cell_that_the_person_typed_in_since_stays(
    wire: Wire, worker: PlainWorker, file: Path
) -> None:
    task = await starts(wire, worker, workIn="cells")
    await at(wire, worker, task, do="insert", cell="new1", source="1", made=made(task, "call_1"))
    notebook = nbformat.read(file, as_version=4)
    notebook.cells[2].source = "1  # mine"
    nbformat.write(notebook, file)

    shown = {"do": "outputs", "cell": "new1", "was": "1", "outputs": [], "count": 1}
    assert await at(wire, worker, task, **shown) == {"conflict": "changed"}
    await ends(wire, task)
    (item,) = (await undo(wire, task))["items"]

    assert item["state"] == "conflict"
