"""A notebook in a room of jupyter-collaboration whose pages nobody told us of: its live document is changed.

The tests with a real room run where `jupyter-server-ydoc` is installed (`make test-rooms`). It is not in the lock, because
it would turn on live collaboration in every JupyterLab of the other tests.
"""

# ruff: noqa: F811 - the fixtures of test_notebooks.py

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from .test_notebooks import PATH, at, file, settled, sources, task, worker  # noqa: F401
from .wire import Json, PlainWorker, Wire


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rooms keep a file in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lobu_config() -> dict[str, Any]:
    return {"allow": ["*_cell"]}


@pytest.fixture
def jp_server_config(
    tmp_path: Path, lobu_config: dict[str, Any], request: pytest.FixtureRequest
) -> dict[str, Any]:
    live = (
        {"jupyter_server_fileid": True, "jupyter_server_ydoc": True} if "live" in request.fixturenames else {}
    )
    return {
        "ServerApp": {"jpserver_extensions": {"lobu_jupyter": True, **live}},
        "IdentityProvider": {"token": "_token-of-the-server-under-test"},
        "LobuApp": {"store_path": str(tmp_path / "lobu.sqlite"), **lobu_config},
    }


@pytest.fixture
async def live(wire: Wire, file: Path) -> Any:
    """The room's own document, as the people in it share it."""
    pytest.importorskip("jupyter_server_ydoc", reason="make test-rooms has it")
    (app,) = wire.app.extension_manager.extension_apps["jupyter_server_ydoc"]
    return await app.get_document(
        path=PATH, content_type="notebook", file_format="json", copy=False, create=True
    )


def texts(document: Any) -> list[str]:
    return [document.get_cell(index)["source"] for index in range(document.cell_number)]


async def test_the_live_document_is_read_and_changed_and_not_the_file(
    live: Any,
    wire: Wire,
    worker: PlainWorker,
    task: Json,
    file: Path,
) -> None:
    live.set_cell(0, {**live.get_cell(0), "source": "x = 'ä€😀'  # typed"})
    before = file.read_bytes()

    read = await at(wire, worker, task, do="read")
    edited = await at(
        wire, worker, task, do="edit", cell="a", was="x = 'ä€😀'  # typed", source="x = 'ä😀!'  # typed"
    )
    stale = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 3")
    added = await at(wire, worker, task, do="insert", cell="new", source="y", after="a")
    again = await at(wire, worker, task, do="insert", cell="new", source="y", after="a")
    await at(wire, worker, task, do="move", cell="a", was="x = 'ä😀!'  # typed")
    moved = texts(live)
    await at(wire, worker, task, do="move", cell="b", was="x + 1", after="")
    await at(wire, worker, task, do="delete", cell="new", was="y")
    gone = await at(wire, worker, task, do="delete", cell="new", was="y")
    outputs = [{"output_type": "stream", "name": "stdout", "text": "out"}]
    await at(wire, worker, task, do="outputs", cell="b", was="x + 1", outputs=outputs)

    assert (read["where"], read["cells"][0]["source"]) == ("room", "x = 'ä€😀'  # typed")
    assert edited == added == again == {"done": True}
    assert stale == {"conflict": "changed"}
    assert gone == {"done": True, "absent": True}
    assert moved == ["y", "x + 1", "x = 'ä😀!'  # typed"]
    assert texts(live) == ["x + 1", "x = 'ä😀!'  # typed"]
    assert live.get_cell(0)["outputs"][0]["text"] == "out"
    assert file.read_bytes() == before, "the room saves it"


async def test_a_lock_holds_in_a_room(
    live: Any,
    wire: Wire,
    worker: PlainWorker,
    task: Json,
    file: Path,
) -> None:
    live.set_cell(0, {**live.get_cell(0), "metadata": {"editable": False}})

    answer = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")

    assert "editable" in answer["refused"]
    assert texts(live)[0] == "x = 1"


async def test_the_last_cell_leaves_an_empty_one(
    live: Any,
    wire: Wire,
    worker: PlainWorker,
    task: Json,
) -> None:
    await at(wire, worker, task, do="delete", cell="a", was="x = 1")
    await at(wire, worker, task, do="delete", cell="b", was="x + 1")

    assert texts(live) == [""]


async def test_a_room_that_fails_is_not_passed_by(
    wire: Wire,
    worker: PlainWorker,
    task: Json,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def get_document(**_: Any) -> Any:
        raise RuntimeError("the room is broken")

    apps = {"jupyter_server_ydoc": [SimpleNamespace(get_document=get_document)]}
    monkeypatch.setattr(wire.service.notebooks._rooms, "_extensions", lambda: apps)
    before = file.read_bytes()

    answer = await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2")

    assert "the room is broken" in answer["refused"]
    assert file.read_bytes() == before


async def test_without_a_room_the_file_is_changed(
    wire: Wire,
    worker: PlainWorker,
    task: Json,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def get_document(**_: Any) -> Any:
        return None

    apps = {"jupyter_server_ydoc": [SimpleNamespace(get_document=get_document)]}
    monkeypatch.setattr(wire.service.notebooks._rooms, "_extensions", lambda: apps)

    assert await at(wire, worker, task, do="edit", cell="a", was="x = 1", source="x = 2") == {"done": True}
    assert sources(file)[0] == "x = 2"
    assert nbformat.validate(json.loads(file.read_text())) is None
