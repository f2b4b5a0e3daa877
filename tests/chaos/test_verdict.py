"""The verdict itself: it is silent on what is right, and names each kind of wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from lobu_jupyter.gateway.gateway import Gateway
from tests.gateway.rig import ME, approve, call, open_rig, paused, result, say, success

from .people import Record
from .readers import Reader
from .verdict import judge


async def told(gateway: Gateway, thread: str) -> list[tuple[int, str]]:
    pages = gateway.runs.follow(ME, thread, 0, follow=False)
    return [(entry.seq, entry.body.decode()) async for page in pages for entry in page]


async def lived(folder: Path) -> tuple[Path, Path, Record]:
    """A store, a log of what ran, and a record in which all is as promised.

    The store has a name by which nobody takes it for one that must be valid.
    """
    store, ran, record = folder / "spoilt.store", folder / "ran.log", Record()
    code = "{\"code\": \"open('ran.log', 'a').write('story1-0-a\\\\n')\"}"
    async with open_rig(store) as rig:
        first = await rig.running()
        await rig.worker.emit(first.run_id, *say("hi"), *call("c", args=code), paused("c"), checkpoint="{}")
        second, _ = await rig.gateway.policy.resume(ME, first.thread_id, [approve("c")])
        await rig.worker.fetch()
        ran_well = {**result("c"), "metadata": {"lobu": {"ok": True}}}
        await rig.worker.emit(second.run_id, ran_well, success())
        seen = await told(rig.gateway, first.thread_id)
        record.runs = dict.fromkeys((first.run_id, second.run_id), first.thread_id)
        record.readers = [Reader(first.thread_id, 0, seen), Reader(first.thread_id, 4, seen[4:])]
        record.resumed = {first.run_id: {second.run_id}}
    ran.write_text("story1-0-a\n")
    return store, ran, record


def in_store(sql: str) -> Callable[[Path, Path, Record], None]:
    def change(store: Path, ran: Path, record: Record) -> None:
        with sqlite3.connect(store) as connection:
            assert connection.execute(sql).rowcount > 0

    return change


def in_events(old: str, new: str) -> Callable[[Path, Path, Record], None]:
    """Another text in the bodies of the journal."""

    def change(store: Path, ran: Path, record: Record) -> None:
        with sqlite3.connect(store) as connection:
            rows = connection.execute("SELECT bodies, number FROM journal").fetchall()
            changed = [(body.decode().replace(old, new).encode(), number) for body, number in rows]
            assert changed != rows
            connection.executemany("UPDATE journal SET bodies = ? WHERE number = ?", changed)
        for reader in record.readers:
            reader.seen = [(seq, text.replace(old, new)) for seq, text in reader.seen]

    return change


def in_record(change: Callable[[Record], object]) -> Callable[[Path, Path, Record], None]:
    return lambda store, ran, record: void(change(record))


def in_log(text: str) -> Callable[[Path, Path, Record], None]:
    return lambda store, ran, record: void(ran.write_text(text))


def void(value: object) -> None: ...


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (in_record(lambda r: None), ""),
        (in_record(lambda r: r.readers[0].seen.pop(3)), "lost_events"),
        (in_record(lambda r: r.readers[0].seen.append(r.readers[0].seen[-1])), "doubled_events"),
        (in_record(lambda r: r.readers[1].seen.reverse()), "lost_events"),
        (in_record(lambda r: r.runs.update(run_lost="t")), "runs_without_one_end"),
        (in_record(lambda r: next(iter(r.resumed.values())).add("run_other")), "decisions_twice"),
        (in_record(lambda r: r.problems.append("slow")), "problems"),
        (in_store("DELETE FROM journal WHERE 5 BETWEEN first AND last"), "lost_events"),
        (
            in_store("UPDATE journal SET run_id = NULL WHERE last = (SELECT max(last) FROM journal)"),
            "runs_without_one_end",
        ),
        (in_store("UPDATE runs SET status = 'running' WHERE status = 'succeeded'"), "runs_without_one_end"),
        (in_store("DELETE FROM interrupts"), "half_pauses"),
        (in_store("UPDATE interrupts SET status = 'open'"), "half_pauses"),
        (in_store("INSERT INTO checkpoints VALUES ('run_x', 't', '{}')"), "half_pauses"),
        (in_store("UPDATE interrupts SET decision = NULL"), "tools_without_decision"),
        (in_log("story1-0-a\nstory1-0-a\n"), "tools_twice"),
        (in_log("story1-0-a\nstory9-0-b\n"), "tools_without_decision"),
        (in_log(""), "lost_effects"),
        (in_events('"ok":true', '"ok":false'), "lost_effects"),
        (in_events('"content":"', '"content":"No kernel is running for this notebook. '), "lost_effects"),
    ],
)
async def test_each_kind_of_wrong_is_named(
    tmp_path: Path, change: Callable[[Path, Path, Record], None], named: str
) -> None:
    store, ran, record = await lived(tmp_path)
    record = deepcopy(record)

    change(store, ran, record)
    failures = judge(store, ran, record, orphans=[]).failures()

    assert named in failures if named else failures == {}


async def test_a_process_that_is_left_is_named(tmp_path: Path) -> None:
    store, ran, record = await lived(tmp_path)

    assert judge(store, ran, record, orphans=[4711]).failures() == {"orphans": ["4711"]}
