"""File tools: below the root only, with a diff before a write, and no write on what has changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.texts import lines_of
from lobu_jupyter.model.notebooks import TRANSCRIPT_MIME
from tests.agents.bench import Ended, policy, resume, run, task_for

ALLOW = policy(run={"mode": "allow"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "root"
    (found / "data").mkdir(parents=True)
    (found / "data" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (found / "notes.md").write_text("one\ntwo\nthree\n")
    (found / ".hidden").write_text("secret")
    (tmp_path / "outside.txt").write_text("not yours")
    (found / "link").symlink_to(tmp_path / "outside.txt")
    (found / "folder").symlink_to(tmp_path)
    return found


async def call(root: Path, name: str, **args: Any) -> str:
    ended = await run(script(), task_for(f"tool {name} {json.dumps(args)}", policy=ALLOW, root=str(root)))
    return next(iter(ended.results.values()))


async def asked(root: Path, name: str, **args: Any) -> Ended:
    return await run(script(), task_for(f"tool {name} {json.dumps(args)}", root=str(root)))


async def approved(root: Path, ended: Ended, decision: Any = "approve") -> str:
    after = await resume(script(), task_for("", root=str(root)), ended, None, decision)
    return next(iter(after.results.values()))


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "link", "folder/outside.txt", "data/../../outside.txt", "folder/new.txt", "a\x00b"],
)
async def test_nothing_outside_of_the_root_is_read_or_written(root: Path, path: str) -> None:
    read = await call(root, "read_file", path=path)
    wrote = await call(root, "write_file", path=path, content="mine")

    assert "not yours" not in read
    assert "outside" in read + wrote or "cannot be used" in read
    assert (root.parent / "outside.txt").read_text() == "not yours"
    assert not (root.parent / "new.txt").exists()


async def test_an_absolute_path_is_taken_from_the_root(root: Path) -> None:
    assert "1,2" in await call(root, "read_file", path="/data/a.csv")
    assert "no file" in await call(root, "read_file", path="/etc/passwd")


async def test_a_folder_is_listed_without_what_is_hidden_or_outside(root: Path) -> None:
    top = await call(root, "list_files")
    found = await call(root, "list_files", glob="**/*.csv")

    assert top.splitlines() == ["data/", "notes.md  14 bytes"]
    assert found.splitlines() == ["data/a.csv  12 bytes"]
    assert "is not a directory" in await call(root, "list_files", path="notes.md")
    assert "cannot be listed" in await call(root, "list_files", glob="/etc/*")
    assert "outside" not in await call(root, "list_files", glob="../*")


@pytest.mark.parametrize(
    ("name", "args"),
    [("write_file", {"content": "one\ntwo\nthree\n"}), ("edit_file", {"old": "two", "new": "two"})],
)
async def test_a_change_that_changes_nothing_is_not_asked_about_or_said_to_be_made(
    name: str, args: dict[str, Any], root: Path
) -> None:
    before = (root / "notes.md").stat()

    told = await call(root, name, path="notes.md", **args)
    ended = await asked(root, name, path="notes.md", **args)

    assert told == "notes.md reads like that already. Nothing was written."
    assert (ended.pause, list(ended.results.values())) == (None, [told])
    assert (root / "notes.md").stat().st_mtime_ns == before.st_mtime_ns


async def test_an_empty_file_is_said_to_be_empty(root: Path) -> None:
    (root / "empty.txt").touch()

    assert await call(root, "read_file", path="empty.txt") == "empty.txt is empty."


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\r\nb\rc\n\nd", ["a\r\n", "b\r", "c\n", "\n", "d"]),
        ("a\x0b\x0c\x85\u2028\0b\r", ["a\x0b\x0c\x85\u2028\0b\r"]),
    ],
)
def test_lines_end_where_editors_end_them(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


async def test_of_a_large_folder_the_first_names_are_listed_and_the_others_counted(root: Path) -> None:
    for number in range(1200):
        (root / "data" / f"{number:05}").touch()

    lines = (await call(root, "list_files", path="data")).splitlines()

    assert [line.split()[0] for line in lines[:500]] == [f"{number:05}" for number in range(500)]
    assert lines[500:] == ["[… the first 500 by name; 701 more. Use a narrower path or glob]"]


async def test_a_file_is_read_by_lines_bounded_and_binaries_are_described(root: Path) -> None:
    (root / "blob").write_bytes(b"\xff\xfe\x00\x01" * 100)
    (root / "long.txt").write_text("word " * 20_000)

    assert await call(root, "read_file", path="notes.md", start=2, lines=1) == "[lines 2 to 2 of 3]\ntwo\n"
    assert "no UTF-8 text: 400 bytes" in await call(root, "read_file", path="blob")
    long = await call(root, "read_file", path="long.txt")
    assert len(long) < 40_000
    assert "of 100000 characters are left out here. Run code to read the rest of this line." in long
    assert "no file" in await call(root, "read_file", path="nothing.md")


async def test_a_write_shows_its_diff_and_is_made_when_approved(root: Path) -> None:
    (root / "notes.md").chmod(0o640)
    ended = await asked(root, "write_file", path="notes.md", content="one\n2\nthree\n")
    (question,) = ended.interrupts

    assert question.message == "Change notes.md?"
    assert question.diff is not None
    assert "-two\n+2\n" in question.diff
    assert (root / "notes.md").read_text() == "one\ntwo\nthree\n"
    assert "Wrote notes.md" in await approved(root, ended)
    assert (root / "notes.md").read_text() == "one\n2\nthree\n"
    assert (root / "notes.md").stat().st_mode & 0o777 == 0o640
    assert [p.name for p in root.iterdir() if p.name.startswith(".notes")] == []


async def test_a_new_file_is_said_to_be_new(root: Path) -> None:
    ended = await asked(root, "write_file", path="deep/er/new.py", content="x = 1")

    assert ended.interrupts[0].message == "Create deep/er/new.py?"
    assert "/dev/null" in (ended.interrupts[0].diff or "")
    assert "Created" in await approved(root, ended)
    assert (root / "deep/er/new.py").read_text() == "x = 1"


async def test_a_file_that_changed_since_the_diff_is_not_written(root: Path) -> None:
    edit = await asked(root, "edit_file", path="notes.md", old="two", new="2")
    write = await asked(root, "write_file", path="fresh.md", content="mine")
    (root / "notes.md").write_text("zero\none\ntwo\n")
    (root / "fresh.md").write_text("theirs")

    assert "has changed since" in await approved(root, edit)
    assert "has changed since" in await approved(root, write)
    assert (root / "notes.md").read_text() == "zero\none\ntwo\n"
    assert (root / "fresh.md").read_text() == "theirs"


async def test_an_edited_write_writes_what_was_edited(root: Path) -> None:
    ended = await asked(root, "write_file", path="notes.md", content="agent")

    await approved(root, ended, {"kind": "edit", "edited_args": {"path": "notes.md", "content": "person"}})

    assert (root / "notes.md").read_text() == "person"


async def test_an_edit_needs_its_old_text_exactly_once(root: Path) -> None:
    assert "occurs 0 times" in await call(root, "edit_file", path="notes.md", old="four", new="4")
    assert "occurs 3 times" in await call(root, "edit_file", path="notes.md", old="e", new="E")
    assert "Wrote" in await call(root, "edit_file", path="notes.md", old="two\n", new="")
    assert (root / "notes.md").read_text() == "one\nthree\n"


async def test_where_a_write_cannot_be_no_question_is_put(root: Path) -> None:
    ended = await asked(root, "edit_file", path="nothing.md", old="a", new="b")
    rootless = await run(script(), task_for("write a.txt b"))

    assert ended.pause is None
    assert "no file" in next(iter(ended.results.values()))
    assert rootless.pause is None
    assert "root directory" in next(iter(rootless.results.values()))


async def test_a_notebooks_file_is_read_as_cells_without_a_persons_transcripts(root: Path) -> None:
    data = {TRANSCRIPT_MIME: {"prompt": "secret"}, "text/plain": "secret"}
    shown = {"output_type": "display_data", "metadata": {}, "data": data}
    table = {"output_type": "execute_result", "metadata": {}, "data": {"text/html": "<b>7</b>"}}
    cells = [{"cell_type": "code", "id": "a", "source": ["x\n", "y"], "outputs": [shown, table]}, 5]
    (root / "n.ipynb").write_text(json.dumps({"cells": cells}))
    (root / "bad.ipynb").write_text("{")

    told = await call(root, "read_file", path="n.ipynb")

    assert "[code cell 1, id a]\nx\ny\n[its outputs]" in told
    assert "**7**" in told
    assert "secret" not in told
    assert await call(root, "read_file", path="bad.ipynb") == "{"


@pytest.mark.parametrize(
    ("data", "old", "new", "then"),
    [
        (b"a\r\nb\nc\rd", "b\nc\nd", "B\nC\nD", b"a\r\nB\nC\rD"),
        (b"a\rb\rc", "a\nb", "x\ny", b"x\ry\rc"),
        (b"\xef\xbb\xbfa\nb\n", "\ufeffa", "\ufeffc", b"\xef\xbb\xbfc\nb\n"),
        ("\ufeffa\r\nb\r\n".encode("utf-16-le"), "a\nb", "q\nr", "\ufeffq\r\nr\r\n".encode("utf-16-le")),
        (b"a\x0cb\n", "b", "c", b"a\x0cc\n"),
        ("a\u2028b\n".encode(), "a\u2028b", "z", b"z\n"),
        (b"a\nb", "b", "c", b"a\nc"),
    ],
)
async def test_an_edit_keeps_each_lines_end(root: Path, data: bytes, old: str, new: str, then: bytes) -> None:
    (root / "f").write_bytes(data)

    await call(root, "edit_file", path="f", old=old, new=new)

    assert (root / "f").read_bytes() == then


async def test_bytes_of_another_encoding_are_read_and_never_changed(root: Path) -> None:
    latin, wide = "caf\xe9 \u20ac\n".encode("cp1252"), "ab\n".encode("utf-16-le")
    (root / "latin").write_bytes(latin)
    (root / "wide").write_bytes(wide)
    (root / "chinese").write_bytes("\u4e2d\u6587\u6587\u4ef6".encode("gbk"))

    assert (
        "[not UTF-8: read as Windows-1252, and cannot be changed with these tools]\ncaf\xe9 \u20ac"
        in await call(root, "read_file", path="latin")
    )
    assert "is no UTF-8 text" in await call(root, "read_file", path="chinese")
    for name in ("latin", "wide"):
        assert "is no UTF-8 text" in await call(root, "edit_file", path=name, old="a", new="xy")
    assert ((root / "latin").read_bytes(), (root / "wide").read_bytes()) == (latin, wide)


async def test_an_empty_old_text_is_refused_by_its_reason(root: Path) -> None:
    (root / "f").write_text("abc")

    assert "should be non-empty" in await call(root, "edit_file", path="f", old="", new="x")
