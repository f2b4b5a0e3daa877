"""Files: below the root, not hidden, regular, bounded, and kept as they are written; for every way that leads to one."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from acp import RequestError

from lobu_jupyter.agents.acp.client import AcpRequest
from lobu_jupyter.agents.acp.events import AcpMapper
from lobu_jupyter.agents.acp.requests import Asking
from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools import disk as disk_module
from lobu_jupyter.agents.tools.base import ToolError
from lobu_jupyter.agents.tools.disk import MAX_FILE_BYTES, Disk
from lobu_jupyter.agents.tools.texts import TextFile, lines_of
from tests.agents.bench import Ended, FakeKernel, policy, resume, run, task_for
from tests.scenarios.person import Person, result_of
from tests.servers import RealServer

ALLOW = policy(run={"mode": "allow"})
SECONDS = 20.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with hidden things in it, and things that are no files, and secrets beside it."""
    found = tmp_path / "root"
    (found / ".ssh").mkdir(parents=True)
    (found / "sub" / ".deep" / "er").mkdir(parents=True)
    (found / ".ssh" / "id_rsa").write_text("PRIVATE")
    (found / ".env").write_text("PRIVATE")
    (found / "sub" / ".deep" / "er" / "x.txt").write_text("PRIVATE")
    (found / "notes.md").write_text("one\ntwo\nthree\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_text("PRIVATE")
    (found / "innocent").symlink_to(found / ".ssh" / "id_rsa")
    (found / "folder").symlink_to(found / ".ssh")
    (found / "out").symlink_to(tmp_path / "outside")
    os.mkfifo(found / "pipe")
    (found / "device").symlink_to("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(found / "socket"))
    server.close()
    return found


async def call(root: Path, name: str, *, allow_hidden: bool = False, **args: Any) -> str:
    task = task_for(f"tool {name} {json.dumps(args)}", policy=ALLOW, root=str(root))
    task = msgspec.structs.replace(task, allow_hidden=allow_hidden)
    async with asyncio.timeout(SECONDS):
        ended = await run(script(), task)
    return next(iter(ended.results.values()))


class Agent:
    """An ACP agent that reads and writes files through us."""

    def __init__(self, root: Path) -> None:
        self._root = root
        task = task_for("", policy=ALLOW, root=str(root))
        session: Any = type("Session", (), {"changes": [], "commands": [], "reasons": []})()
        self._asking = Asking("robot", task, AcpMapper("robot", task.run_id), session)

    async def ask(self, what: str, path: str, **params: Any) -> str:
        """What it is answered; an error in its words."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(SECONDS):
            await self._asking.take(AcpRequest(what, {"path": str(self._root / path), **params}, answer))
            try:
                given = await answer
            except RequestError as error:
                return str(error)
        return getattr(given, "content", None) or "done"


HIDDEN = [
    ".ssh/id_rsa",
    ".env",
    "sub/.deep/er/x.txt",
    "innocent",
    "folder/id_rsa",
    "sub/../.env",
    "./.ssh/../.ssh/id_rsa",
    ".new/file",
    "sub/.new",
]


@pytest.mark.parametrize("path", HIDDEN)
async def test_what_is_hidden_is_neither_read_nor_written_by_any_way(root: Path, path: str) -> None:
    agent, before = Agent(root), sorted(root.rglob("*"))

    said = [
        await call(root, "read_file", path=path),
        await call(root, "write_file", path=path, content="mine"),
        await call(root, "edit_file", path=path, old="PRIVATE", new="mine"),
        await agent.ask("read", path, line=None, limit=None),
        await agent.ask("write", path, content="mine"),
    ]

    assert all("is hidden" in text for text in said), said
    assert "PRIVATE" not in "".join(said)
    assert sorted(root.rglob("*")) == before
    assert (root / ".env").read_text() == (root / ".ssh" / "id_rsa").read_text() == "PRIVATE"


SPELLED = [
    "\u200c.ssh/id_rsa",
    "\uff0essh/id_rsa",
    "\u2024env",
    "sub/\u200b.deep/er/x.txt",
    "\ufeff.env",
    "\u202e.env",
]


@pytest.mark.parametrize("path", SPELLED)
async def test_a_hidden_name_in_other_letters_is_hidden_too(root: Path, path: str) -> None:
    """Some file systems take these for the hidden file: they leave out what does not show, or know one form of a letter."""
    agent = Agent(root)

    said = [
        await call(root, "read_file", path=path),
        await call(root, "write_file", path=path, content="mine"),
        await agent.ask("read", path, line=None, limit=None),
        await agent.ask("write", path, content="mine"),
    ]

    assert all("is hidden" in text for text in said), said
    assert await call(root, "read_file", path="notes.md") != said[0]


async def test_letters_of_any_script_are_names_like_others(root: Path) -> None:
    for name in (
        "d\u00e9j\u00e0.txt",
        "de\u0301ja\u0300.txt",
        "\u0417\u0430\u043c\u0435\u0442\u043a\u0438.md",
        "\uff21.txt",
    ):
        assert "Created" in await call(root, "write_file", path=name, content="mine")
        assert (root / name).read_text() == "mine"


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ",
        "proc/self/maps",
        "/proc/self/root/proc/self/environ",
        "/sys/kernel/osrelease",
        "/dev/shm",
    ],
)
async def test_a_root_that_holds_the_whole_system_has_no_files_of_processes(path: str, hidden: bool) -> None:
    disk = Disk(Path("/"), hidden)

    with pytest.raises(ToolError, match="system's processes"):
        disk.read(path)
    assert disk.hides(Path("/proc/self"))
    assert not disk.contains(Path("/proc/self/environ"))


def test_a_write_to_a_hard_link_leaves_the_other_name_as_it_was(root: Path) -> None:
    (root / "n.ipynb").write_text("{}")
    for source, name in ((root / "n.ipynb", "twin.txt"), (root.parent / "outside" / "x.txt", "out.txt")):
        os.link(source, root / name)
        before = source.read_text()
        Disk(root).write(name, b"mine")
        assert ((root / name).read_text(), source.read_text()) == ("mine", before)


async def test_hidden_folders_are_not_listed(root: Path) -> None:
    listed = await call(root, "list_files", path=".ssh") + await call(root, "list_files", path="folder")
    found = await call(root, "list_files", glob="**/*")

    assert listed.count("is hidden") == 2
    assert not [name for name in ("id_rsa", "innocent", ".env", ".deep", "x.txt") if name in found]


async def test_where_the_server_shows_hidden_files_they_are_files_like_others(root: Path) -> None:
    read = await call(root, "read_file", allow_hidden=True, path=".env")
    listed = await call(root, "list_files", allow_hidden=True)
    wrote = await call(root, "write_file", allow_hidden=True, path=".env", content="mine")

    assert read == "PRIVATE"
    assert ".ssh/" in listed.splitlines()
    assert "Wrote .env" in wrote


def test_a_root_within_a_hidden_folder_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / ".config" / "work").mkdir(parents=True)
    (tmp_path / ".config" / "work" / "a.txt").write_text("a")

    assert Disk(tmp_path / ".config" / "work").read("a.txt") == b"a"


def test_a_server_refuses_hidden_files_unless_jupyter_shows_them(tmp_path: Path) -> None:
    def said(home: Path, *options: str) -> str:
        with RealServer(home, options=options) as server:
            (server.root / ".env").write_text("PRIVATE")
            person = Person(server)
            thread = person.thread()
            prompt = 'tool read_file {"path": ".env"}'
            return result_of(person.finish(thread, person.start(thread, prompt, agent="script")["runId"]))

    assert "is hidden" in said(tmp_path / "closed")
    assert said(tmp_path / "open", "--ContentsManager.allow_hidden=True") == "PRIVATE"


# -- what is no regular file, or too much


@pytest.mark.parametrize("path", ["pipe", "socket", "sub", "."])
async def test_what_is_no_file_is_refused_at_once_by_any_way(root: Path, path: str) -> None:
    agent = Agent(root)

    said = [
        await call(root, "read_file", path=path),
        await call(root, "write_file", path=path, content="mine"),
        await agent.ask("read", path, line=None, limit=None),
        await agent.ask("write", path, content="mine"),
    ]

    assert all("not a file" in text for text in said), said
    assert (root / "pipe").is_fifo()


async def test_a_device_is_outside_of_the_root(root: Path) -> None:
    assert "outside" in await call(root, "read_file", path="device")
    assert "outside" in await Agent(root).ask("read", "device", line=None, limit=None)


async def test_a_huge_file_is_refused_by_what_is_read_of_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no place
    agent = Agent(root)

    assert "the most that file tools take" in await call(root, "read_file", path="huge")
    assert "the most that file tools take" in await agent.ask("read", "huge", line=1, limit=1)
    assert "file tools write up to" in await agent.ask("write", "new.txt", content="x" * (MAX_FILE_BYTES + 1))


def test_what_became_a_pipe_after_it_was_looked_at_is_not_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = os.stat(root / "notes.md")
    monkeypatch.setattr(disk_module.os, "stat", lambda *_, **__: regular)

    with pytest.raises(ToolError, match="not a file"):
        Disk(root).read("pipe")


SWAPS: list[Callable[[Disk], Any]] = [
    lambda disk: disk.read("sub/x.txt"),
    lambda disk: disk.write("sub/x.txt", b"mine"),
    lambda disk: disk.write("sub/new.txt", b"mine"),
]


@pytest.mark.parametrize("use", SWAPS)
@pytest.mark.parametrize("part", ["folder", "file"])
def test_a_link_that_is_put_in_after_the_check_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, use: Callable[[Disk], Any], part: str
) -> None:
    outside, sub = root.parent / "outside", root / "sub"
    (sub / "x.txt").write_text("ours")
    folder_of = Disk._folder

    def swapped(self: Disk, real: Path, **how: Any) -> Any:
        if part == "folder" and not sub.is_symlink():
            sub.rename(root / "moved")
            sub.symlink_to(outside)
        elif part == "file" and (sub / "x.txt").is_file():
            (sub / "x.txt").unlink()
            (sub / "x.txt").symlink_to(outside / "x.txt")
        return folder_of(self, real, **how)

    monkeypatch.setattr(Disk, "_folder", swapped)
    try:
        said = use(Disk(root))
    except ToolError:
        said = None

    assert said in (None, b"ours")
    assert (outside / "x.txt").read_text() == "PRIVATE"
    assert not (outside / "new.txt").exists()


# -- AGENTS.md


def _link_out(file: Path) -> None:
    file.symlink_to(file.parents[1] / "outside" / "x.txt")


def _link_hidden(file: Path) -> None:
    file.symlink_to(file.parent / ".env")


@pytest.mark.parametrize("make", [_link_out, _link_hidden, os.mkfifo, Path.mkdir])
async def test_agents_md_obeys_the_same_rules_and_the_run_goes_on_without(
    root: Path, make: Callable[[Path], Any]
) -> None:
    make(root / "AGENTS.md")

    async with asyncio.timeout(SECONDS):
        ended = await run(script(), task_for("run 1", root=str(root)), FakeKernel())

    (said,) = ended.customs("lobu.unread")
    assert said["path"] == "AGENTS.md"
    assert "AGENTS.md" in said["message"]
    assert ended.customs("lobu.instructions") == []
    assert ended.pause is not None
    assert "PRIVATE" not in json.dumps(ended.pause.checkpoint)


# -- notebooks


@pytest.mark.parametrize(
    "path",
    [
        *[
            "n.ipynb",
            "N.IPYNB",
            "n.ipynb ",
            "n.ipynb.",
            "n.ipynb::$DATA",
            "sub/new.ipynb",
            "alias",
            "n.ipynb/.",
        ],
        *[
            "n.ipy\u200cnb",
            "n\uff0eipynb",
            "n.\uff49pynb",
            "n.ipynb\u00a0",
            "n.ipynb\t",
            "n.ipynb\u3000",
            "n.ipynb.\u200b",
        ],
    ],
)
async def test_a_notebook_is_not_written_as_text(root: Path, path: str) -> None:
    (root / "n.ipynb").write_text('{"cells": []}')
    (root / "N.IPYNB").write_text('{"cells": []}')
    (root / "alias").symlink_to("n.ipynb")

    said = [
        await call(root, "write_file", path=path, content="import os"),
        await call(root, "edit_file", path=path, old="cells", new="sells"),
        await Agent(root).ask("write", path, content="import os"),
    ]

    assert all("edit_cell" in text for text in said), said
    assert (root / "n.ipynb").read_text() == '{"cells": []}'
    assert not (root / "sub" / "new.ipynb").exists()


# -- links


@pytest.mark.parametrize("there", [True, False])
async def test_a_question_names_the_file_that_a_link_leads_to(root: Path, there: bool) -> None:
    (root / "draft.txt").symlink_to(root / "sub" / "run_me.py")
    if there:
        (root / "sub" / "run_me.py").write_text("old\n")

    ended = await asked(root, path="draft.txt", content="new\n")

    verb = "Change" if there else "Create"
    assert ended.interrupts[0].message == f"{verb} draft.txt, which leads to sub/run_me.py?"
    assert "+++ b/sub/run_me.py\n" in (ended.interrupts[0].diff or "")
    await approved(root, ended)
    assert (root / "sub" / "run_me.py").read_text() == "new\n"


async def test_a_link_that_is_put_in_after_the_question_takes_no_approved_write(root: Path) -> None:
    fresh = await asked(root, path="draft.txt", content="mine")
    changed = await asked(root, path="notes.md", content="mine")
    (root / "draft.txt").symlink_to(root / "sub" / "run_me.py")
    (root / "sub" / "same.py").write_bytes((root / "notes.md").read_bytes())
    (root / "notes.md").unlink()
    (root / "notes.md").symlink_to(root / "sub" / "same.py")

    said = [await approved(root, fresh), await approved(root, changed)]

    assert all("has changed since the diff was shown" in text for text in said), said
    assert not (root / "sub" / "run_me.py").exists()
    assert (root / "sub" / "same.py").read_text() == "one\ntwo\nthree\n"


async def asked(root: Path, **args: Any) -> Ended:
    return await run(script(), task_for(f"tool write_file {json.dumps(args)}", root=str(root)))


async def approved(root: Path, ended: Ended) -> str:
    after = await resume(script(), task_for("", root=str(root)), ended, None, "approve")
    return next(iter(after.results.values()))


# -- texts stay as they are written


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\nc\r\n", "a\nb", "a\nB", b"a\r\nB\r\nc\r\n"),
        (b"a\r\nb\r\nc", "b\r\nc", "B\nC\n", b"a\r\nB\r\nC\r\n"),
        (b"a\rb\rc\r", "b\n", "B\nBB\n", b"a\rB\rBB\rc\r"),
        (b"a\nb\r\nc\r\nd\n", "b\nc", "B\nX\nC", b"a\nB\r\nX\r\nC\r\nd\n"),
        (b"a\nb\n", "b", "b\r\nc", b"a\nb\nc\n"),
        (b"one", "one", "1\r\n2", b"1\r\n2"),
        (codecs.BOM_UTF8 + b"a\r\n", "a", "b", codecs.BOM_UTF8 + b"b\r\n"),
        (
            codecs.BOM_UTF16_LE + "ä\r\n".encode("utf-16-le"),
            "ä",
            "ö",
            codecs.BOM_UTF16_LE + "ö\r\n".encode("utf-16-le"),
        ),
        (
            b"a\x0cb\xe2\x80\xa8c\x85".replace(b"\x85", b"\xc2\x85") + b"\r\nx",
            "x",
            "y",
            b"a\x0cb\xe2\x80\xa8c\xc2\x85\r\ny",
        ),
    ],
)
async def test_an_edit_matches_by_lines_and_keeps_ends_mark_and_encoding(
    root: Path, before: bytes, old: str, new: str, after: bytes
) -> None:
    (root / "f.txt").write_bytes(before)

    said = await call(root, "edit_file", path="f.txt", old=old, new=new)

    assert "Wrote" in said
    assert (root / "f.txt").read_bytes() == after


@pytest.mark.parametrize("way", ["tool", "acp"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (codecs.BOM_UTF8 + b"a\r\nb\r\n", codecs.BOM_UTF8 + b"x\r\ny\r\n"),
        (codecs.BOM_UTF16_BE + "ä\n".encode("utf-16-be"), codecs.BOM_UTF16_BE + "x\ny\n".encode("utf-16-be")),
        (b"a\rb\r", b"x\ry\r"),
        (b"a\nb\n", b"x\ny\n"),
        (None, b"x\ny\n"),
    ],
)
async def test_a_write_keeps_ends_mark_and_encoding(
    root: Path, before: bytes | None, after: bytes, way: str
) -> None:
    if before is not None:
        (root / "f.txt").write_bytes(before)

    if way == "tool":
        await call(root, "write_file", path="f.txt", content="x\ny\n")
    else:
        await Agent(root).ask("write", "f.txt", content="x\ny\n")

    assert (root / "f.txt").read_bytes() == after


async def test_a_file_in_another_encoding_is_not_turned_into_utf_8(root: Path) -> None:
    (root / "latin.txt").write_bytes("größe\n".encode("latin-1"))

    said = [
        await call(root, "write_file", path="latin.txt", content="size\n"),
        await call(root, "edit_file", path="latin.txt", old="gr", new="GR"),
        await Agent(root).ask("write", "latin.txt", content="size\n"),
    ]

    assert all("no UTF-8 text" in text for text in said), said
    assert (root / "latin.txt").read_bytes() == "größe\n".encode("latin-1")


def test_half_of_a_character_is_not_written(root: Path) -> None:
    with pytest.raises(ValueError, match="half of a character"):
        TextFile("\ud99c").data()


async def test_lines_are_numbered_as_editors_number_them(root: Path) -> None:
    (root / "f.txt").write_bytes("1\x0c still 1\u2028 still 1\x85\r\n2\r3\n4".encode())

    assert await call(root, "read_file", path="f.txt", start=2, lines=2) == "[lines 2 to 3 of 4]\n2\r3\n"
    assert await Agent(root).ask("read", "f.txt", line=4, limit=1) == "4"


async def test_an_edit_whose_text_is_not_there_shows_the_nearest_place(root: Path) -> None:
    (root / "f.py").write_text("import os\n\ndef total(rows):\n    return sum(rows)\n")

    said = await call(root, "edit_file", path="f.py", old="def total(rows):\n  return sum(row)\n", new="x")
    twice = await call(root, "edit_file", path="f.py", old="rows", new="x")
    nothing = await call(root, "edit_file", path="f.py", old="zzzzzzz", new="x")

    assert "occurs 0 times; the nearest place is\n3: def total(rows):\n4:     return sum(rows)\n" in said
    assert "occurs 2 times (lines 3, 4)" in twice
    assert "nearest" not in nothing


def test_overlapping_places_are_several(root: Path) -> None:
    (root / "f.txt").write_text("aaa")

    with pytest.raises(ValueError, match="occurs 2 times"):
        TextFile("aaa").replacing("aa", "b")


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n\n", "a\r\n\rb\n\r\nc", "\r"])
def test_lines_are_the_whole_text(text: str) -> None:
    assert "".join(lines_of(text)) == text
