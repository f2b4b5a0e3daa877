"""What may be opened, and what every refusal says."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from lobu_jupyter.gateway import Settings, open_gateway
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.errors import StoreTooNew, StoreUnavailable
from lobu_jupyter.model.requests import NewThread
from lobu_jupyter.store.database import open_database
from lobu_jupyter.store.queries import Scripts
from lobu_jupyter.store.sqlite import places
from lobu_jupyter.store.sqlite.scripts import SCRIPTS

VERSION = SCRIPTS.version

OLD = Scripts(schema="CREATE TABLE a (x TEXT);", steps={}, version=1)
NEW = Scripts(
    schema="CREATE TABLE a (x TEXT, y TEXT);\nCREATE TABLE b (z TEXT);",
    steps={2: "ALTER TABLE a ADD COLUMN y TEXT;", 3: "CREATE TABLE b (z TEXT);"},
    version=3,
)


async def _make(path: Path, scripts: Scripts | None = None) -> None:
    await (await open_database(path, scripts=scripts)).close()


THIRD = (Path(__file__).parent / "schema_3.sql").read_text()  # whole, as version 3 was released
FOURTH = (Path(__file__).parent / "schema_4.sql").read_text()
FIFTH = (Path(__file__).parent / "schema_5.sql").read_text()
SIXTH = (Path(__file__).parent / "schema_6.sql").read_text()
OWNER_OF_WORKER = ",\n  owner       TEXT  -- of an outside worker: whose runs it gets"


def _version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def _columns(path: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


async def test_a_new_store_is_private_and_knows_its_version(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lobu.sqlite"

    await _make(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _version(path) == VERSION


async def test_an_older_store_is_upgraded_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path, OLD)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO a VALUES ('kept')")

    await _make(path, NEW)

    assert _version(path) == 3
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT x, y FROM a").fetchall() == [("kept", None)]
    await _make(tmp_path / "fresh.sqlite", NEW)
    for table in ("a", "b"):
        assert _columns(path, table) == _columns(tmp_path / "fresh.sqlite", table)


async def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path, OLD)
    bad = Scripts(schema=NEW.schema, steps={2: NEW.steps[2], 3: "CREATE TABLE a (x TEXT);"}, version=3)

    with pytest.raises(StoreUnavailable):
        await open_database(path, scripts=bad)

    assert _version(path) == 1
    assert _columns(path, "a") == ["x"]


async def test_a_newer_store_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path, NEW)
    before = path.read_bytes()

    with pytest.raises(StoreTooNew, match=r"version 3.*Upgrade lobu_jupyter") as refused:
        await open_database(path, scripts=OLD)

    assert str(path) in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["text", "header", "page"])
async def test_a_corrupt_store_is_refused_and_never_replaced(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path)
    data = bytearray(path.read_bytes())
    if damage == "text":
        data = bytearray(b"this is no database, whatever its name says\n" * 50)
    elif damage == "header":
        data[0:16] = b"x" * 16
    else:
        data[4096:8192] = b"\xff" * 4096
    path.write_bytes(bytes(data))

    with pytest.raises(StoreUnavailable) as refused:
        await open_database(path)

    assert str(path) in str(refused.value)
    assert "restore it from a backup" in str(refused.value)
    assert path.read_bytes() == bytes(data)


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")

    with pytest.raises(StoreUnavailable, match="another program"):
        await open_database(path)


async def test_a_locked_store_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as lock:
        lock.execute("PRAGMA locking_mode = EXCLUSIVE")
        lock.execute("BEGIN EXCLUSIVE")

        with pytest.raises(StoreUnavailable, match="another program holds it"):
            await open_database(path, busy_seconds=0.1)


async def test_a_place_that_cannot_be_written_is_refused_with_the_option_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreUnavailable, match=r"LobuApp\.store_path"):
        await open_database(tmp_path / "file" / "lobu.sqlite")


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/ada/fast tmpfs rw 0 0
host:/x /my\\040disk fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lobu.sqlite", "ext4"),
        ("/home/ada/lobu.sqlite", "nfs4"),
        ("/home/ada/fast/lobu.sqlite", "tmpfs"),
        ("/homework/lobu.sqlite", "ext4"),
        ("/my disk/lobu.sqlite", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_nearest_mount(path: str, kind: str) -> None:
    assert places.file_system(Path(path), MOUNTS) == kind


async def test_a_network_file_system_is_refused_with_the_option_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "file_system", lambda path, mounts: "nfs4")

    with pytest.raises(StoreUnavailable, match=r"nfs4.*LobuApp\.store_path"):
        await open_database(tmp_path / "lobu.sqlite")

    assert list(tmp_path.iterdir()) == []


async def test_what_was_said_before_searches_knew_texts_is_found(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    texts = THIRD[THIRD.index("CREATE TABLE texts") : THIRD.index("-- Questions")]
    before = THIRD.replace(texts, "").replace(OWNER_OF_WORKER, "")
    await _make(path, Scripts(schema=before, steps={}, version=1))
    deltas = ['{"type":"TEXT_MESSAGE_CONTENT","delta":"ze"}', '{"type":"TEXT_MESSAGE_CONTENT","delta":"bra"}']
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO runs (run_id, thread_id, owner, status, agent, request, start_cursor, created_at, ended_at)"
            """ VALUES ('r', 't', 'o', 'succeeded', 'a', '{"message": {"content": "a prompt"}}', 1, 0, 1)"""
        )
        rows = [(seq, delta.encode()) for seq, delta in enumerate(deltas, 2)]
        connection.executemany("INSERT INTO events VALUES ('t', ?, 'r', ?)", rows)

    await _make(path)

    assert _version(path) == VERSION
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT text FROM texts").fetchall() == [("a prompt\nzebra",)]


async def test_a_worker_of_before_workers_had_owners_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "lobu.sqlite"
    await _make(path, Scripts(schema=THIRD.replace(OWNER_OF_WORKER, ""), steps={}, version=2))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO workers (worker_id, kind, child, token_hash, server_id, seen_at) VALUES ('w', 'k', 1, 'h', 's', 0)"
        )

    await _make(path)

    assert _version(path) == VERSION
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT worker_id, owner FROM workers").fetchall() == [("w", None)]


TABLE, INDEX = "SELECT name FROM pragma_table_info(?)", "SELECT name FROM pragma_index_info(?)"


def _shape(path: Path) -> dict[str, set[str]]:
    """The columns of each table, view and index that a script made."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT name, type FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {
            name: {row[0] for row in connection.execute(INDEX if kind == "index" else TABLE, (name,))}
            for name, kind in made
        }


