"""The changes that agents made in cells and files, as the journal keeps them to take them back.

``lobu.change`` has a :class:`AppliedChange` as its value. ``back`` is what takes it back: a step of model/notebook_steps.py, or
the content that a file had. Its digest is that of the content before the journal redacted it, because a redacted one
must never be written. A change that was taken back is another change, with the same ``root``: taking it back again
makes the first one anew. ``lobu.undone`` tells the person about one such act.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from .bounds import Count, Id, Name, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANGE = "lobu.change"
UNDONE = "lobu.undone"
MAX_FILE_BYTES = 256 * 1024
ABSENT = "absent"
SECRET = "it holds a secret, which the journal does not keep"


class FileState(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file's former content. ``content``: None for no file, or for one that is too big (``size``) to be kept."""

    digest: Name
    content: Text | None = None
    encoding: Literal["text", "base64"] = "text"
    size: Count = 0


class AppliedChange(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One change as it was made.

    Args:
        now: the digest of a file after it.
        lost: why it cannot be taken back.
        root: the first change, of which this one takes back the effect or makes it again.
        undone: the root's effect is gone since.
        undo_id: the act of a person that made this change.
    """

    change_id: Id
    run_id: Id
    what: Literal["cell", "file"]
    path: Name
    cell: Name = ""
    back: dict[str, Any] | None = None
    back_digest: Name = ""
    file: FileState | None = None
    now: Name = ""
    lost: Name = ""
    root: Id = ""
    undone: bool = False
    undo_id: Id = ""

    @property
    def origin(self) -> str:
        """The id of the change of a run that this one is about."""
        return self.root or self.change_id


class FileChange(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A file that a worker is about to write: as it is, and the digest of what it will be."""

    path: Name
    before: FileState
    now: Name


class UndoTarget(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The target of an undo: all changes since a run began, or those of one earlier undo."""

    run_id: Id | None = None
    undo_id: Id | None = None


class Applied(Struct, frozen=True, kw_only=True):
    """The changes of a thread that are to be taken back, the newest first. ``last``: the value of its last ``lobu.undone``."""

    owner: str
    changes: list[AppliedChange] = field(default_factory=list[AppliedChange])
    last: dict[str, Any] = field(default_factory=dict[str, Any])


def digest_of(data: bytes | None) -> str:
    """Return the digest of a file's bytes, `absent` without a file."""
    return ABSENT if data is None else hashlib.sha256(data).hexdigest()


def state_of(data: bytes | None) -> FileState:
    """Return what is kept of a file's bytes."""
    digest = digest_of(data)
    if data is None:
        return FileState(digest=digest)
    if len(data) > MAX_FILE_BYTES:
        return FileState(digest=digest, size=len(data))
    try:
        return FileState(digest=digest, content=data.decode(), size=len(data))
    except UnicodeDecodeError:
        kept = base64.b64encode(data).decode()
        return FileState(digest=digest, content=kept, encoding="base64", size=len(data))


def data_of(state: FileState) -> bytes | None:
    """Return the bytes of a file as they were, None without a file.

    Raises:
        ValueError: they were not kept whole. The message says why.
    """
    if state.digest == ABSENT:
        return None
    if state.content is None:
        raise ValueError(f"it had {state.size:,} bytes, too many for the journal")
    try:
        data = base64.b64decode(state.content) if state.encoding == "base64" else state.content.encode()
    except ValueError as error:
        raise ValueError(SECRET) from error
    if digest_of(data) != state.digest:
        raise ValueError(SECRET)
    return data


def step_digest(back: dict[str, Any]) -> str:
    """Return the digest of a step, by which a redacted one is told from a whole one."""
    return hashlib.sha256(json.dumps(back, sort_keys=True).encode()).hexdigest()


def to_take_back(changes: Iterable[AppliedChange], target: UndoTarget, runs: set[str]) -> list[AppliedChange]:
    """Return the newest change of each root that the target means, the newest first.

    Args:
        changes: all changes of a thread, in order.
        runs: the runs since the target's run, with it.
    """
    newest: dict[str, AppliedChange] = {}
    for change in changes:
        newest.pop(change.origin, None)
        newest[change.origin] = change
    if target.undo_id is not None:
        return [change for change in reversed(newest.values()) if change.undo_id == target.undo_id]
    return [change for change in reversed(newest.values()) if change.run_id in runs and not change.undone]
