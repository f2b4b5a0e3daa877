"""Tools on the person's notebook: a diff before each change, and none on what they changed meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from tests.agents.bench import Ended, FakeKernel, FakeNotebook, policy, resume, run, task_for

ALLOW = policy(run={"mode": "allow"})
PATH = "work/sales.ipynb"


async def call(notebook: FakeNotebook, name: str, kernel: FakeKernel | None = None, **args: Any) -> str:
    """The result of a call that nobody has to approve."""
    task = task_for(f"tool {name} {json.dumps(args)}", policy=ALLOW, notebook_path=PATH)
    ended = await run(script(), task, kernel or FakeKernel(), notebook)
    return next(iter(ended.results.values()))


async def asked(notebook: FakeNotebook, name: str, **args: Any) -> Ended:
    task = task_for(f"tool {name} {json.dumps(args)}", notebook_path=PATH)
    return await run(script(), task, FakeKernel(), notebook)


async def decided(
    notebook: FakeNotebook, ended: Ended, decision: Any = "approve", kernel: FakeKernel | None = None
) -> Ended:
    task = task_for("", notebook_path=PATH)
    return await resume(script(), task, ended, kernel or FakeKernel(), decision, notebook=notebook)


def result(ended: Ended) -> str:
    return next(iter(ended.results.values()))


async def test_all_cells_are_read_with_their_ids_and_what_their_outputs_say() -> None:
    notebook = FakeNotebook("x = 1", "x + 1")
    notebook.cells[1]["outputs"] = [
        {
            "output_type": "execute_result",
            "data": {"text/plain": "2", "text/html": "<b>2</b>"},
            "metadata": {},
        },
        {"output_type": "display_data", "data": {"image/png": "AAAA"}, "metadata": {}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
    ]

    text = await call(notebook, "read_notebook")

    assert "work/sales.ipynb, all of its 2 cells, as in its file" in text
    assert "[code cell 1, id c0]\nx = 1" in text
    assert "[its outputs]\n2\n[image/png]\nValueError: no" in text
    assert "x = 1" not in await call(notebook, "read_notebook", cell="c1")
    assert "no cell 'c9'" in await call(notebook, "read_notebook", cell="c9")


@pytest.mark.parametrize(
    ("name", "args", "question", "lines", "after"),
    [
        (
            "insert_cell",
            {"code": "y"},
            "Insert a code cell into sales.ipynb below “b = 2”?",
            ["+y"],
            ["a = 1", "b = 2", "y"],
        ),
        ("insert_cell", {"code": "y", "after": ""}, "at the top", ["+y"], ["y", "a = 1", "b = 2"]),
        (
            "edit_cell",
            {"cell": "c0", "code": "a = 9"},
            "Edit cell [7]?",
            ["-a = 1", "+a = 9"],
            ["a = 9", "b = 2"],
        ),
        ("delete_cell", {"cell": "c1"}, "Delete cell 2?", ["-b = 2"], ["a = 1"]),
        (
            "move_cell",
            {"cell": "c1", "after": ""},
            "Move cell 2 to the top?",
            ["+b = 2", "-b = 2"],
            ["b = 2", "a = 1"],
        ),
    ],
)
async def test_a_change_is_shown_as_a_diff_and_made_once_it_is_approved(
    name: str, args: dict[str, Any], question: str, lines: list[str], after: list[str]
) -> None:
    notebook = FakeNotebook("a = 1", "b = 2")
    notebook.cells[0]["execution_count"] = 7  # the number in its prompt, which is not its place

    ended = await asked(notebook, name, **args)

    (interrupt,) = ended.interrupts
    assert question in interrupt.message
    assert interrupt.diff is not None
    assert set(lines) <= set(interrupt.diff.splitlines())
    assert notebook.sources == ["a = 1", "b = 2"]

    await decided(notebook, ended)

    assert notebook.sources == after


async def test_a_cell_that_the_person_changed_meanwhile_is_left_and_they_are_asked_anew() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await asked(notebook, "edit_cell", cell="c0", code="a = 2")
    notebook.cells[0]["source"] = "a = 1  # mine"

    again = await decided(notebook, ended)

    assert notebook.sources == ["a = 1  # mine"]
    (interrupt,) = again.interrupts
    assert interrupt.tool_call_id == ended.interrupts[0].tool_call_id
    assert "changed after you were asked, so nothing was done" in interrupt.message
    assert interrupt.diff is not None
    assert "-a = 1  # mine" in interrupt.diff.splitlines()

    await decided(notebook, again)

    assert notebook.sources == ["a = 2"]


async def test_what_was_edited_before_the_conflict_is_what_the_new_question_is_about() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await asked(notebook, "edit_cell", cell="c0", code="a = 2")
    notebook.cells[0]["source"] = "a = 0"

    again = await decided(notebook, ended, {"kind": "edit", "edited_args": {"cell": "c0", "code": "a = 3"}})
    assert again.interrupts[0].args == {"cell": "c0", "code": "a = 3"}
    last = await decided(notebook, again)

    assert notebook.sources == ["a = 3"]
    assert "The person changed the arguments" in result(last)


async def test_a_conflict_that_is_too_large_to_be_shown_again_is_told_to_the_model() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await asked(notebook, "edit_cell", cell="c0", code="a = 2")
    notebook.cells[0]["source"] = "a = 0"

    large = {"cell": "c0", "code": "a = 3\n" + "#" * 60_000}
    last = await decided(notebook, ended, {"kind": "edit", "edited_args": large})

    assert notebook.sources == ["a = 0"]
    assert last.pause is None
    assert "too much to be shown for approval" in result(last)


async def test_a_cell_that_is_gone_is_told_to_the_model_and_nobody_is_asked() -> None:
    notebook = FakeNotebook("a = 1", "b = 2")
    ended = await asked(notebook, "delete_cell", cell="c1")
    del notebook.cells[1]
    edited = await asked(notebook, "edit_cell", cell="c1", code="b = 3")

    assert "c1 is not in the notebook any more" in result(await decided(notebook, ended))
    assert edited.pause is None
    assert "no cell 'c1'" in result(edited)


async def test_after_a_deletion_names_of_places_have_to_be_read_again() -> None:
    notebook = FakeNotebook("x", "x", "x")
    for cell in notebook.cells:
        cell["id"] = ""
    steps = [("read_notebook", {}), ("delete_cell", {"cell": "#1"}), ("delete_cell", {"cell": "#2"})]
    prompt = "\n".join(f"tool {name} {json.dumps(args)}" for name, args in steps)

    ended = await run(script(), task_for(prompt, policy=ALLOW, notebook_path=PATH), FakeKernel(), notebook)

    _, first, second = ended.results.values()
    assert first == "Deleted the cell #1. Names like #2 mean other cells now: read the notebook again."
    assert second.startswith("Read the cell #2 first")
    assert len(notebook.cells) == 2


async def test_a_place_that_is_gone_is_told_to_the_model() -> None:
    notebook = FakeNotebook("a = 1", "b = 2")
    ended = await asked(notebook, "insert_cell", code="y", after="c1")
    del notebook.cells[1]

    assert "no cell 'c1'" in result(await decided(notebook, ended))
    assert notebook.sources == ["a = 1"]


async def test_a_cell_runs_as_it_was_shown_and_has_its_outputs_below_it() -> None:
    notebook, kernel = FakeNotebook("print('one')\n6 * 7"), FakeKernel()

    ended = await asked(notebook, "run_cell", cell="c0")
    (interrupt,) = ended.interrupts
    after = await decided(notebook, ended, kernel=kernel)

    assert interrupt.args == {"cell": "c0", "code": "print('one')\n6 * 7"}
    assert interrupt.diff is None
    assert kernel.ran == ["print('one')\n6 * 7"]
    first, second = notebook.cells[0]["outputs"]
    assert (first["text"], second["data"]["text/plain"]) == ("one\n", "42")
    assert "42" in result(after)


async def test_a_cell_that_changed_before_it_ran_is_not_run_and_shown_anew() -> None:
    notebook, kernel = FakeNotebook("print('one')"), FakeKernel()
    ended = await asked(notebook, "run_cell", cell="c0")
    notebook.cells[0]["source"] = "print('two')"

    again = await decided(notebook, ended, kernel=kernel)
    assert kernel.ran == []
    assert again.interrupts[0].args["code"] == "print('two')"
    await decided(notebook, again, kernel=kernel)

    assert kernel.ran == ["print('two')"]
    assert notebook.sources == ["print('two')"]


async def test_a_cell_that_is_changed_while_it_runs_keeps_what_the_person_wrote() -> None:
    notebook = FakeNotebook("bump()")
    kernel = FakeKernel(bump=lambda: notebook.cells[0].update(source="mine"))

    text = await call(notebook, "run_cell", kernel, cell="c0")

    assert "changed while it ran" in text
    assert notebook.cells[0]["outputs"] == []


async def test_a_cell_can_get_another_source_and_run() -> None:
    notebook, kernel = FakeNotebook("1"), FakeKernel()
    ended = await asked(notebook, "run_cell", cell="c0", code="import shutil; shutil.rmtree('x')")

    assert ended.interrupts[0].risks == ("deletes",)
    await decided(notebook, ended, {"kind": "edit", "edited_args": {"cell": "c0", "code": "2"}}, kernel)

    assert (kernel.ran, notebook.sources) == (["2"], ["2"])


async def test_only_code_cells_run_and_only_with_a_kernel() -> None:
    notebook = FakeNotebook("# Title", "1")
    notebook.cells[0]["cell_type"] = "markdown"

    ended = await asked(notebook, "run_cell", cell="c0")
    without = task_for('tool run_cell {"cell": "c1"}', notebook_path=PATH, kernel=None)

    assert ended.pause is None
    assert "is a markdown cell" in result(ended)
    assert "No kernel is running for this notebook." in result(await run(script(), without, None, notebook))


async def test_outputs_that_are_too_large_for_the_notebook_are_cut_and_say_so() -> None:
    notebook = FakeNotebook("for i in range(5): print('x' * 700_000)")

    await call(notebook, "run_cell", FakeKernel(), cell="c0")

    text = "".join(output["text"] for output in notebook.cells[0]["outputs"])
    assert len(text) < 3_000_000
    assert "on the agent's card" in text


async def test_a_thread_without_a_notebook_says_so() -> None:
    ended = await run(script(), task_for('tool edit_cell {"cell": "c0", "code": "1"}'), FakeKernel())

    assert "this thread belongs to none" in result(ended)


async def test_where_nobody_is_asked_a_change_goes_out_from_what_the_agent_read() -> None:
    notebook = FakeNotebook("a = 1", "b = 1")
    kernel = FakeKernel(typed=lambda: notebook.cells[0].update(source="a = 1  # mine"))
    lines = [
        'tool edit_cell {"cell": "c1", "code": "b = 2"}',
        "tool read_notebook {}",
        "run typed()",
        'tool edit_cell {"cell": "c0", "code": "a = 2"}',
        'tool edit_cell {"cell": "c1", "code": "b = 2"}',
        'tool edit_cell {"cell": "c1", "code": "b = 3"}',
    ]

    task = task_for("\n".join(lines), policy=ALLOW, notebook_path=PATH)
    ended = await run(script(), task, kernel, notebook)

    unread, _, _, overtaken, *_ = ended.results.values()
    assert "Read the cell c1 first" in unread
    assert "not as you read it any more" in overtaken
    assert notebook.sources == ["a = 1  # mine", "b = 3"]


async def test_what_a_cell_did_is_told_although_its_outputs_have_no_place() -> None:
    notebook = FakeNotebook("print('ran')")
    real = notebook.answer
    notebook.answer = lambda request: {"refused": "gone"} if request["do"] == "outputs" else real(request)

    text = await call(notebook, "run_cell", cell="c0")

    assert "ran\n[Its outputs are not below the cell: gone]" in text


async def test_an_edit_back_to_what_it_was_is_asked_about_anew_after_a_conflict() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await asked(notebook, "edit_cell", cell="c0", code="a = 2")
    notebook.cells[0]["source"] = "a = 0"

    again = await decided(notebook, ended, {"kind": "edit", "edited_args": {"cell": "c0", "code": "a = 1"}})

    assert again.interrupts[0].args == {"cell": "c0", "code": "a = 1"}


async def test_a_question_about_another_notebook_than_the_threads_is_asked_anew() -> None:
    notebook = FakeNotebook("a = 1")
    ended = await asked(notebook, "insert_cell", code="y")

    moved = task_for("", notebook_path="other.ipynb")
    again = await resume(script(), moved, ended, FakeKernel(), "approve", notebook=notebook)

    assert "into other.ipynb" in again.interrupts[0].message
    assert notebook.sources == ["a = 1"]


async def test_what_is_too_large_to_be_shown_is_not_asked_and_the_model_told() -> None:
    notebook = FakeNotebook("a = 1")

    ended = await asked(notebook, "edit_cell", cell="c0", code="x = 1\n" * 9000)

    assert ended.pause is None
    assert "too much to be shown for approval" in result(ended)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("edit_cell", {"cell": "c0", "code": "a = 2"}),
        ("delete_cell", {"cell": "c0"}),
        ("run_cell", {"cell": "c0", "code": "a = 2"}),
    ],
)
async def test_a_locked_cell_is_refused_before_anybody_is_asked(name: str, args: dict[str, Any]) -> None:
    notebook, kernel = FakeNotebook("a = 1"), FakeKernel()
    notebook.cells[0]["metadata"] = {"editable": False}

    ended = await asked(notebook, name, **args)
    unasked = await call(notebook, name, kernel, **args)

    assert ended.pause is None
    assert 'it is locked ("editable": false)' in result(ended)
    assert notebook.sources == ["a = 1"]
    assert "Read the cell c0 first" in unasked or "locked" in unasked
    assert kernel.ran == []
    assert 'no edit: it is locked ("editable": false)' in await call(notebook, "read_notebook")


async def test_a_locked_cell_runs_as_it_is() -> None:
    notebook, kernel = FakeNotebook("print(1)"), FakeKernel()
    notebook.cells[0]["metadata"] = {"editable": False}

    assert "1" in await call(notebook, "run_cell", kernel, cell="c0")
    assert kernel.ran == ["print(1)"]
