"""Code of an agent in the notebook's cells: what was approved is what the cell shows, with its outputs and number."""

from __future__ import annotations

from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME
from lobu_jupyter.model.ports import Executed, KernelGone, Task
from tests.agents.bench import Ended, FakeKernel, FakeNotebook, Taker, policy, resume, run, task_for

ALLOW = policy(run={"mode": "allow"})
PATH = "work/sales.ipynb"


def in_cells(prompt: str, **members: Any) -> Task:
    place = {"notebook_path": PATH, "work_in": "cells", "below_cell": "c0", "policy": ALLOW}
    return task_for(prompt, **(place | members))


def result(ended: Ended) -> str:
    return next(iter(ended.results.values()))


async def test_code_becomes_a_cell_below_the_prompts_with_its_outputs_and_number() -> None:
    notebook = FakeNotebook("a = 1", "b = 2")

    ended = await run(script(), in_cells("run print('hi')\n  6 * 7"), FakeKernel(), notebook)

    assert notebook.sources == ["a = 1", "print('hi')\n6 * 7", "b = 2"]
    cell = notebook.cells[1]
    assert cell["execution_count"] == 1
    assert [output["output_type"] for output in cell["outputs"]] == ["stream", "execute_result"]
    assert cell["outputs"][1]["execution_count"] == 1
    assert cell["metadata"]["lobu"].keys() == {"threadId", "runId", "toolCallId", "messageId"}
    assert "trusted" not in cell["metadata"]
    assert f"[Shown in the notebook as the cell {cell['id']}]" in result(ended)


async def test_the_cells_of_a_message_follow_each_other_also_where_one_is_gone() -> None:
    notebook = FakeNotebook("a = 1", "b = 2")

    await run(script(), in_cells("run 1\nrun 2"), FakeKernel(), notebook)
    assert notebook.sources == ["a = 1", "1", "2", "b = 2"]

    del notebook.cells[0]
    again = ({"id": "m2", "role": "user", "content": "run 3"},)
    await run(script(), in_cells("", messages=again), FakeKernel(), notebook)
    assert notebook.sources == ["1", "2", "b = 2", "3"]


async def test_the_question_says_so_and_the_approved_code_is_what_the_cell_shows() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await run(script(), in_cells("run 6 * 7", policy=policy()), FakeKernel(), notebook)
    (interrupt,) = ended.interrupts
    assert interrupt.message == "Run this code in a new cell?"
    assert notebook.sources == ["a = 1"]

    kernel = FakeKernel()
    await resume(script(), in_cells("", policy=policy()), ended, kernel, "approve", notebook=notebook)

    assert notebook.sources == ["a = 1", "6 * 7"]
    assert kernel.ran == ["6 * 7"]


class Typist(FakeKernel):
    """The person types in the new cell while it runs."""

    def __init__(self, notebook: FakeNotebook) -> None:
        super().__init__()
        self._notebook = notebook

    async def run_code(
        self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
    ) -> Executed:
        self._notebook.cells[1]["source"] += "  # mine"
        return await super().run_code(code, on_output, on_waiting, as_cell=as_cell)


async def test_outputs_do_not_go_below_what_the_person_typed_meanwhile() -> None:
    notebook = FakeNotebook("a = 1")

    ended = await run(script(), in_cells("run 6 * 7"), Typist(notebook), notebook)

    assert notebook.sources == ["a = 1", "6 * 7  # mine"]
    assert notebook.cells[1]["outputs"] == []
    assert "42" in result(ended)
    assert "[Its outputs are not below the cell: it was changed while it ran]" in result(ended)


class Refusing(FakeNotebook):
    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        return (
            {"refused": "the page does not answer"} if request["do"] == "insert" else super().answer(request)
        )


async def test_without_a_cell_the_code_runs_once_and_its_result_says_why() -> None:
    notebook, kernel = Refusing("a = 1"), FakeKernel()

    ended = await run(script(), in_cells("run 6 * 7"), kernel, notebook)

    assert notebook.sources == ["a = 1"]
    assert kernel.ran == ["6 * 7"]
    assert "42" in result(ended)
    assert "It ran without a cell of its own: the page does not answer" in result(ended)


async def test_a_kernel_that_dies_in_the_middle_leaves_the_code_and_no_outputs() -> None:
    class DeadKernel(FakeKernel):
        async def run_code(
            self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
        ) -> Executed:
            raise KernelGone("gone")

    notebook = FakeNotebook("a = 1")

    with pytest.raises(KernelGone):
        await run(script(), in_cells("run 1"), DeadKernel(), notebook)

    assert notebook.sources == ["a = 1", "1"]
    assert notebook.cells[1]["outputs"] == []
    assert notebook.cells[1]["execution_count"] is None


@pytest.mark.parametrize(
    "task",
    [
        in_cells("run 1", work_in="chat"),
        in_cells("run 1", notebook_path=None),
        in_cells("run 1", policy=policy(server={"deny": ["insert_cell"]}, run={"mode": "allow"})),
    ],
    ids=["in the chat", "no notebook", "cells are denied"],
)
async def test_elsewhere_the_code_stays_in_the_chat(task: Task) -> None:
    notebook = FakeNotebook("a = 1")

    ended = await run(script(), task, FakeKernel(), notebook)

    assert notebook.sources == ["a = 1"]
    assert "cell" not in result(ended)


async def test_no_output_poses_as_the_transcript_of_a_chat() -> None:
    class Poser(FakeKernel):
        async def run_code(
            self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
        ) -> Executed:
            data = {"text/plain": "x", TRANSCRIPT_MIME: {"threadId": "thread_of_others"}}
            await on_output({"output_type": "display_data", "data": data, "metadata": {}})
            return Executed(ok=True)

    notebook = FakeNotebook("a = 1")

    await run(script(), in_cells("run 1"), Poser(), notebook)

    assert notebook.cells[1]["outputs"][0]["data"] == {"text/plain": "x"}
