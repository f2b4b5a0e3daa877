"""The tools' only way to files: below the server's root, not hidden, regular files only, bounded.

A path is resolved first, and then opened folder by folder without following a link, so that a link swapped in
meanwhile leads nowhere. Nothing here blocks: a pipe or a device is refused before it is opened.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import unicodedata
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from jupyter_core.paths import is_hidden

from .base import ToolError
from .outputs import size_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from lobu_jupyter.model.ports import Task

MAX_FILE_BYTES = 5_000_000
_NOTEBOOK = re.compile(
    r"\.ipynb[ .]*(:.*)?$", re.IGNORECASE
)  # Windows opens `x.ipynb.` and `x.ipynb::$DATA` as x.ipynb
_SYSTEM = tuple(
    Path(folder) for folder in ("/proc", "/sys", "/dev")
)  # processes and devices, not files of a person
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
_BY_FOLDER = os.open in os.supports_dir_fd


@dataclass(frozen=True)
class Disk:
    """The files below a root directory. ``hidden``: True to include hidden ones, as for Jupyter's contents manager."""

    root: Path
    hidden: bool = False

    @classmethod
    def of(cls, task: Task) -> Self:
        """Return the files that the tools of a run may reach.

        Raises:
            ToolError: there are none.
        """
        if task.root is None:
            raise ToolError("This server offers no root directory.")
        return cls(Path(task.root).resolve(), task.allow_hidden)

    def find(self, path: str) -> Path:
        """Return the real path of `path` below the root. The file may not exist yet.

        Raises:
                ToolError: the path leads out of the root, is hidden, is the system's own, or cannot be a path.
        """
        try:
            named = Path(os.path.normpath(self.root / path.lstrip("/")))
            found = (self.root / path.lstrip("/")).resolve()
        except (OSError, ValueError, RuntimeError) as error:  # a NUL byte, a loop of links
            raise ToolError(f"{path!r} cannot be used as a path: {error}") from error
        if not found.is_relative_to(self.root):
            raise ToolError(
                f"{path} is outside of the server's root directory, which file tools may not leave."
            )
        if _is_system(found):
            raise ToolError(
                f"{path} belongs to the system's processes and devices, and is no file for tools."
            )
        if self.hides(named) or self.hides(found):
            raise ToolError(f"{path} is hidden, and this server shows no hidden files (allow_hidden).")
        return found

    def hides(self, path: Path) -> bool:
        """Return True if a path below the root, or a folder on the way to it, is hidden by Jupyter's rules.

        Folders of the system's processes and devices are always hidden.
        """
        if not path.is_relative_to(self.root):
            return False
        if self.hidden or _is_system(path):
            return _is_system(path)
        if any(_spelled(part).startswith(".") for part in path.relative_to(self.root).parts):
            return True
        try:
            return is_hidden(path, self.root)
        except OSError:
            return True  # it cannot be inspected

    def contains(self, path: Path) -> bool:
        """Return True if the target of `path`, links followed, is below the root and not hidden."""
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            return False
        return real.is_relative_to(self.root) and not self.hides(real)

    def read(self, path: str, *, first: int | None = None) -> bytes | None:
        """Return the bytes of a file, None if there is no file. ``first``: the number of bytes to read at most.

        Raises:
                ToolError: the file may not be read, is no regular file, or is larger than MAX_FILE_BYTES.
        """
        found = self._file(path)
        try:
            with self._folder(found.parent) as folder:
                handle = _opened(found, folder)
                if handle is None:
                    raise ToolError(f"{path} is not a file.")
                with os.fdopen(handle, "rb") as file:
                    data = file.read(first if first is not None else MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENOTDIR and not found.exists():
                return None  # a part of the path is a file, not a folder
            raise ToolError(f"{path} cannot be read: {error.strerror}") from error
        if first is None and len(data) > MAX_FILE_BYTES:
            size = f"more than {size_of(MAX_FILE_BYTES)}"
            raise ToolError(f"{path} has {size}, which is the most that file tools take. Use run_code.")
        return data

    def place(self, path: str) -> str:
        """Return where `path` leads, links followed, relative to the root.

        Raises:
                ToolError: as :meth:`find`.
        """
        return self.find(path).relative_to(self.root).as_posix()

    def write(self, path: str, data: bytes, *, place: str | None = None) -> None:
        """Replace a file at once, whole or not at all. Missing folders are made.

        ``place``: where the path must still lead.

        Raises:
                ToolError: the file may not be written, is a notebook, or is elsewhere.
        """
        found = self._text_file(path, place)
        if len(data) > MAX_FILE_BYTES:
            raise ToolError(
                f"{path} would have {size_of(len(data))}; file tools write up to {size_of(MAX_FILE_BYTES)}."
            )
        try:
            with self._folder(found.parent, make=True) as folder:
                _replace(found, folder, data)
        except OSError as error:
            raise ToolError(f"{path} cannot be written: {error.strerror}") from error

    def remove(self, path: str, *, place: str | None = None) -> None:
        """Remove a file. ``place``: where the path must still lead.

        Raises:
                ToolError: it may not be removed, is a notebook, is not there, or is elsewhere.
        """
        found = self._text_file(path, place)
        try:
            with self._folder(found.parent) as folder:
                os.unlink(found.name if folder is not None else found, dir_fd=folder)
        except OSError as error:
            raise ToolError(f"{path} cannot be removed: {error.strerror}") from error

    def check_text(self, path: str) -> None:
        """Refuse to write a notebook as text, because half a change of its JSON breaks it.

        Raises:
                ToolError: the path is a notebook.
        """
        if any(_NOTEBOOK.search(_spelled(name)) for name in (path, self.find(path).name)):
            raise ToolError(
                f"{path} is a notebook, and is not written as text. Change the cells of this thread's notebook with "
                "edit_cell, insert_cell, move_cell and delete_cell; make or change another one with nbformat, in run_code."
            )

    def _file(self, path: str) -> Path:
        found = self.find(path)
        if found == self.root:
            raise ToolError(f"{path} is not a file.")
        return found

    def _text_file(self, path: str, place: str | None) -> Path:
        self.check_text(path)
        found = self._file(path)
        if place is not None and found != self.root / place:
            raise ToolError(f"{path} leads to another file now; nothing was changed.")
        return found

    @contextmanager
    def _folder(self, real: Path, *, make: bool = False) -> Generator[int | None]:
        """Open a folder step by step from the root. Its handle is None on a system without folder handles."""
        if not _BY_FOLDER:
            if make:
                real.mkdir(parents=True, exist_ok=True)
            yield None
            return
        handle = os.open(self.root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
        try:
            for part in real.relative_to(self.root).parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=handle)
                below = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


def _is_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _SYSTEM)


def _spelled(name: str) -> str:
    """Return a name as the most lenient file system takes it: without characters that do not show, in plain letters."""
    shown = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cf"))
    return unicodedata.normalize("NFKC", shown)


def _opened(found: Path, folder: int | None) -> int | None:
    """Open a regular file, return None for anything else. Its type is checked first, as opening alone moves a tape."""
    name = found.name if folder is not None else found
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        return None
    handle = os.open(name, _READ, dir_fd=folder)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def _replace(found: Path, folder: int | None, data: bytes) -> None:
    where: int | None = folder
    name, beside = found.name, f".lobu-{secrets.token_hex(8)}"
    if folder is None:
        name, beside = str(found), str(found.with_name(beside))
    handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666, dir_fd=where)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                os.chmod(file.fileno(), os.stat(name, dir_fd=where, follow_symlinks=False).st_mode & 0o777)
        os.replace(beside, name, src_dir_fd=where, dst_dir_fd=where)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=where)
        raise
