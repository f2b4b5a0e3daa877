"""A store is copied to the other database and back: whole, in steps that survive a kill, and never over anything."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.gateway import Settings, open_gateway
from lobu_jupyter.gateway.stores import copy_store
from lobu_jupyter.model.errors import Conflict, StoreUnavailable
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.model.requests import NewThread
from lobu_jupyter.store import tables
from lobu_jupyter.store.database import open_database
from tests import stores
from tests.gateway.rig import ME, approve, open_rig, say, success
from tests.peek import TABLES, does
from tests.stores import Kind

pytestmark = pytest.mark.processes

WAYS = pytest.mark.parametrize(
    ("here", "there"),
    [("sqlite", "postgres"), ("postgres", "sqlite"), ("sqlite", "sqlite"), ("postgres", "postgres")],
)

# Dies by SIGKILL in the transaction of its ninth step, with pages of two rows.
DIES = """
import asyncio, os, signal, sys
from lobu_jupyter.gateway.stores import copy_store
from lobu_jupyter.store import copying, tables
tables.PAGE_ROWS = 2
move_on, steps = copying.move_on, iter(range(int(sys.argv[3]) - 1, -1, -1))
async def count(*args):
    await move_on(*args)
    if not next(steps):
        os.kill(os.getpid(), signal.SIGKILL)
copying.move_on = count
asyncio.run(copy_store(sys.argv[1], sys.argv[2], print))
"""


async def fill(where: str | Path) -> dict[str, list[Any]]:
    """A store with a run that ended, one that waits, one that runs and one that is queued. Returns all threads' journals."""
    async with open_rig(where) as rig:
        ended, waiting, running = [
            await rig.thread(title=name, notebook_path=f"{name}.ipynb") for name in "abc"
        ]
        started = await rig.running(ended)
        await rig.worker.emit(started.run_id, *say("Grüße, \u2603"), success())
        await rig.waiting("c1", thread_id=waiting, kernel_id="k1")
        started = await rig.running(running)
        await rig.worker.emit(started.run_id, *say("so far"))
        await rig.start(running, "next", if_running="queue")
        await rig.gateway.policy.put(ME, notebook_path="a.ipynb", rules=Rules(deny=("rm_*",)))
        for number in range(5):
            await rig.gateway.threads.create(ME, NewThread(title=f"thread {number}"))
        await rig.gateway.close(end_runs=False)  # as a server that was killed
    return {thread: await journal(where, thread) for thread in (ended, waiting, running)}

    return NewThread(title=f"thread {number}")


async def journal(where: str | Path, thread_id: str) -> list[Any]:
    database = await open_database(where)
    try:
        return await database.read(
            does("SELECT seq, body FROM events WHERE thread_id = ? ORDER BY seq", thread_id)
        )
    finally:
        await database.close()


async def forget_servers(where: str | Path) -> None:
    """Let the server that filled the store be dead: this process is still alive."""
    database = await open_database(where)
    await database.write(does("UPDATE servers SET seen_at = 0, pid = 0, host = 'another'"))
    await database.close()


async def made(folder: Path, kind: Kind, name: str = "here.sqlite") -> str | Path:
    where = stores.new_store(folder, kind, name)
    await fill(where)
    await forget_servers(where)
    return where


def quiet(step: str) -> None: ...


