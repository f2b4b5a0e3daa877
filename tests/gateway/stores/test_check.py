"""A whole store is checked: what fits is told, what does not is named, and nothing is changed by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobu_jupyter.gateway.stores import check_store, upgrade_store
from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.store.database import open_database
from tests import stores
from tests.gateway.rig import open_rig, say, success
from tests.peek import does

SPOILS = {
    "runs": ("UPDATE runs SET status = 'failed' WHERE status = 'succeeded'", "its journal says succeeded"),
    "journal": ("DELETE FROM journal WHERE first = 1", "events are missing between 1 and"),
    "interrupts": ("UPDATE interrupts SET status = 'cancelled'", "are not in both"),
    "leases": ("DELETE FROM leases", "has no lease"),
    "journal's text": ("UPDATE journal SET bodies = ? WHERE first = 1", "cannot be folded"),
}


def quiet(step: str) -> None: ...


async def test_a_store_that_servers_use_fits_together(tmp_path: Path, store_kind: stores.Kind) -> None:
    store = stores.new_store(tmp_path, store_kind)
    async with open_rig(store) as rig:
        started = await rig.running()
        await rig.worker.emit(started.run_id, *say("hello"), success())
        await rig.waiting("c1")
        await rig.running()

        told = await check_store(store, quiet)

    assert told["problems"] == []
    assert (told["threads"], told["runs"], told["servers"]) == (3, 3, 1)
    assert told["kind"] == store_kind


@pytest.mark.parametrize("what", SPOILS)
async def test_what_does_not_fit_is_named(tmp_path: Path, store_kind: stores.Kind, what: str) -> None:
    store, (spoil, told) = stores.new_store(tmp_path, store_kind), SPOILS[what]
    async with open_rig(store) as rig:
        started = await rig.running()
        await rig.worker.emit(started.run_id, *say("hello"), success())
        await rig.waiting("c1")
        await rig.running()
        await rig.database.write(does(spoil, *[b"{"] * spoil.count("?")))

        problems = (await check_store(store, quiet))["problems"]
        await rig.database.write(does("DELETE FROM leases"))

    assert any(told in problem for problem in problems), problems


async def test_there_is_nothing_to_check_where_no_store_is(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="There is no lobu store at"):
        await check_store(tmp_path / "none.sqlite", quiet)
    assert not (tmp_path / "none.sqlite").exists()


async def test_a_check_upgrades_nothing(tmp_path: Path) -> None:
    store = tmp_path / "old.sqlite"
    await (await open_database(store)).close()
    database = await open_database(store)
    await database.write(does("PRAGMA user_version = 7"))
    await database.close()

    with pytest.raises(StoreUnavailable, match=r"has version 7, .* Run `lobu store upgrade` first"):
        await check_store(store, quiet)


async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store = tmp_path / "new.sqlite"
    await (await open_database(store)).close()
    database = await open_database(store)
    await database.write(does("PRAGMA user_version = 99"))
    await database.close()

    with pytest.raises(StoreTooNew, match="has version 99"):
        await check_store(store, quiet)
    with pytest.raises(StoreTooNew):
        await upgrade_store(store)


async def test_an_upgrade_tells_the_versions(tmp_path: Path, store_kind: stores.Kind) -> None:
    store = stores.new_store(tmp_path, store_kind)
    with pytest.raises(StoreUnavailable, match="There is no lobu store yet"):
        await upgrade_store(store)
    await (await open_database(store)).close()

    told = await upgrade_store(store)

    assert told["before"] == told["version"]
    assert "a-password" not in str(told)
