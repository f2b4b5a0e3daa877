"""Servers of several versions on one schema: an upgrade that older ones can use passes beside them, any other waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import psycopg
import pytest

from lobu_jupyter.gateway.servers import see_server
from lobu_jupyter.model.clock import SystemClock
from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.model.policy import Rules
from lobu_jupyter.store.database import find_version, open_database
from lobu_jupyter.store.postgres.scripts import SCRIPTS
from lobu_jupyter.store.queries import Scripts
from tests import postgres
from tests.gateway.rig import ME, Rig, approve, open_rig, result, say, success
from tests.peek import does

from .test_migrations import SIXTH, ask

pytestmark = pytest.mark.processes

NEXT = SCRIPTS.version + 1
EXPANDS = Scripts(
    schema=SCRIPTS.schema,
    steps={**SCRIPTS.steps, NEXT: "ALTER TABLE threads ADD COLUMN later TEXT; ALTER TABLE runs ADD COLUMN later BIGINT;"
                                  "CREATE TABLE outlook (name TEXT)"},
    version=NEXT,
    contracts=SCRIPTS.contracts,
)  # fmt: skip
CONTRACTS = replace(EXPANDS, steps={**SCRIPTS.steps, NEXT: "ALTER TABLE threads DROP COLUMN name"},
                    contracts=SCRIPTS.contracts | {NEXT})  # fmt: skip

# As version 7 had it, before a notebook's path belonged to a place.
PUT_RULES_7 = """
INSERT INTO rules (owner, notebook_path, rules) VALUES ('ada', 'a.ipynb', '{}')
ON CONFLICT (owner, notebook_path) DO UPDATE SET rules = excluded.rules
"""


@asynccontextmanager
async def older(address: str) -> AsyncIterator[Rig]:
    """A server of this version, which the next one is newer than."""
    async with open_rig(address, clock=SystemClock()) as rig:  # pyright: ignore[reportArgumentType]
        yield rig


async def a_life(rig: Rig) -> None:
    """All that a server does, often enough that its statements are prepared."""
    for number in range(6):
        thread = await rig.thread(title=f"{number}")
        started = await rig.running(thread)
        await rig.worker.emit(started.run_id, *say("hello"), success())
        await rig.waiting("c1", thread_id=thread)
        resumed, _ = await rig.gateway.policy.resume(ME, thread, [approve("c1")])
        await rig.worker.fetch()
        await rig.worker.emit(resumed.run_id, result("c1"), success())
        await rig.gateway.policy.put(ME, notebook_path="a.ipynb", rules=Rules(deny=("x",)))
        assert await rig.journal(thread)
    await rig.gateway.sweep()


async def test_what_older_servers_can_use_is_upgraded_beside_them(address: str) -> None:
    async with older(address) as rig:
        await a_life(rig)
        newer = await open_database(address, scripts=EXPANDS)
        try:
            assert await find_version(address) == NEXT
            await a_life(rig)
            await newer.write(does("UPDATE threads SET later = 'kept'"))
            await a_life(rig)
        finally:
            await newer.close()
    assert ask(address, "SELECT count(*) FROM threads WHERE later = 'kept'") == [(12,)]


async def test_an_older_server_starts_on_a_newer_schema_that_it_can_use(address: str) -> None:
    await (await open_database(address)).close()
    await (await open_database(address, scripts=EXPANDS)).close()

    async with older(address) as rig:
        await a_life(rig)

    assert await find_version(address) == NEXT  # and it makes nothing older


async def test_what_older_servers_cannot_use_waits_for_their_end(address: str) -> None:
    async with older(address) as rig:
        with pytest.raises(
            StoreUnavailable,
            match=r"1 older servers still use it .*Stop these. It is then upgraded by itself",
        ):
            await open_database(address, scripts=CONTRACTS)
        await a_life(rig)

    await (await open_database(address, scripts=CONTRACTS)).close()
    assert await find_version(address) == NEXT
    with pytest.raises(StoreTooNew, match="Upgrade lobu_jupyter"):
        await open_database(address)


async def test_a_server_that_slept_through_such_an_upgrade_stops_using_the_store(address: str) -> None:
    async with older(address) as rig:
        started = await rig.running()
        await rig.database.write(does("UPDATE servers SET seen_at = 0"))
        await (await open_database(address, scripts=CONTRACTS)).close()

        with pytest.raises(StoreTooNew, match="restart this server"):
            await see_server(rig.gateway._ctx)

        for use in (rig.gateway.health(), rig.worker.emit(started.run_id, *say("lost?")), rig.thread()):
            with pytest.raises(StoreTooNew, match="Nothing is lost"):
                await use
        assert rig.worker.batches == {}  # the batch was not acknowledged, so its worker keeps it
        with pytest.raises(StoreTooNew):
            await rig.gateway.close()


async def test_servers_of_the_version_before_pools_are_waited_for_because_they_could_not_save_rules() -> None:
    address = postgres.new_store()
    seventh = Scripts(schema=SIXTH, steps={7: SCRIPTS.steps[7]}, version=6)
    await (await open_database(address, scripts=seventh)).close()
    ask(address, "INSERT INTO servers VALUES ('s', 'host-7', 1, 0, extract(epoch FROM clock_timestamp()))")
    ask(address, PUT_RULES_7)

    with pytest.raises(StoreUnavailable, match="host-7"):
        await open_database(address)
    ask(address, PUT_RULES_7)
    ask(address, "DELETE FROM servers")
    await (await open_database(address)).close()

    with pytest.raises(psycopg.errors.InvalidColumnReference):
        ask(address, PUT_RULES_7)


async def test_two_newer_servers_that_start_at_once_upgrade_once(address: str) -> None:
    await (await open_database(address)).close()

    opened = await asyncio.gather(*(open_database(address, scripts=EXPANDS) for _ in range(4)))
    for database in opened:
        await database.close()

    assert ask(address, "SELECT version FROM lobu_store") == [(NEXT,)]
