"""Tools that read and write files below the server's root, and nothing outside of it.

See agents/tools/disk.py for the files within reach, and agents/tools/texts.py for the lines of a text file. A write
is one rename, and happens only if the file still is as it was for the diff.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.applied import FileChange, digest_of, state_of

from . import specs
from .answers import MOST_BYTES, fitting
from .base import BoundTool, Call, Preview, Result, ToolError, Work
from .diffs import unified
from .disk import Disk
from .documents import kind_of, text_of_document
from .notebook_reading import text_of_file
from .outputs import size_of
from .pixels import image_type
from .texts import NotOnce, NotText, TextFile, lines_of, normal, western

if TYPE_CHECKING:
    from pathlib import Path

    from lobu_jupyter.model.ports import KernelPort

ROOM = MOST_BYTES - 1000
DEFAULT_LINES = 500
MAX_ENTRIES, MAX_COUNTED = 500, 100_000
_MADE = frozenset({"__pycache__", "node_modules"})  # never listed


async def list_files(work: Work, call: Call) -> Result:
    """List a directory, or the files that match a glob, without hidden ones."""
    disk, args = Disk.of(work.task), call.args
    return Result(await asyncio.to_thread(_list, disk, args.get("path", "."), args.get("glob")))


async def read_file(work: Work, call: Call) -> Result:
    """Read lines of a file as text. A picture is shown to a model that sees."""
    path, disk = call.args["path"], Disk.of(work.task)
    data = await asyncio.to_thread(disk.read, path)
    if data is None:
        raise ToolError(f"There is no file {path}.")
    if mime := image_type(data):
        return Result(f"{path} is a picture, {mime}, {size_of(len(data))}.", ((mime, data),))
    text = await _as_text(path, data, work.kernel)
    first, count = call.args.get("start", 1), call.args.get("lines")
    return Result(await asyncio.to_thread(_lines, path, text, first, count))


async def write_file(work: Work, call: Call) -> Result:
    """Write the whole file."""
    return await _write_on(work, call, written(call.args))


async def edit_file(work: Work, call: Call) -> Result:
    """Replace the one occurrence of a text."""
    return await _write_on(work, call, edited(call.args))


async def preview_write(work: Work, args: dict[str, Any]) -> Preview:
    """Return the diff of a write."""
    return await asyncio.to_thread(_preview, Disk.of(work.task), args["path"], written(args))


async def preview_edit(work: Work, args: dict[str, Any]) -> Preview:
    """Return the diff of an edit."""
    return await asyncio.to_thread(_preview, Disk.of(work.task), args["path"], edited(args))


async def _write_on(work: Work, call: Call, change: Change) -> Result:
    disk, path = Disk.of(work.task), call.args["path"]
    data, _, _, new = await asyncio.to_thread(_changed, disk, path, change, call.guard)
    if data == new:
        return Result(_same(path))
    await work.record(FileChange(path=disk.place(path), before=state_of(data), now=digest_of(new)))
    return Result(await asyncio.to_thread(_write, disk, path, data, new, call.guard))


BOUND: tuple[BoundTool, ...] = (
    BoundTool(specs.LIST_FILES, list_files, needs="root"),
    BoundTool(specs.READ_FILE, read_file, needs="root"),
    BoundTool(specs.WRITE_FILE, write_file, preview_write, needs="root"),
    BoundTool(specs.EDIT_FILE, edit_file, preview_edit, needs="root"),
)


def _list(disk: Disk, path: str, glob: str | None) -> str:
    folder = disk.find(path)
    if not folder.is_dir():
        raise ToolError(f"{path} is not a directory.")
    try:
        names = folder.glob(glob) if glob else folder.iterdir()
        listed = list(islice((p for p in names if _listed(disk, p, folder)), MAX_COUNTED))
    except (OSError, ValueError, NotImplementedError) as error:
        raise ToolError(f"{path} cannot be listed: {error}") from error
    lines = [_entry(p, folder) for p in nsmallest(MAX_ENTRIES, listed) if disk.contains(p)]
    if len(listed) > MAX_ENTRIES:
        least = "at least " if len(listed) == MAX_COUNTED else ""
        more = f"{least}{len(listed) - MAX_ENTRIES:,}"
        lines.append(f"[… the first {MAX_ENTRIES} by name; {more} more. Use a narrower path or glob]")
    return "\n".join(lines) or f"{path} holds nothing that matches."


def _entry(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return name + "/"
    try:
        return f"{name}  {size_of(path.stat().st_size)}"
    except OSError:
        return f"{name}  (unreadable)"


def _listed(disk: Disk, path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts if folder in path.parents else ("..",)
    hidden = any(part.startswith(".") for part in parts) and (not disk.hidden or ".." in parts)
    return not hidden and not _MADE.intersection(parts)


async def _as_text(path: str, data: bytes, kernel: KernelPort | None) -> str:
    """Return a file as text: a document's, a notebook's cells, or its own.

    Raises:
        ToolError: it has none.
    """
    if (kind := kind_of(path)) is not None:
        return await text_of_document(path, kind, data, kernel)
    try:
        text = TextFile.of(data).text
    except NotText:
        if (text := western(data)) is not None:
            return f"[not UTF-8: read as Windows-1252, and cannot be changed with these tools]\n{text}"
        raise ToolError(
            f"{path} is no UTF-8 text: {size_of(len(data))}, it begins with {data[:16].hex(' ')}."
        ) from None
    return text_of_file(text) if path.endswith(".ipynb") else text


def _lines(path: str, text: str, first: int, count: int | None) -> str:
    if not text:
        return f"{path} is empty."
    lines = lines_of(text)
    if first > max(1, len(lines)):
        raise ToolError(f"{path} has {len(lines)} lines.")
    end = min(first - 1 + (count or DEFAULT_LINES), len(lines))
    part, last = fitting(lines[:end], first, ROOM)
    head = "" if first == 1 and last == len(lines) else f"[lines {first} to {last} of {len(lines)}]\n"
    more = last < end or (count is None and last < len(lines))
    return f"{head}{part}[read on with start={last + 1}]" if more else head + part


def _text(data: bytes | None, path: str) -> TextFile | None:
    try:
        return None if data is None else TextFile.of(data)
    except NotText as error:
        raise ToolError(f"{path} is no UTF-8 text; it cannot be changed here.") from error


Change = Callable[["TextFile | None"], TextFile]
"""A function from a file's text, None without a file, to its new text."""


