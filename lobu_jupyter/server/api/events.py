"""threads/{t}/events: the journal after a cursor, as server-sent events."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id, Name
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.server.sse import HEARTBEAT, StreamHandler, frames

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class EventsQuery(Struct, kw_only=True, rename="camel"):
    cursor: Name | None = None
    run_id: Id | None = None
    follow: bool = True


class EventsHandler(StreamHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        query = self.query(EventsQuery)
        asked = query.cursor if query.cursor is not None else self.request.headers.get("Last-Event-ID")
        await self.stream(self._chunks(thread_id, _cursor(asked), query))

    async def _chunks(self, thread_id: str, cursor: int | None, query: EventsQuery) -> AsyncGenerator[bytes]:
        pages = self.gateway.runs.follow(
            self.caller, thread_id, cursor, run_id=query.run_id, follow=query.follow
        )
        async with aclosing(pages):
            async for entries in pages:
                yield entries.encoded(frames) if entries else HEARTBEAT


def _cursor(asked: str | None) -> int | None:
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        raise InvalidField("must be an integer of at least 0", field="cursor")
    return int(asked)


ROUTES = [("threads/{threadId}/events", EventsHandler)]
