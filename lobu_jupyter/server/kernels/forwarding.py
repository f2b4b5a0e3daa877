"""Messages between pages and kernels through this server, which are read and passed on unchanged.

:func:`noting` makes a subclass of the connection class that Jupyter is configured with. It reads the channel
of each message and the header of the few on the shell channel. It parses no output and no content but the
``silent`` flag of a cell, and whether a widget's message calls the gateway (notebook/comm.py).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct, field

from .attendance import AGENT, COMM

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_server.auth import User
    from jupyter_server.services.kernels.connection.base import BaseKernelWebsocketConnection

    from .attendance import Cells

V1 = "v1.kernel.websocket.jupyter.org"
REQUEST = "execute_request"
REPLY = "execute_reply"
_KINDS = (REQUEST, COMM)


class ExecuteRequest(NamedTuple):
    """An execute request. ``lane`` is its subshell, "" for the main shell.

    ``click``: it is a call of the gateway over a widget's comm instead.
    """

    msg_id: str
    lane: str
    silent: bool
    click: bool = False


class _Header(Struct):
    msg_id: str = ""
    msg_type: str = ""
    subshell_id: str | None = None


class _Call(Struct):
    type: str = ""
    method: str = ""


class _Data(Struct):
    method: str = ""
    content: _Call = field(default_factory=_Call)


class _Content(Struct):
    silent: bool = False
    data: _Data = field(default_factory=_Data)

    @property
    def calls(self) -> bool:
        call = self.data.content
        return self.data.method == "custom" and call.type == "call" and call.method in ("POST", "DELETE")


class _KernelMessage(Struct):
    channel: str = ""
    header: _Header = field(default_factory=_Header)
    parent_header: _Header = field(default_factory=_Header)
    content: _Content = field(default_factory=_Content)


_header: msgspec.json.Decoder[_Header] = msgspec.json.Decoder(_Header)
_content: msgspec.json.Decoder[_Content] = msgspec.json.Decoder(_Content)
_message: msgspec.json.Decoder[_KernelMessage] = msgspec.json.Decoder(_KernelMessage)
_UNREADABLE = (msgspec.MsgspecError, ValueError, struct.error)


def request_in(message: str | bytes, protocol: str | None) -> ExecuteRequest | None:
    """Return the execute request in a page's message, or None, also if it is unreadable."""
    try:
        return _of_v1(message) if protocol == V1 and isinstance(message, bytes) else _of_legacy(message)
    except _UNREADABLE:
        return None


def channel_of(message: str | bytes) -> str:
    """Return the channel of a message in Jupyter's legacy protocol, "" if it is unreadable."""
    try:
        return _message.decode(message if isinstance(message, str) else _json_of(message)).channel
    except _UNREADABLE:
        return ""


def _of_v1(message: bytes) -> ExecuteRequest | None:
    """Read frames by offset: channel, header, parent header, metadata, content, buffers."""
    count = int.from_bytes(message[:8], "little")
    if count < 6:
        return None
    at = struct.unpack_from("<6Q", message, 8)
    header = message[at[1] : at[2]]
    if message[at[0] : at[1]] != b"shell" or not any(kind.encode() in header for kind in _KINDS):
        return None
    return _request(_header.decode(header), _content.decode(message[at[4] : at[5]]))


def _of_legacy(message: str | bytes) -> ExecuteRequest | None:
    """Read JSON, or binary: the number of parts, their offsets, JSON, buffers."""
    text = message if isinstance(message, str) else _json_of(message)
    if not any((kind if isinstance(text, str) else kind.encode()) in text for kind in _KINDS):  # pyright: ignore[reportOperatorIssue]
        return None
    found = _message.decode(text)
    return _request(found.header, found.content) if found.channel == "shell" else None


def _json_of(message: bytes) -> bytes:
    (count,) = struct.unpack_from("!I", message)
    ends = (
        struct.unpack_from("!2I", message, 4) if count > 1 else (*struct.unpack_from("!I", message, 4), None)
    )
    return message[ends[0] : ends[1]]


def _request(header: _Header, content: _Content) -> ExecuteRequest | None:
    click = header.msg_type == COMM and content.calls
    if not header.msg_id or not (click or header.msg_type == REQUEST):
        return None
    return ExecuteRequest(header.msg_id, header.subshell_id or "", content.silent, click)


def answered_in(connection: Any, stream: Any, frames: Any) -> str | None:
    """Return the msg_id that a kernel's message to a page answers, if it is a reply on the shell channel.

    A connection to a kernel here gets a stream and frames. One to a Jupyter gateway gets the message as JSON.
    """
    try:
        if frames is None:
            if not isinstance(stream, str) or REPLY not in stream:
                return None
            found = _message.decode(stream)
            return found.parent_header.msg_id if found.channel == "shell" else None
        channel = stream if isinstance(stream, str) else getattr(stream, "channel", None)
        if channel != "shell":
            return None
        _, parts = connection.session.feed_identities(frames)
        return _header.decode(parts[2]).msg_id
    except (*_UNREADABLE, IndexError):
        return None


def noting(
    base: type[BaseKernelWebsocketConnection],
    cells_of: Callable[[str], Cells | None],
    person_of: Callable[[User], str],
) -> type[BaseKernelWebsocketConnection]:
    """Return a subclass of `base` that records a page's connections, requests and replies in the cells."""

    class Noting(base):
        _noted: tuple[str, str] | None = None  # person and session of a connected page

        def connect(self) -> Any:
            user, cells = self.websocket_handler.current_user, cells_of(self.kernel_id)
            if user is not None and cells is not None and self._noted is None:
                of_an_agent = (self.session_id or "").startswith(AGENT)  # an executor's, no person's page
                self._noted = ("" if of_an_agent else person_of(user), self.session_id)
                cells.opened(*self._noted)
            return super().connect()

        def disconnect(self) -> Any:
            noted, self._noted = self._noted, None
            cells = cells_of(self.kernel_id)
            if noted is not None and cells is not None:
                cells.closed(*noted)
            return super().disconnect()

        def handle_incoming_message(self, incoming_msg: Any) -> None:
            request = request_in(incoming_msg, _protocol(self)) if self._noted else None
            super().handle_incoming_message(incoming_msg)
            cells = cells_of(self.kernel_id)
            if request is not None and self._noted is not None and cells is not None and _allowed(self):
                person, session = self._noted
                if request.click:
                    cells.clicked(request.msg_id, person, session)
                    return
                cells.forwarded(request.msg_id, "" if request.silent else person, session, request.lane)

        def handle_outgoing_message(self, stream: Any, outgoing_msg: Any = None, *more: Any) -> None:
            msg_id = answered_in(self, stream, outgoing_msg)
            cells = cells_of(self.kernel_id) if msg_id else None
            if cells is not None and msg_id:
                cells.answered(msg_id)
            given = (stream,) if outgoing_msg is None else (stream, outgoing_msg, *more)
            super().handle_outgoing_message(*given)

    Noting.__name__ = Noting.__qualname__ = (
        base.__name__
    )  # it keeps the configuration and log lines of the base
    return Noting


def _protocol(connection: Any) -> str | None:
    return getattr(connection.websocket_handler, "selected_subprotocol", None)


def _allowed(connection: Any) -> bool:
    """Return whether the server lets execute requests through at all."""
    allowed = getattr(connection.multi_kernel_manager, "allowed_message_types", None)
    return not allowed or REQUEST in allowed