def written(args: dict[str, Any]) -> Change:
    """Return the change that write_file makes."""

    def change(now: TextFile | None) -> TextFile:
        return TextFile(args["content"]) if now is None else now.saying(args["content"])

    return change


def edited(args: dict[str, Any]) -> Change:
    """Return the change that edit_file makes."""

    def change(now: TextFile | None) -> TextFile:
        path = args["path"]
        if now is None:
            raise ToolError(f"There is no file {path} to edit; write_file makes a new one.")
        try:
            return now.replacing(args["old"], args["new"])
        except NotOnce as error:
            raise ToolError(f"The old text must be in {path} exactly once; it {error}.") from error

    return change


def _changed(
    disk: Disk, path: str, change: Change, guard: dict[str, Any] | None = None
) -> tuple[bytes | None, TextFile | None, TextFile, bytes]:
    """Return a file's bytes and text as they are, and its text and bytes after the change."""
    disk.check_text(path)
    data = disk.read(path)
    if (
        guard
        and guard["path"] == path
        and (guard["place"], guard["was"]) != (disk.place(path), digest_of(data))
    ):
        raise ToolError(f"{path} has changed since the diff was shown; nothing was written. Read it again.")
    now = _text(data, path)
    then = change(now)
    try:
        return data, now, then, then.data()
    except NotText as error:
        raise ToolError(f"{path} cannot be written: {error}.") from error


def _preview(disk: Disk, path: str, change: Change) -> Preview:
    data, now, then, new = _changed(disk, path, change)
    if data == new:
        raise ToolError(_same(path))
    place = disk.place(path)
    named = path if posixpath.normpath(path.lstrip("/")) == place else f"{path}, which leads to {place}"
    before = "" if now is None else normal(now.text)
    diff = unified(before, normal(then.text), "/dev/null" if now is None else f"a/{place}", f"b/{place}")
    verb = "Create" if now is None else "Change"
    return Preview(
        message=f"{verb} {named}?",
        diff=diff,
        guard={"path": path, "place": place, "was": digest_of(data)},
        diff_repeats=now is None,
    )


def _same(path: str) -> str:
    return f"{path} reads like that already. Nothing was written."


def _write(disk: Disk, path: str, data: bytes | None, new: bytes, guard: dict[str, Any] | None) -> str:
    if digest_of(disk.read(path)) != digest_of(data):
        raise ToolError(f"{path} has changed at this moment; nothing was written. Read it again.")
    disk.write(path, new, place=guard["place"] if guard and guard["path"] == path else None)
    return f"{'Created' if data is None else 'Wrote'} {path}, {size_of(len(new))}."
