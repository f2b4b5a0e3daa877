"""workers: the worker protocol. Register, read the inbox, append events, send heartbeats, leave."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.websocket import WebSocketMixin
from msgspec import Meta, Raw, Struct, field, structs
from tornado import web
from tornado.websocket import WebSocketHandler

from lobu_jupyter.model.applied import FileChange
from lobu_jupyter.model.bounds import (
    MAX_LIST,
    UNENCODABLE,
    Count,
    Id,
    Name,
    Objects,
    Seconds,
    Text,
    explain,
    unencodable,
)
from lobu_jupyter.model.budget import Spend
from lobu_jupyter.model.callers import Person, WorkerCaller
from lobu_jupyter.model.errors import InvalidField, LobuError, NotAllowed, status_of
from lobu_jupyter.model.events import Batch
from lobu_jupyter.model.inert import inert_outputs
from lobu_jupyter.model.notebooks import Read, Request, SetOutputs
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.server.callers import worker_ticket
from lobu_jupyter.server.handler import LobuHandler

MAX_WAIT = 30.0


class NewWorker(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    kind: Name
    agents: Objects = field(default_factory=list)
    tools: Annotated[list[ToolSpec], Meta(max_length=MAX_LIST)] = field(default_factory=list)


class InboxQuery(Struct, kw_only=True):
    after: Count = 0
    wait: Seconds = MAX_WAIT


class WorkersHandler(LobuHandler):
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
        owner = self.caller.name if child is None else None
        registered = await self.gateway.workers.register(
            new.kind, owner=owner, agents=new.agents, tools=new.tools
        )
        if child is not None:
            child.registered(registered["workerId"])
        self.reply(registered, 201)


class WorkerRoute(LobuHandler):
    """Base of the routes that need the worker's own token."""

    takes = (WorkerCaller,)
    _track_activity = False

    def own(self, worker_id: str) -> WorkerCaller:
        assert isinstance(self.caller, WorkerCaller)
        if self.caller.worker_id != worker_id or not worker_id:
            raise NotAllowed("a worker speaks for itself only")
        return self.caller


