"""socket: one WebSocket for all threads of a page.

Up:
``{"type": "follow", "threadId", "cursor"}`` and ``{"type": "unfollow", "threadId"}``.
``{"type": "watch"}``: send ``changed`` when the list of threads or of waiting questions has changed.
``{"type": "offer", "paths", "front"}``: the page's open notebooks, and if the person looks at the page.
``{"type": "answer", "id", "answer"}``: the answer to ``notebook`` (model/notebooks.py).

Down:
``{"type": "events", "threadId", "events": [{"seq", "event"}, …]}``,
``{"type": "state", "threadId", "status", "cursor"}``, ``{"type": "error", "threadId", "error"}``,
``{"type": "notebook", "id", "path", "request"}``, ``{"type": "changed"}`` and ``{"type": "heartbeat"}``.

Each follower reads its next batch of events only after the last one was sent, so a slow page costs one
batch per thread.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from msgspec import Meta, Struct
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from lobu_jupyter.model.bounds import MAX_LIST, UNENCODABLE, Count, Id, Name, explain, unencodable
from lobu_jupyter.model.depth import MAX_DEPTH, too_deep
from lobu_jupyter.model.errors import InvalidField, LobuError, TooManyRuns
from lobu_jupyter.server.handler import CallerMixin

if TYPE_CHECKING:
    from jupyter_server.auth import User

    from lobu_jupyter.model.notebook_steps import Several
    from lobu_jupyter.model.notebooks import Ping, Request
    from lobu_jupyter.model.runs import Entry

MAX_FOLLOWS = 256
CHANGED_SECONDS = 0.25  # the shortest time between two "changed"
MAX_MESSAGE = 4 * 1024 * 1024  # a notebook's cells
_SAID_GOODBYE = (1000, 1001)  # WebSocket's codes: the socket was closed, or its page was
_EVENTS = b'{"type":"events","threadId":%b,"events":[%b]}'
_STATUS_MARKS = (b'"RUN_STARTED"', b'"RUN_FINISHED"', b'"RUN_ERROR"', b'"lobu.closed"')


class Follow(Struct, kw_only=True, rename="camel", tag_field="type", tag="follow"):
    thread_id: Id
    cursor: Count | None = None


class Unfollow(Struct, kw_only=True, rename="camel", tag_field="type", tag="unfollow"):
    thread_id: Id


class WatchThreads(Struct, kw_only=True, tag_field="type", tag="watch"):
    pass


class OfferNotebooks(Struct, kw_only=True, tag_field="type", tag="offer"):
    paths: Annotated[list[Name], Meta(max_length=MAX_LIST)]
    front: bool = True


class Answered(Struct, kw_only=True, tag_field="type", tag="answer"):
    id: Count
    answer: dict[str, Any]


Up = Follow | Unfollow | WatchThreads | OfferNotebooks | Answered
_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)


class SocketHandler(CallerMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A page's connection."""

    def initialize(self) -> None:
        self._follows: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        await self.service.wait_ready()
        await super().prepare(*args, **kwargs)

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        user = cast("User", self.current_user)  # ws_authenticated guarantees it
        allowed = self.authorizer.is_authorized(self, user, "execute", self.auth_resource)
        if not await ensure_async(allowed):
            raise web.HTTPError(403)
        if self.service.failure is not None:
            raise web.HTTPError(503, self.service.failure.message)
        self.caller = self.person("page")
        await super().get(*args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        super().open(*args, **kwargs)
        self.set_nodelay(True)
        self.service.pages.opened(self.caller.name)
        self.service.sockets.add(self)

    def on_close(self) -> None:
        super().on_close()
        if self in self.service.sockets:
            self.service.sockets.discard(self)
            self.service.pages.closed(self.caller.name)
            self.service.notebooks.leave(self, lost=self.close_code not in _SAID_GOODBYE)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(ConnectionError("the page went away"))
        self._asked.clear()
        for task in [*self._follows.values(), *([self._watch] if self._watch else [])]:
            task.cancel()

    async def on_message(self, message: str | bytes) -> None:
        try:
            self._take(message)
        except InvalidField as error:
            await self._send({"type": "error", "error": error.to_wire()})

    def _take(self, message: str | bytes) -> None:
        if len(message) > MAX_MESSAGE:
            raise InvalidField(f"must have at most {MAX_MESSAGE} bytes", field="message")
        data = message.encode() if isinstance(message, str) else message
        if too_deep(data):
            raise InvalidField(f"must nest at most {MAX_DEPTH} deep", field="message")
        try:
            wish = _up.decode(data)
        except msgspec.ValidationError as error:
            text, member = explain(error)
            raise InvalidField(text, field=member.lstrip(".") or "message") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if (field := unencodable(data)) is not None:
                raise InvalidField(UNENCODABLE, field=field) from error
            raise InvalidField(f"must be JSON: {error}", field="message") from error
        if isinstance(wish, WatchThreads):
            self._watch = self._watch or asyncio.create_task(self._tell_changes(), name="watch threads")
            return
        if isinstance(wish, OfferNotebooks):
            self.service.notebooks.offer(self, self.caller.name, wish.paths, front=wish.front)
            return
        if isinstance(wish, Answered):
            asked = self._asked.pop(wish.id, None)
            if asked is not None and not asked.done():
                asked.set_result(wish.answer)
            return
        self._drop(wish.thread_id)
        if isinstance(wish, Follow):
            work = self._follow(wish.thread_id, wish.cursor)
            self._follows[wish.thread_id] = asyncio.create_task(work, name=f"follow {wish.thread_id}")

    def _drop(self, thread_id: str) -> None:
        task = self._follows.pop(thread_id, None)
        if task is not None:
            task.cancel()

    async def at_notebook(self, path: str, request: Request | Several | Ping) -> dict[str, Any]:
        """Implement :class:`~lobu_jupyter.server.notebooks.Page`."""
        self._count += 1
        number, asked = self._count, asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        try:
            await self._send({"type": "notebook", "id": number, "path": path, "request": request})
            return await asked
        except WebSocketClosedError as error:
            raise ConnectionError("the page went away") from error
        finally:
            self._asked.pop(number, None)

    async def _follow(self, thread_id: str, cursor: int | None) -> None:
        with suppress(WebSocketClosedError):
            try:
                if len(self._follows) > MAX_FOLLOWS:
                    raise TooManyRuns(f"a page may follow {MAX_FOLLOWS} threads")
                await self._pump(thread_id, cursor)
            except LobuError as error:
                await self._send({"type": "error", "threadId": thread_id, "error": error.to_wire()})
        if self._follows.get(thread_id) is asyncio.current_task():
            del self._follows[thread_id]

    async def _pump(self, thread_id: str, cursor: int | None) -> None:
        await self._send_state(thread_id)
        pages = self.gateway.runs.follow(self.caller, thread_id, cursor)
        async with aclosing(pages):
            async for entries in pages:
                if not entries:
                    await self._send({"type": "heartbeat"})
                    continue
                events = entries.encoded(_list)
                await self._send(_EVENTS % (msgspec.json.encode(thread_id), events))
                if any(mark in events for mark in _STATUS_MARKS):
                    await self._send_state(thread_id)

    async def _tell_changes(self) -> None:
        with suppress(WebSocketClosedError):
            async with aclosing(self.gateway.threads.changes(self.caller)) as changes:
                async for changed in changes:
                    await self._send({"type": "changed" if changed else "heartbeat"})
                    await asyncio.sleep(CHANGED_SECONDS if changed else 0)

    async def _send_state(self, thread_id: str) -> None:
        thread = await self.gateway.threads.get(self.caller, thread_id)
        state: dict[str, Any] = {"type": "state", "threadId": thread_id}
        await self._send({**state, "status": thread.status, "cursor": thread.cursor})

    async def _send(self, message: dict[str, Any] | bytes) -> None:
        data = message if isinstance(message, bytes) else msgspec.json.encode(message)
        await self.write_message(data)  # bytes of a text message


def _list(entries: list[Entry]) -> bytes:
    """Return the members of a message's ``events``, spliced from the stored bytes."""
    return b",".join([b'{"seq":%d,"event":%b}' % (entry.seq, entry.body) for entry in entries])


ROUTES = [("socket", SocketHandler)]
