"""search_files finds lines by the file tools' rules, and says what it left out."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools import search
from lobu_jupyter.agents.tools.disk import MAX_FILE_BYTES
from tests.agents.bench import run, task_for


@pytest.fixture(autouse=True, params=[pytest.param("ripgrep", marks=pytest.mark.processes), "python"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each rule holds with ripgrep and without."""
    if request.param == "python":
        monkeypatch.setattr(search.shutil, "which", lambda _: None)
    elif shutil.which("rg") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have ripgrep")
        pytest.skip("ripgrep is not installed")
    return request.param


async def found(root: Path, **args: Any) -> str:
    ended = await run(script(), task_for(f"tool search_files {json.dumps(args)}", root=str(root)))
    (result,) = ended.results.values()
    return result


async def test_lines_come_with_their_files_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\n  needle here\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c.txt").write_text("Needle (.*)\n")

    assert (await found(tmp_path, text="needle")).splitlines() == [
        "a.py:2: needle here",
        "[2 files searched]",
    ]
    assert "b/c.txt:1" in await found(tmp_path, text="NEEDLE", ignoreCase=True)
    assert "b/c.txt:1" in await found(tmp_path, text="(.*)")  # no pattern
    assert (await found(tmp_path, text="needle", glob="*.txt")).splitlines() == ["[1 files searched]"]
    assert "a.py" not in await found(tmp_path, text="eedle", path="b")


async def test_what_is_hidden_outside_or_no_file_is_not_searched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / ".git").mkdir(parents=True)
    outside.mkdir()
    for path in (root / ".env", root / ".git" / "config", outside / "secret.txt"):
        path.write_text("needle")
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "linked").symlink_to(outside)
    (root / "hidden.txt").symlink_to(root / ".env")
    os.mkfifo(root / "pipe")

    assert "needle" not in await found(root, text="needle")
    assert "outside of the server's root" in await found(root, text="needle", path="../outside")
    assert "is hidden" in await found(root, text="needle", path=".git")


async def test_what_is_left_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "big.txt").write_bytes(b"needle\n" + b"x" * MAX_FILE_BYTES)
    (tmp_path / "binary").write_bytes(b"needle\0")
    (tmp_path / "many.txt").write_text("needle\n" * 25)

    told = await found(tmp_path, text="needle")
    monkeypatch.setattr(search, "MAX_HITS", 5)
    few = await found(tmp_path, text="needle", path="many.txt")

    assert "many.txt: 5 more lines" in told
    assert "2 left out" in told
    assert few.count("many.txt:") == 5


async def test_a_search_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("needle")
    monkeypatch.setattr(search, "SECONDS", -1.0)

    assert "stopped after" in await found(tmp_path, text="needle")


@pytest.mark.parametrize("args", [{"text": ""}, {"text": "a\nb"}, {"text": "x", "path": "nowhere"}])
async def test_a_search_that_makes_no_sense_is_refused(tmp_path: Path, args: dict[str, Any]) -> None:
    ended = await run(script(), task_for(f"tool search_files {json.dumps(args)}", root=str(tmp_path)))

    assert "files searched" not in str(ended.results)


async def test_ripgrep_saves_reading_and_ignores_no_file(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "a.log").write_text("x --needle")
    (tmp_path / "b.txt").write_text("nothing")
    read: list[str] = []
    whole = search.Disk.read
    monkeypatch.setattr(
        search.Disk, "read", lambda self, path, **more: read.append(path) or whole(self, path, **more)
    )

    told = await found(tmp_path, text="--needle")

    assert told.splitlines() == ["a.log:1: x --needle", "[2 files searched]"]
    assert [name for name in read if name != "AGENTS.md"] == (
        ["a.log"] if engine == "ripgrep" else ["a.log", "b.txt"]
    )
