"""Tools that read and write files below the server's root, and nothing outside of it.

A path is resolved before it is used: ``..`` and symbolic links that lead out of the root are refused.
A write is one rename, and happens only if the file still is what the diff was made from.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from itertools import islice
from pathlib import Path
from typing import Any

from lobu_jupyter.model.text import shorten

from . import specs
from .base import BoundTool, Call, Preview, Result, ToolError, Work
from .diffs import unified
from .outputs import size_of

MAX_READ_CHARS = 40_000
MAX_FILE_BYTES = 5_000_000
MAX_ENTRIES = 500
ABSENT = "absent"


async def list_files(work: Work, call: Call) -> Result:
    """Entries of a directory, or the files that match a glob; hidden ones are left out."""
    return Result(
        await asyncio.to_thread(_list, _root(work), call.args.get("path", "."), call.args.get("glob"))
    )


async def read_file(work: Work, call: Call) -> Result:
    """Lines of a text file."""
    args = call.args
    first, count = args.get("start", 1), args.get("lines", 500)
    return Result(await asyncio.to_thread(_read, _root(work), args["path"], first, count))


async def write_file(work: Work, call: Call) -> Result:
    """Write the whole file."""
    args = call.args
    return Result(await asyncio.to_thread(_write, _root(work), args["path"], args["content"], call.guard))


async def edit_file(work: Work, call: Call) -> Result:
    """Replace the one occurrence of a text."""

    def work_on() -> str:
        root, args = _root(work), call.args
        return _write(root, args["path"], _edited(root, args), call.guard)

    return Result(await asyncio.to_thread(work_on))


async def preview_write(work: Work, args: dict[str, Any]) -> Preview:
    """The diff of a write."""
    return await asyncio.to_thread(_preview, _root(work), args["path"], args["content"])


async def preview_edit(work: Work, args: dict[str, Any]) -> Preview:
    """The diff of an edit."""

    def look() -> Preview:
        root = _root(work)
        return _preview(root, args["path"], _edited(root, args))

    return await asyncio.to_thread(look)


BOUND: tuple[BoundTool, ...] = (
    BoundTool(specs.LIST_FILES, list_files, needs="root"),
    BoundTool(specs.READ_FILE, read_file, needs="root"),
    BoundTool(specs.WRITE_FILE, write_file, preview_write, needs="root"),
    BoundTool(specs.EDIT_FILE, edit_file, preview_edit, needs="root"),
)


def inside(root: Path, path: str) -> Path:
    """The real path of `path` below `root`.

    Raises:
        ToolError: it leads out of the root, or cannot be a path.
    """
    try:
        found = (root / path.lstrip("/")).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL byte, a loop of links
        raise ToolError(f"{path!r} cannot be used as a path: {error}") from error
    if found != root and root not in found.parents:
        raise ToolError(f"{path} is outside of the server's root directory, which file tools may not leave.")
    return found


def _root(work: Work) -> Path:
    return Path(work.task.root or "").resolve()


def _list(root: Path, path: str, glob: str | None) -> str:
    folder = inside(root, path)
    if not folder.is_dir():
        raise ToolError(f"{path} is not a directory.")
    try:
        names = folder.glob(glob) if glob else folder.iterdir()
        found = sorted(islice((p for p in names if not _hidden(p, folder)), MAX_ENTRIES + 1))
    except (OSError, ValueError, NotImplementedError) as error:
        raise ToolError(f"{path} cannot be listed: {error}") from error
    lines = [_entry(p, folder) for p in found[:MAX_ENTRIES] if _contained(root, p)]
    if len(found) > MAX_ENTRIES:
        lines.append(f"[… more than {MAX_ENTRIES} entries; use a narrower path or glob]")
    return "\n".join(lines) or f"{path} holds nothing that matches."


def _entry(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return name + "/"
    try:
        return f"{name}  {size_of(path.stat().st_size)}"
    except OSError:
        return f"{name}  (unreadable)"


def _hidden(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts if folder in path.parents else ("..",)
    return any(part.startswith(".") or part in ("__pycache__", "node_modules") for part in parts)


def _contained(root: Path, path: Path) -> bool:
    real = path.resolve()
    return real == root or root in real.parents


def _read(root: Path, path: str, first: int, count: int) -> str:
    found = inside(root, path)
    data = _bytes(found, path)
    if data is None:
        raise ToolError(f"There is no file {path}.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return f"{path} is no UTF-8 text: {size_of(len(data))}, it begins with {data[:16].hex(' ')}."
    lines = text.splitlines(keepends=True)
    part = "".join(lines[first - 1 : first - 1 + count])
    last = min(first - 1 + count, len(lines))
    head = "" if first == 1 and last == len(lines) else f"[lines {first} to {last} of {len(lines)}]\n"
    return head + shorten(part, MAX_READ_CHARS)


def _bytes(found: Path, path: str) -> bytes | None:
    try:
        if not found.exists():
            return None
        if not found.is_file():
            raise ToolError(f"{path} is not a file.")
        if found.stat().st_size > MAX_FILE_BYTES:
            size = size_of(found.stat().st_size)
            raise ToolError(
                f"{path} has {size}; file tools take up to {size_of(MAX_FILE_BYTES)}. Use run_code."
            )
        return found.read_bytes()
    except OSError as error:
        raise ToolError(f"{path} cannot be read: {error.strerror}") from error


def _text(found: Path, path: str) -> str | None:
    data = _bytes(found, path)
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError(f"{path} is no UTF-8 text; it cannot be changed here.") from error


def _edited(root: Path, args: dict[str, Any]) -> str:
    path: str = args["path"]
    text = _text(inside(root, path), path)
    if text is None:
        raise ToolError(f"There is no file {path} to edit; write_file makes a new one.")
    count = text.count(args["old"])
    if count != 1:
        raise ToolError(f"The old text occurs {count} times in {path}; it must occur exactly once.")
    return text.replace(args["old"], args["new"])


def _preview(root: Path, path: str, content: str) -> Preview:
    found = inside(root, path)
    before = _text(found, path)
    diff = unified(before or "", content, "/dev/null" if before is None else f"a/{path}", f"b/{path}")
    verb = "Create" if before is None else "Change"
    guard = {"path": path, "was": _digest(before)}
    return Preview(message=f"{verb} {path}?", diff=diff, guard=guard)


def _digest(text: str | None) -> str:
    return ABSENT if text is None else hashlib.sha256(text.encode()).hexdigest()


def _write(root: Path, path: str, content: str, guard: dict[str, Any] | None) -> str:
    found = inside(root, path)
    before = _text(found, path)
    if guard and guard["path"] == path and guard["was"] != _digest(before):
        raise ToolError(f"{path} has changed since the diff was shown; nothing was written. Read it again.")
    try:
        found.parent.mkdir(parents=True, exist_ok=True)
        _replace(found, content)
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {error.strerror}") from error
    verb = "Created" if before is None else "Wrote"
    return f"{verb} {path}, {size_of(len(content.encode()))}."


def _replace(found: Path, content: str) -> None:
    beside = found.with_name(f".{found.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if found.exists():
            beside.chmod(found.stat().st_mode & 0o777)
        beside.replace(found)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