def _said(thread: str, seq: int) -> bytes:
    return b'{"type":"TEXT_MESSAGE_CONTENT","delta":"%b %d"}' % (thread.encode(), seq)


async def test_a_store_of_version_3_keeps_its_journals_and_its_running_runs(tmp_path: Path) -> None:
    path, new = tmp_path / "lobu.sqlite", tmp_path / "new.sqlite"
    await _make(path, Scripts(schema=THIRD, steps={}, version=3))
    with closing(sqlite3.connect(path)) as connection, connection:
        for thread, created in (("second", 2), ("first", 1)):
            connection.execute(
                "INSERT INTO threads (thread_id, owner, title, cursor, created_at, updated_at) VALUES (?, 'o', 'a title', 2, ?, 3)",
                (thread, created),
            )
            rows = [(thread, seq, f"r-{thread}", _said(thread, seq)) for seq in (1, 2)]
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        connection.execute(
            "INSERT INTO runs (run_id, thread_id, owner, status, agent, batch, batch_cursor, batch_incarnation, created_at)"
            " VALUES ('r-first', 'first', 'o', 'running', 'a', 7, 2, 1, 0)"
        )
        connection.execute(
            "INSERT INTO leases (run_id, thread_id, server_id, worker_id, incarnation, fetched, deadline)"
            " VALUES ('r-first', 'first', 's', 'w', 1, 1, 9)"
        )

    await _make(path)
    await _make(new)

    assert _version(path) == VERSION
    assert _shape(path) == _shape(new)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM events ORDER BY thread_id, seq").fetchall() == [
            (thread, seq, f"r-{thread}", _said(thread, seq))
            for thread in ("first", "second")
            for seq in (1, 2)
        ]
        assert connection.execute(
            "SELECT number, thread_id, title FROM threads ORDER BY number"
        ).fetchall() == [
            (1, "first", "a title"),
            (2, "second", "a title"),
        ]
        assert connection.execute("SELECT run_id, thread, batch FROM leases").fetchall() == [
            ("r-first", 1, 7)
        ]


