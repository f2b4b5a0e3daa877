"""What agents changed in cells and files is taken back in one act, and made again; never over what a person changed."""

# ruff: noqa: F811 - the fixtures of test_notebooks.py

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .test_notebooks import PATH, at, file, leaves, opened, settled, sources, task  # noqa: F401
from .wire import Json, PlainWorker, Wire


@pytest.fixture
async def worker(wire: Wire) -> PlainWorker:
    """A worker that this server has started: it says which files it writes."""
    made = await wire.service.gateway.workers.register("plain", owner=None, agents=[{"name": "script"}])
    return PlainWorker(wire, made["workerId"], made["incarnation"], made["token"])


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"allow": ["*_cell"]}


def digest(text: str | None) -> str:
    return "absent" if text is None else hashlib.sha256(text.encode()).hexdigest()


async def writes(wire: Wire, worker: PlainWorker, task: Json, path: Path, text: str, root: Path) -> None:
    """Write a file as the file tools do: its record first."""
    was = path.read_text() if path.exists() else None
    before = {"digest": digest(was), **({} if was is None else {"content": was})}
    change = {"path": path.relative_to(root).as_posix(), "before": before, "now": digest(text)}
    body = {"runId": task["runId"], "change": change}
    await wire.ok("POST", f"workers/{worker.worker_id}/changes", body, headers=worker.headers)
    path.write_text(text)


async def ends(wire: Wire, task: Json) -> None:
    await wire.ok("POST", f"runs/{task['runId']}/cancel")


async def undo(wire: Wire, task: Json, **wish: Any) -> Json:
    wish = wish or {"runId": task["runId"]}
    return await wire.ok("POST", f"threads/{task['threadId']}/undo", wish)


async def does(wire: Wire, task: Json, **wish: Any) -> Json:
    """Preview, and do just that."""
    wish = wish or {"runId": task["runId"]}
    return await undo(wire, task, **wish, digest=(await undo(wire, task, **wish))["digest"])


