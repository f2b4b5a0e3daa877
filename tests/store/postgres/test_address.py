"""An address says where the store is, and no message has its password."""

from __future__ import annotations

from uuid import uuid4

import pytest

from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.store.database import open_database
from lobu_jupyter.store.postgres.address import parse
from tests import postgres
from tests.peek import does

pytestmark = pytest.mark.processes

SECRET = "pässword-9+/@"


def test_our_own_parameters_are_not_libpqs() -> None:
    address = parse(
        "postgresql://lobu:s3cret-word@db:5433/hub?schema=team_a&writers=2&readers=1&sslmode=require"
    )

    assert (address.schema, address.writers, address.readers) == ("team_a", 2, 1)
    assert "sslmode=require" in address.conninfo
    assert "target_session_attrs=read-write" in address.conninfo
    assert not {"schema=", "writers=", "readers="} & set(address.conninfo.split("&"))
    assert address.name == "postgresql://lobu@db:5433/hub (schema team_a)"


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("postgresql://h/d?schema=Team-A", "schema must be"),
        ('postgresql://h/d?schema=a";drop', "schema must be"),
        ("postgresql://h/d?writers=0", "writers must be 1 to 64"),
        ("postgresql://h/d?readers=many", "readers must be 1 to 64"),
        ("postgresql://[::1/d", "no URL"),
    ],
)
def test_what_is_wrong_in_it_is_named(where: str, what: str) -> None:
    with pytest.raises(StoreUnavailable, match=what):
        parse(where)


async def refusal(where: str) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as refused:
        await open_database(where, busy_seconds=0.2)
    return refused.value


async def test_each_refusal_says_where_why_and_what_to_do() -> None:
    good = postgres.database()
    wrong = {
        good.replace("a-password", "another-secret"): "set the right user and password",
        good.replace("/postgres", "/none"): "create the database",
        good.replace("127.0.0.1:", "127.0.0.1:1"): "see that it runs",
        f"{good}?nonsense=1": "see that it runs",
    }
    for where, what in wrong.items():
        error = await refusal(where)
        assert what in error.message
        assert "postgresql://lobu@127.0.0.1" in error.message
        assert "another-secret" not in error.message
        assert "a-password" not in error.message


async def test_a_newer_schema_and_another_programs_are_refused_untouched() -> None:
    address = postgres.new_store()
    database = await open_database(address)
    await database.write(does("UPDATE lobu_store SET version = 999, oldest = 900"))
    await database.close()

    with pytest.raises(StoreTooNew, match=r"version 999.*Upgrade lobu_jupyter"):
        await open_database(address)

    import psycopg

    other = postgres.new_store()
    name = parse(other).schema
    with psycopg.connect(parse(other).conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.bookmarks (url TEXT)")  # pyright: ignore
    assert "another program" in (await refusal(other)).message


async def test_what_would_lose_acknowledged_writes_is_refused() -> None:
    unsafe = f"{postgres.new_store()}&options=-c%20synchronous_commit%3Doff"

    error = await refusal(unsafe)

    assert "synchronous_commit = on" in error.message


async def test_a_role_without_rights_is_told_which() -> None:
    import psycopg

    with psycopg.connect(postgres.database(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS poor")
        connection.execute("CREATE ROLE poor LOGIN PASSWORD 'poor-secret'")
    poor = postgres.new_store().replace("lobu:a-password", "poor:poor-secret")

    error = await refusal(poor)

    assert "docs/operations.md" in error.message
    assert "poor-secret" not in error.message


async def test_a_role_that_may_not_create_the_extension_searches_without_an_index(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a database of its own, which has no pg_trgm yet."""
    import psycopg

    name = f"bare_{uuid4().hex[:8]}"
    with psycopg.connect(postgres.database(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS bare")
        connection.execute("CREATE ROLE bare LOGIN PASSWORD 'bare-secret'")
        connection.execute(f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType, reportCallIssue]
        host = f"{connection.info.host}:{connection.info.port}"
    admin = postgres.database().rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA given AUTHORIZATION bare")

    database = await open_database(f"postgresql://bare:bare-secret@{host}/{name}?schema=given")
    try:
        await database.write(does("INSERT INTO texts (thread_id, run_id, text) VALUES ('t', 'r', 'a zebra')"))
        indexes = await database.read(does("SELECT indexname FROM pg_indexes WHERE tablename = 'texts'"))
    finally:
        await database.close()

    assert indexes == [("texts_pkey",)]
    assert "searches without an index" in caplog.text


async def test_two_servers_that_open_a_new_store_together_make_it_once() -> None:
    import asyncio

    address = postgres.new_store()

    opened = await asyncio.gather(*(open_database(address) for _ in range(4)))

    for database in opened:
        await database.close()
