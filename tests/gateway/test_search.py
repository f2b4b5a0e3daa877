"""A search finds a thread by any part of what was said in it, however much other people said, and in no time."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from lobu_jupyter.model.requests import NewThread, ThreadsQuery
from tests.peek import does, peek

from .rig import ME, OTHER, Rig, open_rig, say, success

MANY = 2500  # texts with the same words: more than are looked up
WRITE = "INSERT INTO texts (thread_id, run_id, text) VALUES (?, ?, ?)"
SAID = [
    "50%_off",
    "a\\b",
    "naïve café",
    "東京タワー",
    'it\'s "quoted"',
    "df.groupby('x')",
    "tab\there",
    "NEAR(a) * -b",
    "%%%",
]


async def tell(rig: Rig, thread_id: str, text: str) -> None:
    """Have a text said in a thread, as its run's end writes it."""
    await rig.gateway._ctx.database.write(does(WRITE, thread_id, "r", text))


async def found(rig: Rig, words: str) -> set[str]:
    query = ThreadsQuery(search=words, limit=500)
    return {thread.thread_id for thread in await rig.gateway.threads.list(ME, query)}


async def test_any_part_of_what_was_said_is_found_as_it_stands(rig: Rig) -> None:
    threads = {await rig.thread(title="#"): text for text in SAID}
    for thread_id, text in threads.items():
        await tell(rig, thread_id, f"start {text} end")

    for part in {text[i:j] for text in SAID for i in range(len(text)) for j in range(i + 1, len(text) + 1)}:
        expected = {name for name, text in threads.items() if part.lower() in f"start {text} end".lower()}
        assert await found(rig, part) == expected, part


async def test_words_that_are_everywhere_are_found_in_the_threads_of_this_person_only(rig: Rig) -> None:
    mine = await rig.thread(title="#")
    crowd = (await rig.gateway.threads.create(OTHER, NewThread(title="theirs"))).thread_id

    async def body(tx: Any) -> None:
        for number in range(MANY):
            peek(tx, WRITE, crowd, f"r{number}", f"common words {number}")

    await rig.gateway._ctx.database.write(body)
    await tell(rig, mine, "common words of mine")

    assert await found(rig, "common words") == {mine}
    assert await found(rig, "words 17") == set()


async def test_what_is_said_again_changed_or_deleted_is_found_as_it_is_now(rig: Rig) -> None:
    started = await rig.running(prompt="first zebra")
    await rig.worker.emit(started.run_id, *say("an okapi"), success())
    assert await found(rig, "okapi") == await found(rig, "zebra") == {started.thread_id}

    database = rig.gateway._ctx.database
    await database.write(does("UPDATE texts SET text = 'a giraffe'"))
    assert await found(rig, "okapi") == set()
    assert await found(rig, "giraffe") == {started.thread_id}

    await database.write(does("DELETE FROM texts"))
    assert await found(rig, "giraffe") == set()


async def test_a_search_in_much_text_reads_little_of_it(tmp_path: Path) -> None:
    """CPU time, which other processes hardly change: of looking up beside that of reading all. PostgreSQL plans by itself."""
    chance = random.Random(1)
    words = ["".join(chance.choices(ascii_lowercase, k=chance.randint(3, 9))) for _ in range(5000)]
    texts = [" ".join(chance.choices(words, k=300)) for _ in range(3000)]
    texts[7] += " the needle"
    async with open_rig(tmp_path / "lobu.sqlite") as rig:
        database, thread_id = rig.gateway._ctx.database, await rig.thread(title="#")
        for number, text in enumerate(texts):
            await database.write(does(WRITE, thread_id, f"r{number}", text))
        read_all = does("SELECT count(*) FROM texts WHERE text LIKE '%the needle%'")

        looked = min([await cpu(found(rig, "the needle")) for _ in range(5)])
        read = min([await cpu(database.read(read_all)) for _ in range(5)])

    assert looked < read / 3


async def cpu(work: Awaitable[object]) -> float:
    began = time.process_time()
    await work
    return time.process_time() - began
