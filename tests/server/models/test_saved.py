"""The file of saved providers: for its user only, whole or not at all, no link followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lobu_jupyter.server.models.saved import Saved, SavedProvider, Unreadable, read, write

SAVED = Saved(
    default_model="local:m",
    providers={"local": SavedProvider(kind="openai", base_url="http://h/v1", key="sk-1", key_in="file", models=["m"])},
)  # fmt: skip


def test_what_was_written_is_read_and_only_by_its_user(tmp_path: Path) -> None:
    path = tmp_path / "lobu" / "models.json"
    before = os.umask(0)
    try:
        write(path, SAVED)
    finally:
        os.umask(before)

    assert read(path) == SAVED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["models.json"]


def test_no_file_is_no_providers(tmp_path: Path) -> None:
    assert read(tmp_path / "models.json") == Saved()


def test_the_rights_of_others_are_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    write(path, SAVED)
    path.chmod(0o644)

    assert read(path) == SAVED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_neither_read_nor_written_through(tmp_path: Path) -> None:
    theirs, path = tmp_path / "theirs", tmp_path / "models.json"
    write(theirs, SAVED)
    path.symlink_to(theirs)
    with pytest.raises(Unreadable):
        read(path)

    write(path, Saved())

    assert not path.is_symlink()
    assert read(theirs) == SAVED


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "models.json")

    with pytest.raises(Unreadable, match="not a file"):
        read(tmp_path / "models.json")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2}', '{"providers": {"x": {"kind": "odd"}}}', "[" * 9999]
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "models.json"
    path.write_text(text)

    with pytest.raises(Unreadable, match=r"models\.json"):
        read(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "models.json"
    write(path, SAVED)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, Saved())

    assert read(path) == SAVED
    assert os.listdir(tmp_path) == ["models.json"]
