"""`lobu store`: check, upgrade and copy from a terminal. No password is ever printed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from lobu_jupyter.cli.main import run
from lobu_jupyter.store.database import open_database
from tests import postgres
from tests.peek import does

SECRET = "a-password"


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A store with a thread."""
    path = tmp_path / "lobu.sqlite"

    async def make() -> None:
        database = await open_database(path)
        insert = "INSERT INTO threads (thread_id, owner, created_at, updated_at) VALUES ('t', 'ada', 0, 0)"
        await database.write(does(insert))
        await database.close()

    asyncio.run(make())
    return path


def test_a_store_is_copied_there_and_back_and_checked(
    filled: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    address, secret = postgres.new_store(), tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    bare = address.replace(f":{SECRET}", "")

    assert run(["store", "copy", str(filled), bare, "--target-password-file", str(secret)]) == 0
    assert run(["store", "check", bare, "--password-file", str(secret), "--json"]) == 0
    back = tmp_path / "back.sqlite"
    assert run(["store", "copy", address, str(back)]) == 0
    assert run(["store", "check", str(back)]) == 0

    out, err = capfd.readouterr()
    assert "1 threads are in postgresql://lobu@127.0.0.1" in out
    assert json.loads(out[out.index("{") : out.index("}") + 1])["kind"] == "postgres"
    assert "all fits together" in out
    assert "1 threads read the same" in err
    assert SECRET not in out + err


def test_a_second_copy_and_a_wrong_password_are_errors_without_it(
    filled: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    address = postgres.new_store()
    assert run(["store", "copy", str(filled), address]) == 0

    assert run(["store", "copy", str(filled), address]) == 1
    assert run(["store", "check", address.replace(SECRET, "wrong-secret")]) == 1

    out, err = capfd.readouterr()
    assert "is not empty (threads)" in err
    assert "set the right user and password" in err
    assert SECRET not in out + err
    assert "wrong-secret" not in out + err


def test_what_is_wrong_is_listed_and_the_exit_code_says_so(
    filled: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spoil() -> None:
        database = await open_database(filled)
        insert = (
            "INSERT INTO leases (run_id, thread_id, thread, server_id, deadline) VALUES ('r', 't', 1, 's', 0)"
        )
        await database.write(does(insert))
        await database.close()

    asyncio.run(spoil())
    monkeypatch.setenv("LOBU_STORE", str(filled))

    assert run(["store", "check"]) == 1

    out, _ = capfd.readouterr()
    assert "run r has a lease and does not run" in out
    assert "1 problems" in out


def test_an_upgrade_says_both_versions(filled: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["store", "upgrade", str(filled)]) == 0
    assert "already" in capfd.readouterr().out