async def test_a_runs_changes_of_cells_are_taken_back_in_one_act_and_made_again(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    before = file.read_bytes()
    await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    await at(wire, worker, task, do="edit", cell="a", was="x = 2", source="x = 3")
    await at(wire, worker, task, do="insert", cell="new", source="y", after="a")
    await at(wire, worker, task, do="move", cell="a", was="x = 3", after="b")
    await at(wire, worker, task, do="delete", cell="b", was="x + 1")
    after = sources(file)
    await ends(wire, task)

    preview = await undo(wire, task)

    assert [(item["cell"], item["does"], item["state"]) for item in preview["items"]] == [
        ("b", "put back", "restore"),
        ("a", "change", "restore"),
        ("new", "remove", "restore"),
    ]
    assert "-x = 3" in preview["items"][1]["diff"]
    assert "+x = 1" in preview["items"][1]["diff"]
    assert sources(file) == after, "a preview does nothing"
    done = await undo(wire, task, runId=task["runId"], digest=preview["digest"])
    again = await undo(wire, task, runId=task["runId"], digest=preview["digest"])
    assert done == again, "a repeated request is done once"
    assert nbformat.reads(before.decode(), 4) == nbformat.read(file, 4)
    assert (await undo(wire, task))["items"] == []

    await does(wire, task, undoId=done["undoId"])
    assert sources(file) == after
    await does(wire, task)
    assert nbformat.reads(before.decode(), 4) == nbformat.read(file, 4)


async def test_files_are_taken_back_and_made_again(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, jp_root_dir: Path
) -> None:
    old, new = jp_root_dir / "old.txt", jp_root_dir / "new.txt"
    old.write_text("1\n")
    for path, text in ((old, "2\n"), (old, "3\n"), (new, "made\n")):
        await writes(wire, worker, task, path, text, jp_root_dir)
    await ends(wire, task)

    done = await does(wire, task)

    assert (old.read_text(), new.exists()) == ("1\n", False)
    assert {item["path"]: item["does"] for item in done["items"]} == {
        "new.txt": "remove",
        "old.txt": "change",
    }
    await does(wire, task, undoId=done["undoId"])
    assert (old.read_text(), new.read_text()) == ("3\n", "made\n")


async def test_what_the_person_changed_since_stays(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, jp_root_dir: Path
) -> None:
    mine, theirs = jp_root_dir / "mine.txt", jp_root_dir / "theirs.txt"
    for path in (mine, theirs):
        await writes(wire, worker, task, path, "agent", jp_root_dir)
    await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    await at(wire, worker, task, do="edit", cell="b", was="x + 1", source="x + 2")
    await ends(wire, task)
    mine.write_text("person")
    notebook = nbformat.read(file, 4)
    notebook.cells[0].source = "x = 7"
    nbformat.write(notebook, file)

    preview = await undo(wire, task)
    await undo(wire, task, runId=task["runId"], digest=preview["digest"])

    states = {item.get("cell") or item["path"]: item["state"] for item in preview["items"]}
    assert states == {"a": "conflict", "b": "restore", "mine.txt": "conflict", "theirs.txt": "restore"}
    assert all(item["why"] for item in preview["items"] if item["state"] == "conflict")
    assert sources(file) == ["x = 7", "x + 1"]
    assert (mine.read_text(), theirs.exists()) == ("person", False)


async def test_only_what_was_previewed_is_done(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    await ends(wire, task)
    preview = await undo(wire, task)
    notebook = nbformat.read(file, 4)
    notebook.cells[0].source = "x = 7"
    nbformat.write(notebook, file)

    wish = {"runId": task["runId"], "digest": preview["digest"]}
    status, answer = await wire.ask("POST", f"threads/{task['threadId']}/undo", wish)

    assert (status, answer["error"]["code"]) == (409, "preview_changed")
    assert answer["error"]["preview"]["items"][0]["state"] == "conflict"
    assert sources(file)[0] == "x = 7"


async def test_what_the_journal_does_not_have_whole_is_not_written(
    wire: Wire, worker: PlainWorker, task: Json, file: Path, jp_root_dir: Path
) -> None:
    wire.service.settings.gateway.redactor.add("hunter2-hunter2")
    secret, big = jp_root_dir / "secret.txt", jp_root_dir / "big.txt"
    secret.write_text("password = hunter2-hunter2")
    await writes(wire, worker, task, secret, "password = 1", jp_root_dir)
    change = {"path": "big.txt", "before": {"digest": digest("b"), "size": 300_000}, "now": digest("x")}
    body = {"runId": task["runId"], "change": change}
    await wire.ok("POST", f"workers/{worker.worker_id}/changes", body, headers=worker.headers)
    big.write_text("x")
    await ends(wire, task)

    done = await does(wire, task)

    whys = {item["path"]: (item["state"], item["why"]) for item in done["items"]}
    assert whys["secret.txt"][0] == whys["big.txt"][0] == "lost"
    assert "secret" in whys["secret.txt"][1]
    assert "300,000 bytes" in whys["big.txt"][1]
    assert (secret.read_text(), big.read_text()) == ("password = 1", "x")


async def test_bad_requests_are_refused(wire: Wire, worker: PlainWorker, task: Json, file: Path) -> None:
    path = f"threads/{task['threadId']}/undo"
    forged = await worker.send(
        task, {"type": "CUSTOM", "name": "lobu.change", "value": {"changeId": "c", "what": "file"}}
    )

    busy = await wire.ask("POST", path, {"runId": task["runId"]})
    await ends(wire, task)
    asked = [await wire.ask("POST", path, body) for body in ({}, {"runId": "run_0"}, {"undoId": "undo_0"})]
    both = await wire.ask("POST", path, {"runId": "a", "undoId": "b"})
    change = {"path": "a", "before": {"digest": "absent"}, "now": "1"}
    late = await wire.ask(
        "POST", f"workers/{worker.worker_id}/changes", {"runId": task["runId"], "change": change},
        headers=worker.headers,
    )  # fmt: skip

    assert (busy[0], busy[1]["error"]["code"]) == (409, "thread_busy")
    assert [status for status, _ in asked] == [422, 404, 404]
    assert both[0] == 422
    assert late[0] == 409
    assert forged[0] == 422


async def test_an_outside_worker_says_of_no_file_what_it_was(wire: Wire, file: Path) -> None:
    outside = await PlainWorker.register(wire)
    thread = await wire.ok("POST", "threads", {})
    await wire.ok("POST", f"threads/{thread['threadId']}/runs", {"prompt": "x", "agent": "script"})
    change = {"path": "a", "before": {"digest": "absent"}, "now": "1"}
    body = {"runId": (await outside.task())["runId"], "change": change}

    path = f"workers/{outside.worker_id}/changes"
    status, _ = await wire.ask("POST", path, body, headers=outside.headers)

    assert status == 403


async def test_an_open_page_takes_all_cells_back_at_once(
    wire: Wire, worker: PlainWorker, task: Json, file: Path
) -> None:
    await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")
    await ends(wire, task)
    page = await opened(wire, PATH)
    step = {"do": "edit", "cell": "a", "was": "x = 2", "source": "x = 1"}
    verdict = {"verdict": "done", "number": 1, "back": {**step, "was": "x = 1", "source": "x = 2"}}

    asking = asyncio.ensure_future(undo(wire, task))
    heard: list[Json] = []

    async def answers_all() -> None:
        while True:
            asked = await page.hear("notebook")
            heard.append(asked["request"])
            answer = {"steps": [verdict], "done": not asked["request"].get("dry")}
            await page.say({"type": "answer", "id": asked["id"], "answer": answer})

    answering = asyncio.ensure_future(answers_all())
    preview = await asking
    await undo(wire, task, runId=task["runId"], digest=preview["digest"])
    answering.cancel()
    await leaves(page)

    asked = [request for request in heard if request["do"] != "ping"]
    assert asked == [
        {"do": "several", "steps": [step], "dry": True},
        {"do": "several", "steps": [step], "dry": True},
        {"do": "several", "steps": [step], "expect": ["done"]},
    ]
    assert sources(file)[0] == "x = 2", "the file is the page's"


@pytest.mark.parametrize("when", ["before the preview", "after it"])
async def test_a_link_that_takes_a_files_place_takes_no_restored_text(
    wire: Wire, worker: PlainWorker, task: Json, jp_root_dir: Path, when: str
) -> None:
    path, other = jp_root_dir / "a.txt", jp_root_dir / "other.txt"
    path.write_text("was")
    await writes(wire, worker, task, path, "agent", jp_root_dir)
    await ends(wire, task)
    other.write_text("agent")  # as the agent left the file, so that the digests are equal
    preview = await undo(wire, task)

    path.unlink()
    path.symlink_to(other)
    if when == "before the preview":
        preview = await undo(wire, task)
        assert [item["state"] for item in preview["items"]] == ["conflict"]
    wish = {"runId": task["runId"], "digest": preview["digest"]}
    await wire.ask("POST", f"threads/{task['threadId']}/undo", wish)

    assert other.read_text() == "agent"
    assert path.is_symlink()