def die(source: str | Path, target: str | Path, step: int) -> None:
    """Copy in a process that is killed in the middle of a step."""
    dead = subprocess.run(
        [sys.executable, "-c", DIES, source, target, str(step)], capture_output=True, check=False
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr.decode()


@WAYS
async def test_a_copy_goes_on_where_its_source_was(tmp_path: Path, here: Kind, there: Kind) -> None:
    source, target = (
        stores.new_store(tmp_path, kind, name) for kind, name in ((here, "a.sqlite"), (there, "b.sqlite"))
    )
    journals = await fill(source)
    await forget_servers(source)

    told = await copy_store(source, target, quiet)

    assert told["threads"] == 8
    assert {thread: await journal(target, thread) for thread in journals} == journals
    ended, waiting, running = journals
    async with open_rig(target) as rig:
        await rig.gateway.recover()
        assert (await rig.types(running))[-1] != "TEXT_MESSAGE_END"  # the killed server's run has its end
        assert await rig.types(waiting)
        await rig.gateway.policy.resume(ME, waiting, [approve("c1")])
        await rig.worker.fetch()
        again = await rig.running(ended)
        await rig.worker.emit(again.run_id, *say("more"), success())
        assert (await rig.run(again.run_id)).status == "succeeded"


@pytest.mark.parametrize("step", [1, 9, 14, 25])
@pytest.mark.parametrize(("here", "there"), [("sqlite", "postgres"), ("postgres", "sqlite")])
async def test_a_copy_that_was_killed_is_finished_by_the_same_call(
    tmp_path: Path, here: Kind, there: Kind, step: int
) -> None:
    source = await made(tmp_path, here)
    target = stores.new_store(tmp_path, there, "there.sqlite")
    die(source, target, step)
    with pytest.raises(StoreUnavailable, match="not finished"):
        async with open_gateway(target, settings=Settings(sweep_seconds=0, poll_seconds=0)):
            pass

    await copy_store(source, target, quiet)

    assert await counts(source) == await counts(target)
    async with open_gateway(target, settings=Settings(sweep_seconds=0, poll_seconds=0)) as gateway:
        assert (await gateway.health())["store"]


async def counts(where: str | Path) -> dict[str, int]:
    database = await open_database(where)
    try:
        return {
            table: (await database.read(does(f"SELECT count(*) FROM {table}")))[0][0]  # noqa: S608
            for table in TABLES
        }
    finally:
        await database.close()


async def test_a_store_in_use_is_not_copied(tmp_path: Path) -> None:
    source = stores.new_store(tmp_path, "sqlite")
    async with open_rig(source):
        with pytest.raises(StoreUnavailable, match="in use by 1 servers"):
            await copy_store(source, tmp_path / "target.sqlite", quiet)


@WAYS
async def test_a_target_that_is_not_empty_is_left_as_it_is(tmp_path: Path, here: Kind, there: Kind) -> None:
    source, target = await made(tmp_path, here), await made(tmp_path, there, "there.sqlite")
    before = await counts(target)

    with pytest.raises(StoreUnavailable, match="is not empty"):
        await copy_store(source, target, quiet)

    assert await counts(target) == before


async def test_a_target_that_a_server_has_open_is_refused(tmp_path: Path) -> None:
    source, target = await made(tmp_path, "sqlite"), stores.new_store(tmp_path, "postgres")
    async with open_gateway(target):
        with pytest.raises(StoreUnavailable, match="is not empty"):
            await copy_store(source, target, quiet)


async def test_an_unfinished_copy_of_another_store_is_not_finished(tmp_path: Path) -> None:
    source, other = await made(tmp_path, "sqlite"), await made(tmp_path, "sqlite", "other.sqlite")
    target = stores.new_store(tmp_path, "sqlite", "target.sqlite")
    die(source, target, 9)

    with pytest.raises(StoreUnavailable, match=r"an unfinished copy of .*here\.sqlite"):
        await copy_store(other, target, quiet)


@pytest.mark.parametrize("there", stores.BOTH)
async def test_a_source_that_changed_is_noticed_and_the_copy_stays_closed(
    tmp_path: Path, there: Kind
) -> None:
    source, target = await made(tmp_path, "sqlite"), stores.new_store(tmp_path, there, "there.sqlite")
    die(source, target, 14)
    database = await open_database(source)
    await database.write(does("UPDATE threads SET title = 'changed' WHERE number = 1"))
    await database.close()

    with pytest.raises(Conflict, match="the rows of threads"):
        await copy_store(source, target, quiet)

    with pytest.raises(StoreUnavailable, match="not finished"):
        await open_database(target)


@pytest.mark.parametrize("kind", stores.BOTH)
async def test_a_page_of_rows_is_small_in_memory(tmp_path: Path, kind: Kind) -> None:
    database = await open_database(stores.new_store(tmp_path, kind))
    (table,) = [table for table in tables.tables() if table.name == "checkpoints"]
    try:
        for name in "abcd":
            insert = "INSERT INTO checkpoints (run_id, thread_id, body) VALUES (?, 't', ?)"
            await database.write(does(insert, name, "x" * 1_500_000))
        pages: list[list[str]] = []
        after = None
        while True:
            rows = await database.read(lambda tx, after=after: tables.read_rows(tx, kind, table, after))
            if not rows:
                break
            pages.append([row["run_id"] for row in rows])
            after = tables.key_of(table, rows[-1])
    finally:
        await database.close()

    assert pages == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("there", stores.BOTH)
async def test_a_number_that_was_given_out_is_not_given_again(tmp_path: Path, there: Kind) -> None:
    source, target = await made(tmp_path, "postgres"), stores.new_store(tmp_path, there, "there.sqlite")
    database = await open_database(source)
    high = (await database.read(does("SELECT max(incarnation) FROM workers")))[0][0]
    await database.write(does("DELETE FROM workers"))
    await database.close()

    await copy_store(source, target, quiet)

    async with open_rig(target) as rig:
        assert rig.worker.caller.incarnation > high
