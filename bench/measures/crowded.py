"""B18: a store of many people's years: the list, the search, opening, deleting and retention, over HTTP as a page asks.

One thread is filled through the product and copied by SQL as often as the store needs, so that a store of 5 GB is made
in about two minutes. Every copy has its own ids and its own words.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.figures import percentile
from bench.machine import Watch
from bench.peers import OPTIONS, Product, product
from bench.reader import read
from bench.scale import Scale
from bench.table import Row

from .guest import PROBE

OUTPUT = 500_000  # bytes of a thread: 10,000 of them are 5 GB
TIMES = 60
DAY = 86_400.0
OLD = 100  # threads that retention deletes
WORDS = [
    f"{a}{b}{c}"
    for a in ("sales", "churn", "region", "margin")
    for b in ("ing", "ed", "er")
    for c in range(40)
]


async def b18(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    store = folder / "crowded.sqlite"
    async with product(folder, store=store) as peer:
        run = peer.new_run()
        reader = await run.read()
        await run.start(20, 0, output=OUTPUT)
        await reader.over()
    ids = copies(store, run.thread, run.run, scale.threads)
    size = store.stat().st_size / 1e9
    async with product(folder, store=store, options=[*OPTIONS, PROBE]) as peer:
        watch.settle()
        asked = [await _measured(peer, name, _acts(peer, ids)[name]) for name in _acts(peer, ids)]
    watch.settle()
    stall = await _retained(folder, store)
    where = f"{scale.threads:,} threads in {size:.1f} GB"
    return [
        *(
            Row(id=f"B18.{name}", what=f"{what}, p99: {where}", unit="ms", product=[percentile(times, 99)], bound=100)
            for name, what, times, _ in asked
        ),
        Row(id="B18.stall", what=f"longest stall of the loop meanwhile: {where}", unit="ms",
            product=[late for *_, late in asked], bound=10),
        Row(id="B18.retention", what=f"longest stall while {OLD} old threads are deleted: {where}", unit="ms",
            product=[stall], bound=10),
    ]  # fmt: skip


def copies(store: Path, thread: str, run: str, count: int) -> list[str]:
    """Copy a thread with all that it has until there are ``count``. Returns the copies' ids."""
    dice = random.Random(18)
    names = [f"{thread[:-6]}{number:06d}" for number in range(count)]
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        base = int(connection.execute("SELECT max(number) FROM threads").fetchone()[0])
        original = int(
            connection.execute("SELECT number FROM threads WHERE thread_id = ?", [thread]).fetchone()[0]
        )
        for begin in range(0, count, 500):
            connection.execute("BEGIN")
            for number in range(begin, min(begin + 500, count)):
                new_run = f"{run[:-6]}{number:06d}"
                words = " ".join(dice.choices(WORDS, k=40))
                _copy(connection, (original, thread, run), (base + 1 + number, names[number], new_run), words)
            connection.execute("COMMIT")
    return names


def _copy(
    connection: sqlite3.Connection, old: tuple[int, str, str], new: tuple[int, str, str], words: str
) -> None:
    ago = random.Random(new[0]).random() * 300 * DAY
    columns = {
        "threads": {
            "number": new[0],
            "thread_id": new[1],
            "title": words[:60],
            "updated_at": time.time() - ago,
        },
        "runs": {"number": None, "run_id": new[2], "thread_id": new[1], "client_request_id": None},
        "journal": {"number": None, "thread": new[0], "run_id": new[2]},
        "texts": {"number": None, "thread_id": new[1], "run_id": new[2], "text": words},
    }
    where = {"threads": ("number", old[0]), "runs": ("run_id", old[2]), "journal": ("thread", old[0]), "texts": ("run_id", old[2])}  # fmt: skip
    for table, changed in columns.items():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        picked = ", ".join(f":{name}" if name in changed else name for name in names)
        picked = picked.replace(
            "bodies",
            f"CAST(replace(replace(CAST(bodies AS TEXT), '{old[1]}', '{new[1]}'), '{old[2]}', '{new[2]}') AS BLOB)",
        )
        column, value = where[table]
        done = connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {picked} FROM {table} WHERE {column} = :value",  # noqa: S608 - names of the schema
            {**changed, "value": value},
        )
        assert done.rowcount > 0, f"{table} has rows of the thread that is copied"


def _acts(peer: Product, ids: list[str]) -> dict[str, tuple[str, Callable[[int], Awaitable[None]]]]:
    get = peer.http.get
    picked = random.Random(5).sample(ids, min(len(ids), 3 * TIMES))

    async def listed(_: int, **params: str | int) -> None:
        reply = await get("threads", params={"limit": 50, **params})
        assert reply.raise_for_status().json()["threads"]

    async def found(number: int) -> None:
        await listed(number, search=WORDS[number % len(WORDS)])

    async def missed(number: int) -> None:
        reply = await get("threads", params={"limit": 50, "search": f"nobody said {number}"})
        assert not reply.raise_for_status().json()["threads"]

    async def opened(number: int) -> None:
        thread = picked[number]
        snapshot = (await get(f"threads/{thread}/snapshot")).raise_for_status()
        path = f"/lobu/api/threads/{thread}/events?cursor={snapshot.json()['cursor'] - 1}"
        reader = await read(peer.server.port, path, peer.server.auth, stop=b'"RUN_FINISHED"')
        await reader.over()

    async def deleted(number: int) -> None:
        (await peer.http.delete(f"threads/{picked[TIMES + number]}")).raise_for_status()

    return {
        "list": ("the list of threads", listed),
        "search": ("a search for a word that many threads have", found),
        "miss": ("a search for words that no thread has", missed),
        "open": ("a thread opened, its snapshot and its end", opened),
        "delete": ("a thread deleted", deleted),
    }


async def _measured(
    peer: Product, name: str, act: tuple[str, Callable[[int], Awaitable[None]]]
) -> tuple[str, str, list[float], float]:
    what, do = act
    stall = partial(peer.http.get, peer.server.url + "bench/stall")
    await do(0)
    await stall()
    times: list[float] = []
    for number in range(1, TIMES):
        began = time.perf_counter()
        await do(number)
        times.append((time.perf_counter() - began) * 1e3)
    return name, what, times, (await stall()).json()["ms"]


async def _retained(folder: Path, store: Path) -> float:
    """The loop's longest stall, in ms, while a server deletes the oldest threads and purges what they had."""
    days = f"--LobuApp.keep_days={_older(store, OLD):.3f}"
    async with product(folder, worker=False, store=store, options=[*OPTIONS, PROBE, days]) as peer:
        stall = partial(peer.http.get, peer.server.url + "bench/stall")
        before, until = _threads(store), time.monotonic() + 180
        await stall()
        while _threads(store) > before - OLD:
            assert time.monotonic() < until, "the sweeper deletes what is too old"
            await asyncio.sleep(0.5)
        return (await stall()).json()["ms"]


def _threads(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM threads").fetchone()[0])


def _older(store: Path, count: int) -> float:
    """Of so many threads the least age, in days."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT updated_at FROM threads WHERE deleted_at IS NULL ORDER BY updated_at LIMIT 1 OFFSET ?",
            [count],
        )
        return (time.time() - rows.fetchone()[0]) / DAY