async def test_a_store_of_version_4_keeps_its_journals(tmp_path: Path) -> None:
    path, new = tmp_path / "lobu.sqlite", tmp_path / "new.sqlite"
    await _make(path, Scripts(schema=FOURTH, steps={}, version=4))
    said = [("first", 1), ("second", 1), ("first", 2), ("second", 2)]
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, thread in enumerate(("first", "second"), 1):
            connection.execute(
                "INSERT INTO threads (number, thread_id, owner, created_at, updated_at) VALUES (?, ?, 'o', 1, 2)",
                (number, thread),
            )
        connection.executemany(
            "INSERT INTO journal (thread, seq, run_id, body)"
            " SELECT number, ?, 'r-' || thread_id, ? FROM threads WHERE thread_id = ?",
            [(seq, _said(thread, seq), thread) for thread, seq in said],
        )

    await _make(path)
    await _make(new)

    assert _version(path) == VERSION
    assert _shape(path) == _shape(new)
    with closing(sqlite3.connect(path)) as connection:
        events = connection.execute("SELECT * FROM events ORDER BY thread_id, seq").fetchall()
    assert events == [(thread, seq, f"r-{thread}", _said(thread, seq)) for thread, seq in sorted(said)]


async def test_a_grant_of_version_5_is_kept_and_covers_simple_code_only(tmp_path: Path) -> None:
    path, new = tmp_path / "lobu.sqlite", tmp_path / "new.sqlite"
    await _make(path, Scripts(schema=FIFTH, steps={}, version=5))
    before = [
        ("g1", "o", "run_code", "thread", "t", None, "ada", 1.0, None),
        ("g2", "o", "write_file", "notebook", None, "a.ipynb", "ada", 2.0, 9.0),
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", before)

    await _make(path)
    await _make(new)

    assert _version(path) == VERSION
    assert _shape(path) == _shape(new)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM grants ORDER BY grant_id").fetchall()
    assert rows == [(*row, "simple", None, "") for row in before]


async def test_a_store_of_version_6_is_one_pool_and_keeps_its_rules(tmp_path: Path) -> None:
    path, new = tmp_path / "lobu.sqlite", tmp_path / "new.sqlite"
    await _make(path, Scripts(schema=SIXTH, steps={}, version=6))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO rules VALUES ('ada', 'a.ipynb', '{}')")
        connection.execute(
            "INSERT INTO threads (thread_id, owner, notebook_path, created_at, updated_at) VALUES ('t', 'ada', 'a.ipynb', 1, 1)"
        )

    async with open_gateway(
        path, settings=Settings(place="home", sweep_seconds=0, poll_seconds=0)
    ) as gateway:
        found = await gateway.threads.create(Person("ada"), NewThread(notebook_path="a.ipynb", reuse=True))
        policy = await gateway.policy.get(Person("ada"), notebook_path="a.ipynb")
    await _make(new)

    assert found.thread_id == "t"
    assert [layer.name for layer in policy.layers] == ["server", "notebook"]
    assert _version(path) == VERSION
    assert _shape(path) == _shape(new)


async def test_what_was_said_before_searches_had_an_index_is_in_it(tmp_path: Path) -> None:
    path, steps = tmp_path / "lobu.sqlite", {n: SCRIPTS.steps[n] for n in (7, 8)}
    await _make(path, Scripts(schema=SIXTH, steps={}, version=6))
    await _make(path, Scripts(schema=SIXTH, steps=steps, version=8))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO texts VALUES ('t', 'r', 'a zebra')")

    await _make(path)

    assert _version(path) == VERSION
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT thread_id, run_id, text FROM texts").fetchall() == [
            ("t", "r", "a zebra")
        ]
        found = connection.execute("SELECT rowid FROM texts_index WHERE text LIKE '%zebra%'").fetchall()
        assert found == connection.execute("SELECT number FROM texts").fetchall()
