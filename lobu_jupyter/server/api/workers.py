"""workers: the worker protocol. Register, read the inbox, append events, show life."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from msgspec import Struct, field
from tornado import web

from ...model.callers import Person, WorkerCaller
from ...model.errors import NotAllowed
from ...model.events import Batch
from ...model.ports import ToolSpec
from ..base import LobuHandler
from ..callers import worker_ticket

MAX_WAIT = 30.0


class NewWorker(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    kind: str
    agents: list[dict[str, Any]] = field(default_factory=list)
    tools: list[ToolSpec] = field(default_factory=list)


class InboxQuery(Struct, kw_only=True):
    after: int = 0
    wait: float = MAX_WAIT


class Workers(LobuHandler):
    takes = (Person, WorkerCaller)
    _track_activity = False

    @web.authenticated
    @authorized
    async def post(self) -> None:
        new = self.body(NewWorker)
        ticket = worker_ticket(self.request)
        if isinstance(self.caller, WorkerCaller) and self.caller.worker_id:
            raise NotAllowed("this worker is registered already")
        child = self.service.pool.redeem(ticket) if ticket is not None else None
        registered = await self.gateway.register_worker(
            new.kind, child=child is not None, agents=new.agents, tools=new.tools
        )
        if child is not None:
            child.registered(registered["workerId"])
        self.reply(registered, 201)


class _OwnWorker(LobuHandler):
    """Routes of one worker: only with its own token."""

    takes = (WorkerCaller,)
    _track_activity = False

    def own(self, worker_id: str) -> WorkerCaller:
        assert isinstance(self.caller, WorkerCaller)
        if self.caller.worker_id != worker_id or not worker_id:
            raise NotAllowed("a worker speaks for itself only")
        return self.caller


class Inbox(_OwnWorker):
    @web.authenticated
    @authorized
    async def get(self, worker_id: str) -> None:
        query = self.query(InboxQuery)
        items = await self.gateway.inbox(self.own(worker_id), query.after, min(query.wait, MAX_WAIT))
        self.reply({"items": items})


class Events(_OwnWorker):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        self.reply(await self.gateway.ingest(self.own(worker_id), self.body(Batch)))


class Heartbeat(_OwnWorker):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        await self.gateway.heartbeat(self.own(worker_id))
        self.reply_nothing()


ROUTES = [
    ("workers", Workers),
    ("workers/{workerId}/inbox", Inbox),
    ("workers/{workerId}/events", Events),
    ("workers/{workerId}/heartbeat", Heartbeat),
]
