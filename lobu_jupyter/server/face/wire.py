"""The frames between a person's server and the service, on one WebSocket, as msgpack. Arguments and results are JSON.

The server calls methods and opens streams. A stream sends pages as long as the server grants them, so that a slow
reader holds up nobody. The service asks the server about its kernels and notebooks, and wakes its worker pool.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lobu_jupyter.model.bounds import MAX_LIST, Count, Id, Name
from lobu_jupyter.model.callers import Caller, KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.errors import LobuError, from_wire

VERSION = 1
"""The version of the frames and methods. A service takes this one and the one before."""
TAKEN = frozenset({VERSION, VERSION - 1})
VERSION_HEADER = "X-Lobu-Face"
SERVER_HEADER = "X-Lobu-Server"
PATH = "lobu/api/face"

MAX_FRAME = 48 * 1024 * 1024
WINDOW = 8  # pages of a stream that may be under way
PING_SECONDS = 10.0

NOT_YOURS = 4003
"""The close code if the token that opened the socket is good no more."""
LEAVING = 1001

Code = Annotated[int, Meta(ge=400, le=599)]
Table = Annotated[dict[Name, Name], Meta(max_length=MAX_LIST)]


class Frame(Struct, frozen=True, array_like=True, tag=True):
    """Base of the frames."""


class Attach(Frame, frozen=True):
    """The first frame, and again after a change: who the server is, as an :class:`.attachment.Attachment`."""

    id: Count
    told: bytes


class Invoke(Frame, frozen=True):
    """A call of a method. ``args``: an object of its arguments."""

    id: Count
    name: Name
    args: bytes


class Open(Frame, frozen=True):
    """The begin of a stream."""

    id: Count
    name: Name
    args: bytes


class More(Frame, frozen=True):
    """One more page of a stream may come."""

    id: Count


class Shut(Frame, frozen=True):
    """Nobody waits for this stream or call any more."""

    id: Count


class KernelTable(Frame, frozen=True):
    """The kernels that the server can reach, each with its language."""

    table: Table


class Answer(Frame, frozen=True):
    """The result of a call, or of an :class:`Ask`, or its error."""

    id: Count
    value: bytes = b"null"
    error: bytes | None = None


class Page(Frame, frozen=True):
    """A page of a journal: each entry's seq and bytes."""

    id: Count
    entries: list[tuple[int, bytes]]


class Item(Frame, frozen=True):
    """An item of another stream."""

    id: Count
    value: bytes


class End(Frame, frozen=True):
    """The end of a stream."""

    id: Count
    error: bytes | None = None


class Ask(Frame, frozen=True):
    """A question to the server. ``args``: a list."""

    id: Count
    name: Name
    args: bytes


class Wake(Frame, frozen=True):
    """A run waits for a worker of the server."""


Up = Attach | Invoke | Open | More | Shut | KernelTable | Answer
Down = Answer | Page | Item | End | Ask | Wake

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode_up = msgspec.msgpack.Decoder(Up).decode
decode_down = msgspec.msgpack.Decoder(Down).decode


class ByPerson(Struct, frozen=True, tag="person"):
    name: Id
    remote: Name = ""
    via: Name = "rest"


class ByKernel(Struct, frozen=True, tag="kernel"):
    kernel_id: Id
    name: Id
    attended: bool
    decides: bool = False
    notebook_path: Name | None = None
    silenced: bool = False
    visited: bool = False
    remote: Name = ""


class ByWorker(Struct, frozen=True, tag="worker"):
    worker_id: Id
    incarnation: Count
    name: Name = ""
    remote: Name = ""


By = ByPerson | ByKernel | ByWorker


def told_caller(by: Caller) -> By:
    """Return a caller as the server states it."""
    if isinstance(by, Person):
        return ByPerson(by.name, by.remote, by.via)
    if isinstance(by, WorkerCaller):
        return ByWorker(by.worker_id, by.incarnation, by.name, by.remote)
    return ByKernel(
        kernel_id=by.kernel_id,
        name=by.name,
        attended=by.attended,
        decides=by.decides,
        notebook_path=by.notebook_path,
        silenced=by.silenced,
        visited=by.visited,
        remote=by.remote,
    )


def caller_of(by: By, place: str) -> Caller:
    """Return the caller that a server stated. ``place``: the one of that server's files."""
    if isinstance(by, ByPerson):
        return Person(name=by.name, remote=by.remote, via=by.via)
    if isinstance(by, ByWorker):
        return WorkerCaller(
            worker_id=by.worker_id, incarnation=by.incarnation, name=by.name, remote=by.remote
        )
    return KernelCaller(
        kernel_id=by.kernel_id,
        name=by.name,
        attended=by.attended,
        decides=by.decides,
        notebook_path=by.notebook_path,
        place=place,
        silenced=by.silenced,
        visited=by.visited,
        remote=by.remote,
    )


def error_bytes(error: LobuError) -> bytes:
    """Return an error for a frame."""
    return msgspec.json.encode(error.to_wire())


def error_of(body: bytes) -> LobuError:
    """Return the error of a frame: the same exception as in process."""
    return from_wire(msgspec.json.decode(body))
