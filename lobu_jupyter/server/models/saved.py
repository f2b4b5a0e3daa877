"""The file of the providers that were set up in the browser. Only this server's user may read it.

A write is atomic and follows no link. A read follows none either, and takes the rights of others away.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from lobu_jupyter.agents.models.catalog import Kind
from lobu_jupyter.model.bounds import Name

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
MAX_PROVIDERS = 100
MAX_MODELS = 500

Models = Annotated[list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=MAX_MODELS)]


class SavedProvider(Struct, kw_only=True, omit_defaults=True):
    """A provider as it is kept. ``key``: None if there is none, or if the system's keyring keeps it."""

    kind: Kind
    base_url: Name | None = None
    key: Name | None = None
    key_in: Literal["file", "keyring"] | None = None
    models: Models = field(default_factory=list[str])


class Saved(Struct, kw_only=True):
    """The file's content. ``default_model``: the model of a run that names none."""

    version: Literal[1] = 1
    default_model: Name | None = None
    providers: dict[str, SavedProvider] = field(default_factory=dict[str, SavedProvider])


class Unreadable(Exception):
    """The file is there and cannot be used. The message says why."""


def read(path: Path) -> Saved:
    """Return the file's content, or an empty one if there is no file.

    Raises:
        Unreadable: it is no plain file of ours, or does not hold what it should.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return Saved()
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
            raise Unreadable(f"{path} is not a file of this server's user")
        if status.st_mode & 0o077:
            os.fchmod(file.fileno(), 0o600)
        data = file.read(MAX_BYTES + 1)
    try:
        return msgspec.json.decode(data, type=Saved)
    except msgspec.DecodeError as error:
        raise Unreadable(f"{path} does not hold model providers: {error}") from error


def write(path: Path, saved: Saved) -> None:
    """Replace the file, whole or not at all.

    Raises:
        OSError: it cannot be written. The old one is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its user only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(saved), indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
