"""A worker at its thread's notebook: in the page that has it open, else in the file; never over a change."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .page import LobuPage, hang_up
from .wire import Json, PlainWorker, Wire, call_of, names

PATH = "work/sales.ipynb"


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has long begun: no page is about to come back."""
    monkeypatch.setattr("lobu_jupyter.server.notebooks.SETTLE_SECONDS", 0.0)


@pytest.fixture
def file(jp_root_dir: Path) -> Path:
    """The notebook's file, with the cells a and b."""
    path = jp_root_dir / PATH
    path.parent.mkdir()
    cells = [nbformat.v4.new_code_cell("x = 1", id="a"), nbformat.v4.new_code_cell("x + 1", id="b")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    return await PlainWorker.register(wire)


@pytest.fixture
async def task(wire: Wire, worker: PlainWorker) -> Json:
    """A run on a thread of the notebook."""
    thread = (await wire.ok("POST", "threads", {"notebookPath": PATH}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script"})
    return await worker.task()


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    """What an outside worker must be allowed to do is tests/security/test_outside_workers.py's."""
    return {"allow": ["*_cell"]}


async def post(wire: Wire, worker: PlainWorker, task: Json, request: Json) -> tuple[int, Any]:
    body = {"runId": task["runId"], "path": PATH, "request": request}
    if request["do"] in ("insert", "edit", "delete", "move", "outputs"):
        body["toolCallId"] = await worker.call(task, *call_of(request))
    path = f"workers/{worker.worker_id}/notebook"
    return await wire.ask("POST", path, body, headers=worker.headers)


async def at(wire: Wire, worker: PlainWorker, task: Json, **request: Any) -> Any:
    status, answer = await post(wire, worker, task, request)
    assert status == 200, answer
    return answer


def sources(file: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(file, as_version=4).cells]


async def opened(wire: Wire, *paths: str) -> LobuPage:
    """A page that has these notebooks open."""
    page = await LobuPage.open(wire)
    await page.say({"type": "offer", "paths": list(paths)})
    await page.say({"type": "watch"})
    await wire.ok("POST", "threads", {})
    await page.hear("changed")  # what it said before has arrived
    return page


async def answers(page: LobuPage, answer: Json) -> Json:
    """Let the page answer what it is asked next, awake as it is; returns that."""
    asked = await page.hear("notebook")
    assert asked["request"] == {"do": "ping"}
    await page.say({"type": "answer", "id": asked["id"], "answer": {}})
    asked = await page.hear("notebook")
    await page.say({"type": "answer", "id": asked["id"], "answer": answer})
    return asked


async def leaves(page: LobuPage) -> None:
    """Close the page as a browser does."""
    await hang_up(page.socket, 1001)


async def test_with_no_page_open_the_file_is_read_and_changed(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    read = await at(wire, worker, task, do="read")
    edited = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    added = await at(wire, worker, task, do="insert", cell="new", source="y", after="a")
    again = await at(wire, worker, task, do="insert", cell="new", source="y", after="a")
    await at(wire, worker, task, do="move", cell="b", was="x + 1", after="")

    assert [cell["id"] for cell in read["cells"]] == ["a", "b"]
    assert read["where"] == "file"
    assert edited == added == again == {"done": True}
    assert sources(file) == ["x + 1", "x = 2", "y"]

    await at(wire, worker, task, do="delete", cell="new", was="y")
    await at(wire, worker, task, do="outputs", cell="b", was="x + 1", outputs=[
        {"output_type": "execute_result", "data": {"text/plain": "3"}, "metadata": {}, "execution_count": None}
    ])  # fmt: skip

    assert sources(file) == ["x + 1", "x = 2"]
    assert nbformat.read(file, as_version=4).cells[0].outputs[0].data == {"text/plain": "3"}


async def test_what_was_changed_meanwhile_is_left_as_it_is(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    before = file.read_bytes()

    changed = await at(wire, worker, task, do="edit", cell="a", was="x = 0", source="x = 2")
    gone = await at(wire, worker, task, do="edit", cell="c", was="", source="x = 2")
    nowhere = await at(wire, worker, task, do="insert", cell="new", source="y", after="c")

    assert [answer["conflict"] for answer in (changed, gone, nowhere)] == ["changed", "gone", "place"]
    assert file.read_bytes() == before


async def test_a_file_that_changes_under_the_hand_is_looked_at_again(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = wire.app.contents_manager
    real, theirs = contents.get, nbformat.read(file, as_version=4)
    theirs.cells[0].source = "x = 0"

    async def get(path: str, **options: Any) -> Any:
        if options.get("content") is False:
            nbformat.write(theirs, file)  # somebody saves between our look and our write
            monkeypatch.undo()
        return await real(path, **options)

    monkeypatch.setattr(contents, "get", get)
    answer = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")

    assert answer == {"conflict": "changed"}
    assert sources(file) == ["x = 0", "x + 1"]


async def test_the_page_that_has_it_open_is_asked_and_the_file_left_alone(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    page = await opened(wire, PATH)
    before = file.read_bytes()

    asking = asyncio.create_task(at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2"))
    asked = await answers(page, {"done": True})

    assert await asking == {"done": True}
    assert asked["path"] == PATH
    assert asked["request"] == {"do": "edit", "cell": "a", "was": "x = 1", "source": "x = 2"}
    assert file.read_bytes() == before
    await hang_up(page.socket)


async def test_of_two_pages_the_one_in_front_is_asked_and_then_the_one_that_is_left(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    first, second = await opened(wire, PATH), await opened(wire, PATH)

    asking = asyncio.create_task(at(wire, worker, task, do="read"))
    await answers(second, {"cells": [], "where": "page"})
    assert (await asking)["where"] == "page"
    await leaves(second)
    asking = asyncio.create_task(at(wire, worker, task, do="read"))
    await answers(first, {"cells": [], "where": "page"})
    assert (await asking)["where"] == "page"
    await leaves(first)

    assert (await at(wire, worker, task, do="read"))["where"] == "file"
    assert await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2") == {"done": True}


async def test_a_page_that_is_not_looked_at_does_not_come_before_the_one_in_front(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    behind, front, third = [await opened(wire, *paths) for paths in ((PATH,), (PATH,), ())]
    for page in (behind, third):
        await page.say({"type": "offer", "paths": [PATH, "b.ipynb"], "front": False})
        await page.say({"type": "nonsense"})
        await page.hear("error")  # what it said before has arrived

    asking = asyncio.create_task(at(wire, worker, task, do="read"))
    await answers(front, {"cells": [], "where": "page"})

    assert (await asking)["where"] == "page"
    for page in (behind, front, third):
        await leaves(page)


async def test_a_page_that_was_cut_off_may_have_unsaved_changes_so_the_file_is_left_alone(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await opened(wire, PATH)
    await hang_up(page.socket)  # without a goodbye
    request = {"do": "edit", "cell": "a", "was": "x = 1", "source": "x = 2"}

    cut = await at(wire, worker, task, **request)
    read = await at(wire, worker, task, do="read")
    now = time.monotonic()
    monkeypatch.setattr(wire.service.notebooks, "_clock", lambda: now + 61)
    later = await at(wire, worker, task, **request)

    assert "lost its connection" in cut["refused"]
    assert read["where"] == "file"
    assert later == {"done": True}


async def test_a_page_that_closed_the_notebook_is_not_asked(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    page = await opened(wire, PATH)
    await page.say({"type": "offer", "paths": ["other.ipynb"]})
    await page.say({"type": "nonsense"})
    await page.hear("error")  # what it said before has arrived

    assert (await at(wire, worker, task, do="read"))["where"] == "file"
    await hang_up(page.socket)


async def test_a_page_that_goes_away_while_it_is_asked_is_a_reason_and_no_change_of_the_file(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    page = await opened(wire, PATH)

    asking = asyncio.create_task(at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2"))
    ping = await page.hear("notebook")
    await page.say({"type": "answer", "id": ping["id"], "answer": {}})
    await page.hear("notebook")
    await hang_up(page.socket)

    refused = (await asking)["refused"]
    assert "went away" in refused
    assert "read the notebook again" in refused
    assert sources(file) == ["x = 1", "x + 1"]


async def test_a_page_that_does_not_answer_is_a_reason_in_time(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobu_jupyter.server.notebooks.PAGE_SECONDS", 0.05)
    page = await opened(wire, PATH)

    answer = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")

    assert "did not answer" in answer["refused"]
    assert sources(file) == ["x = 1", "x + 1"]
    await hang_up(page.socket)


async def test_a_page_that_sleeps_is_never_sent_what_it_would_do_on_waking(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lobu_jupyter.server.notebooks.PAGE_SECONDS", 0.05)
    page = await opened(wire, PATH)

    await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    await page.say({"type": "nonsense"})
    asked: list[Json] = []
    while (message := json.loads(await page.socket.read_message() or "{}"))["type"] != "error":
        asked.append(message)

    assert [message["request"] for message in asked if message["type"] == "notebook"] == [{"do": "ping"}]
    await leaves(page)


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4])
async def test_cells_of_a_notebook_without_ids_are_changed_by_their_places(
    minor: int, wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    old: Any = nbformat.v4.new_notebook(nbformat_minor=minor)
    old.cells = [
        nbformat.from_dict({"cell_type": "markdown", "metadata": {}, "source": "# Title"}),
        nbformat.from_dict(cell("x = 1")),
        nbformat.from_dict(cell("x")),
    ]
    nbformat.write(old, file)
    said = {"output_type": "stream", "name": "stdout", "text": "1\n"}

    read = await at(wire, worker, task, do="read")
    edited = await at(wire, worker, task, do="edit", cell="#1", was="# Title", source="# Sales")
    shown = await at(wire, worker, task, do="outputs", cell="#3", was="x", outputs=[said], count=4)
    deleted = await at(wire, worker, task, do="delete", cell="#2", was="x = 1")
    late = await at(wire, worker, task, do="delete", cell="#2", was="x = 1")
    inserted = await at(wire, worker, task, do="insert", cell="new", source="y")

    assert [one["id"] for one in read["cells"]] == ["#1", "#2", "#3"]
    assert [answer.get("done") for answer in (edited, shown, deleted)] == [True] * 3
    assert late == {"conflict": "changed"}
    assert "have no ids" in inserted["refused"]
    kept = json.loads(file.read_text())
    assert kept["nbformat_minor"] == minor
    assert ["".join(one["source"]) for one in kept["cells"]] == ["# Sales", "x"]
    assert "".join(kept["cells"][1]["outputs"][0]["text"]) == "1\n"
    assert kept["cells"][1]["execution_count"] == 4
    assert not any("id" in one for one in kept["cells"])


@pytest.mark.filterwarnings("ignore::nbformat.warnings.MissingIDFieldWarning")
async def test_a_cell_that_gets_a_new_id_with_each_reading_is_changed_by_its_place(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    raw = json.loads(file.read_text())
    for cell in raw["cells"]:
        del cell["id"]
    file.write_text(json.dumps(raw))

    (first, _) = (await at(wire, worker, task, do="read"))["cells"]
    answer = await at(wire, worker, task, do="edit", cell=first["id"], was="x = 1", source="x = 2")

    assert (first["id"], answer) == ("#1", {"done": True})
    assert sources(file) == ["x = 2", "x + 1"]


async def test_after_the_servers_start_pages_have_a_moment_to_come_back(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    waits, over = asyncio.Queue[float](), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await waits.put(seconds)
        await over.wait()

    for name, value in {"_began": now, "_clock": lambda: now, "_sleep": sleep}.items():
        monkeypatch.setattr(wire.service.notebooks, name, value)
    monkeypatch.setattr("lobu_jupyter.server.notebooks.SETTLE_SECONDS", 5.0)

    asking = asyncio.create_task(at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2"))
    waited = await waits.get()
    page = await opened(wire, PATH)
    over.set()
    await answers(page, {"done": True})

    assert await asking == {"done": True}
    assert waited == 5
    assert sources(file) == ["x = 1", "x + 1"]
    await leaves(page)


async def test_a_contents_manager_that_fails_is_a_reason(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def get(path: str, **options: Any) -> Any:
        raise ConnectionError("no bucket")

    monkeypatch.setattr(wire.app.contents_manager, "get", get)

    assert "no bucket" in (await at(wire, worker, task, do="read"))["refused"]


async def test_a_thread_that_was_given_to_another_notebook_meanwhile_is_not_changed_there(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    await wire.ok("PATCH", f"threads/{task['threadId']}", {"notebookPath": "other.ipynb"})

    assert "belongs to other.ipynb now" in (await at(wire, worker, task, do="read"))["refused"]


async def test_a_notebook_that_is_not_there_is_a_reason(wire: Wire, worker: PlainWorker, task: Json) -> None:
    answer = await at(wire, worker, task, do="read")

    assert PATH in answer["refused"]


async def test_only_the_worker_that_holds_the_run_may_ask(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    read = {"do": "read"}
    other = await PlainWorker.register(wire)

    stranger, _ = await post(wire, other, task, read)
    unknown, _ = await post(wire, worker, {"runId": "run_none"}, read)
    status, error = await post(wire, worker, task, {"do": "burn"})
    assert (status, error["error"]["field"]) == (422, "request.do")
    await worker.send(task, {"type": "RUN_FINISHED", **names(task)})
    ended, _ = await post(wire, worker, task, read)

    assert (stranger, unknown, ended) == (409, 404, 409)


async def test_a_thread_without_a_notebook_has_none_to_ask(wire: Wire, worker: PlainWorker) -> None:
    thread = (await wire.ok("POST", "threads", {}))["threadId"]
    await wire.ok("POST", f"threads/{thread}/runs", {"prompt": "x", "agent": "script"})

    status, error = await post(wire, worker, await worker.task(), {"do": "read"})

    assert (status, error["error"]["field"]) == (422, "runId")


def write(file: Path, *cells: Any) -> None:
    """Write a notebook as a program may have, whatever nbformat thinks of it."""
    file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}))


def cell(source: Any, **more: Any) -> Json:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        **more,
    }


@pytest.mark.filterwarnings("ignore")  # nbformat warns of each id that it repairs
@pytest.mark.parametrize(
    ("ids", "told"),
    [
        (["a", "a"], ["a", "#2"]),
        ([None, None], ["#1", "#2"]),
        (["", ""], ["#1", "#2"]),
        (["", "b"], ["#1", "b"]),
        (["x" * 80, "b"], ["#1", "b"]),
        (["#2", "b"], ["#1", "b"]),
    ],
    ids=str,
)
async def test_a_cell_whose_id_says_nothing_is_named_by_its_place(
    ids: list[Any], told: list[str], wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    cells = [cell("x", **({} if name is None else {"id": name})) for name in ids]
    cells[1]["metadata"] = {"second": True}
    write(file, *cells)

    read = await at(wire, worker, task, do="read")
    again = await at(wire, worker, task, do="read", cell=told[1])
    deleted = await at(wire, worker, task, do="delete", cell=told[1], was="x")

    assert [one["id"] for one in read["cells"]] == told
    assert [one["number"] for one in again["cells"]] == [2]
    assert deleted == {"done": True}
    (left,) = json.loads(file.read_text())["cells"]
    assert left["metadata"] == {}


async def test_a_cell_that_is_not_there_is_not_said_to_be_deleted_now(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    before = file.read_bytes()

    assert await at(wire, worker, task, do="delete", cell="z", was="") == {"done": True, "absent": True}
    assert file.read_bytes() == before


async def test_a_locked_cell_of_a_file_is_not_changed(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    write(
        file,
        cell("x", id="a", metadata={"editable": False}),
        cell("y", id="b", metadata={"deletable": False}),
        cell("z", id="c", metadata={"nbgrader": {"grade": True, "locked": True, "grade_id": "q"}}),
    )

    read = await at(wire, worker, task, do="read")
    edited = await at(wire, worker, task, do="edit", cell="a", was="x", source="1")
    deleted = await at(wire, worker, task, do="delete", cell="b", was="y")
    graded = await at(wire, worker, task, do="edit", cell="c", was="z", source="1")
    allowed = await at(wire, worker, task, do="edit", cell="b", was="y", source="2")

    assert [sorted(one["locked"]) for one in read["cells"]] == [
        ["delete", "edit"],
        ["delete"],
        ["delete", "edit"],
    ]
    assert edited == {
        "refused": 'Cell 1 cannot be changed: it is locked ("editable": false). Nothing was done.'
    }
    assert "Cell 2 cannot be deleted" in deleted["refused"]
    assert "nbgrader" in graded["refused"]
    assert allowed == {"done": True}
    assert sources(file) == ["x", "2", "z"]


async def test_a_read_of_a_long_notebook_ends_and_says_how_many_cells_there_are(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    write(file, *(cell("x" * 3000, id=f"c{n}") for n in range(300)))

    first = await at(wire, worker, task, do="read")
    count = len(first["cells"])
    second = await at(wire, worker, task, do="read", start=count + 1)
    outline = await at(wire, worker, task, do="read", outline=True)
    status, refused = await post(wire, worker, task, {"do": "read", "start": 0})

    assert first["total"] == 300
    assert 100 < count < 140
    assert second["cells"][0]["id"] == f"c{count}"
    assert (len(outline["cells"]), len(outline["cells"][0]["source"])) == (300, 200)
    assert (status, "start" in str(refused)) == (422, True)
