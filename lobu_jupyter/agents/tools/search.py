"""``search_files``: the lines that contain a text, in the files below a folder. The rules are those of disk.py.

The text is taken as it is, not as a pattern: a pattern of a model can keep a search busy for ever. The answer says what
was left out: files that are too large or no text, and what is beyond the limits of hits and of time. ripgrep, where it is installed, tells which files need not be read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatch
from time import monotonic
from typing import TYPE_CHECKING

from lobu_jupyter.model.environment import for_program
from lobu_jupyter.model.text import shorten

from . import specs
from .base import BoundTool, Call, Result, ToolError, Work
from .disk import MAX_FILE_BYTES, Disk
from .outputs import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 10.0
MAX_HITS, MAX_HITS_OF_FILE = 200, 20
MAX_LINE = 300
_MADE = frozenset({"__pycache__", "node_modules"})


@dataclass
class _Search:
    """A search under way, and what it has left out."""

    disk: Disk
    text: str
    glob: str | None
    ignore_case: bool
    lines: list[str] = field(default_factory=list[str])
    searched: int = 0
    skipped: int = 0
    over: str = ""
    may_have: set[bytes] | None = None  # the paths of the files that contain the text, by ripgrep

    def run(self, folder: Path) -> None:
        until = monotonic() + SECONDS
        self.may_have = self._by_ripgrep(folder)
        for path in self._files(folder):
            if monotonic() > until:
                self.over = f"the search stopped after {SECONDS:g} s"
            elif len(self.lines) >= MAX_HITS:
                self.over = f"there are more than {MAX_HITS} hits"
            if self.over:
                return
            self._file(path)

    def _files(self, folder: Path) -> Iterator[Path]:
        if folder.is_file():
            yield folder
            return
        for at, folders, files in os.walk(folder):  # links to folders are not followed
            here = folder / at
            folders[:] = sorted(f for f in folders if f not in _MADE and not self.disk.hides(here / f))
            yield from (here / name for name in sorted(files))

    def _file(self, path: Path) -> None:
        name = path.relative_to(self.disk.root).as_posix()
        if self.glob is not None and not (fnmatch(path.name, self.glob) or fnmatch(name, self.glob)):
            return
        if not self.disk.contains(path):
            return
        if self.may_have is not None and os.fsencode(path) not in self.may_have and _is_small(path):
            self.searched += 1
            return
        try:
            data = self.disk.read(name)
        except ToolError:
            self.skipped += 1  # too large, no regular file, or not to be read
            return
        if data is None or b"\0" in data[:8192]:
            self.skipped += data is not None
            return
        self.searched += 1
        self._take(name, data.decode("utf-8-sig", "replace"))

    def _by_ripgrep(self, folder: Path) -> set[bytes] | None:
        """Return the files that contain the text, None if only reading them all can tell."""
        program = shutil.which("rg")
        if program is None or (self.ignore_case and not self.text.isascii()):
            return None  # casefold() knows more pairs than ripgrep
        options = [
            "--no-config",
            "--no-ignore",
            "--text",
            "--fixed-strings",
            "--files-with-matches",
            "--null",
        ]
        options += ["--hidden"] if self.disk.hidden else []
        options += ["--ignore-case"] if self.ignore_case else ["--case-sensitive"]
        command = [
            program,
            *options,
            "--max-filesize",
            str(MAX_FILE_BYTES),
            "--regexp",
            self.text,
            "--",
            str(folder),
        ]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(SECONDS, 0),
                env=for_program(os.environ, {}),
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None
        return set(done.stdout.split(b"\0")) if done.returncode in (0, 1) else None

    def _take(self, name: str, text: str) -> None:
        wanted = self.text.casefold() if self.ignore_case else self.text
        if wanted not in (text.casefold() if self.ignore_case else text):
            return
        found = [
            f"{name}:{number}: {shorten(line.strip(), MAX_LINE)}"
            for number, line in enumerate(text.split("\n"), 1)
            if wanted in (line.casefold() if self.ignore_case else line)
        ]
        self.lines += found[:MAX_HITS_OF_FILE]
        if len(found) > MAX_HITS_OF_FILE:
            self.lines.append(f"{name}: {len(found) - MAX_HITS_OF_FILE} more lines")

    def report(self) -> str:
        told = [f"{self.searched} files searched"]
        if self.skipped:
            told.append(f"{self.skipped} left out (no text, or over {size_of(MAX_FILE_BYTES)})")
        if self.over:
            told.append(f"{self.over}; give a narrower path, glob or text")
        return "\n".join([*self.lines[:MAX_HITS], f"[{'; '.join(told)}]"])


def _is_small(path: Path) -> bool:
    """Return whether ripgrep searched the file: a regular one that is not too large."""
    try:
        return path.is_file() and path.stat().st_size <= MAX_FILE_BYTES
    except OSError:
        return False


async def search_files(work: Work, call: Call) -> Result:
    """Return the lines that contain a text, with their files and numbers."""
    args, disk = call.args, Disk.of(work.task)
    if "\n" in args["text"]:
        raise ToolError("text must be a part of one line.")
    folder = disk.find(args.get("path", "."))
    if not folder.exists():
        raise ToolError(f"{args['path']} does not exist.")
    search = _Search(disk, args["text"], args.get("glob"), bool(args.get("ignoreCase")))
    await asyncio.to_thread(search.run, folder)
    return Result(search.report())


BOUND: tuple[BoundTool, ...] = (BoundTool(specs.SEARCH_FILES, search_files, needs="root"),)