class Announcement(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    agents: Objects


class Withdrawal(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    run_id: Id
    message: Text = ""


class WorkerHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def patch(self, worker_id: str) -> None:
        await self.gateway.workers.announce(self.own(worker_id), self.body(Announcement).agents)
        self.reply_nothing()

    @web.authenticated
    @authorized
    async def delete(self, worker_id: str) -> None:
        await self.gateway.workers.gone(self.own(worker_id).worker_id, "it left")
        self.reply_nothing()


class WithdrawnHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        gone = self.body(Withdrawal)
        await self.gateway.workers.withdraw(self.own(worker_id), gone.run_id, gone.message)
        self.reply_nothing()


class AtNotebook(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    run_id: Id
    path: Name
    request: Request
    tool_call_id: Id | None = None


class FileWrite(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    run_id: Id
    change: FileChange


class NotebookHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        asked = self.body(AtNotebook)
        action = "read" if isinstance(asked.request, Read) else "write"
        owner, path = await self.gateway.workers.notebook_of(self.own(worker_id), asked.run_id, action)
        if path is None:
            raise InvalidField("must be a run of a thread with a notebook", field="runId")
        if path != asked.path:  # moved, or bound to another one, since the run began
            self.reply({"refused": f"The thread belongs to {path} now. Nothing was done; ask again."})
            return
        self.reply(await self._act(owner, path, asked))

    async def _act(self, owner: str, path: str, asked: AtNotebook) -> dict[str, Any]:
        assert isinstance(self.caller, WorkerCaller)
        wish = self.caller, asked.run_id, asked.tool_call_id, asked.request
        permit = await self.gateway.workers.permit(*wish)
        if permit.made:
            return {"done": True}
        request = asked.request
        if permit.outside and isinstance(request, SetOutputs):
            request = structs.replace(
                request, outputs=await asyncio.to_thread(inert_outputs, request.outputs)
            )
        answer = await self.service.notebooks.act(owner, path, request)
        if permit.outside and answer.get("done"):
            await self.gateway.workers.note_change(*wish)
        back = answer.pop("back", None)
        if answer.get("done") and isinstance(back, dict) and not isinstance(request, Read):
            await self.gateway.workers.record_cell(asked.run_id, path, request.cell, back)
        return answer


class SpendHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        self.reply(await self.gateway.workers.spend(self.own(worker_id), self.body(Spend)))


class ChangesHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        made = self.body(FileWrite)
        await self.gateway.workers.record_file(self.own(worker_id), made.run_id, made.change)
        self.reply_nothing()


class InboxHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def get(self, worker_id: str) -> None:
        query = self.query(InboxQuery)
        items = await self.gateway.workers.inbox(self.own(worker_id), query.after, min(query.wait, MAX_WAIT))
        self.reply({"items": items})


class WorkerEventsHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        self.reply(await self.gateway.workers.ingest(self.own(worker_id), self.body(Batch)))


class Batches(Struct, forbid_unknown_fields=True):
    """A message of the socket. Each batch is checked on its own."""

    batches: Annotated[list[Raw], Meta(max_length=MAX_LIST)]


_one_batch: msgspec.json.Decoder[Batch] = msgspec.json.Decoder(Batch)


class WorkerSocketHandler(WebSocketMixin, WebSocketHandler, WorkerRoute):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A worker's socket.

    Up: ``{"batches": [Batch, …]}``. Down: ``{"results": [{acked, cursor} or {error, status}, …]}``.
    """

    worker: WorkerCaller

    async def prepare(self, *args: Any, **kwargs: Any) -> None:
        await WorkerRoute.prepare(self)  # not the mixin's, which knows only people

    @web.authenticated
    @authorized
    async def get(self, worker_id: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.worker = self.own(worker_id)
        await super().get(worker_id)

    @property
    def max_message_size(self) -> int:
        return self.service.settings.body_bytes

    def open(self, *args: Any, **kwargs: Any) -> None:
        super().open(*args, **kwargs)
        self.set_nodelay(True)
        self.service.sockets.add(self)

    def on_close(self) -> None:
        super().on_close()
        self.service.sockets.discard(self)

    async def on_message(self, message: str | bytes) -> None:
        """Append a message's batches. The next message is read after this reply."""
        try:
            batches = msgspec.json.decode(message, type=Batches).batches
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.close(1007, str(error)[:100])
            return
        results = [_result(each) for each in await self._ingest([_batch(raw) for raw in batches])]
        await self.write_message(msgspec.json.encode({"results": results}))

    async def _ingest(self, given: list[Batch | LobuError]) -> list[dict[str, int] | LobuError]:
        batches = [batch for batch in given if isinstance(batch, Batch)]
        try:
            taken = iter(await self.gateway.workers.ingest_each(self.worker, batches))
        except LobuError as error:  # there is no store
            return [error] * len(given)
        return [next(taken) if isinstance(batch, Batch) else batch for batch in given]


def _batch(raw: Raw) -> Batch | LobuError:
    """Return the batch, or the error if it is none."""
    try:
        return _one_batch.decode(raw)
    except msgspec.ValidationError as error:
        text, member = explain(error)
        return InvalidField(text, field=member.lstrip(".") or "batches")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if (field := unencodable(bytes(raw))) is not None:
            return InvalidField(UNENCODABLE, field=field)
        return InvalidField(f"must be JSON: {error}", field="batches")


def _result(taken: dict[str, int] | LobuError) -> dict[str, Any]:
    return {"error": taken.to_wire(), "status": status_of(taken)} if isinstance(taken, LobuError) else taken


class HeartbeatHandler(WorkerRoute):
    @web.authenticated
    @authorized
    async def post(self, worker_id: str) -> None:
        await self.gateway.workers.heartbeat(self.own(worker_id))
        self.reply_nothing()


ROUTES = [
    ("workers", WorkersHandler),
    ("workers/{workerId}", WorkerHandler),
    ("workers/{workerId}/withdraw", WithdrawnHandler),
    ("workers/{workerId}/notebook", NotebookHandler),
    ("workers/{workerId}/spend", SpendHandler),
    ("workers/{workerId}/changes", ChangesHandler),
    ("workers/{workerId}/inbox", InboxHandler),
    ("workers/{workerId}/events", WorkerEventsHandler),
    ("workers/{workerId}/heartbeat", HeartbeatHandler),
    ("workers/{workerId}/socket", WorkerSocketHandler),
]
