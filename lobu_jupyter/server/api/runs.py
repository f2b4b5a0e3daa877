"""runs: start, list, read, cancel, resume after a decision, and rebuild after a kernel's restart."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id, Limit, Objects
from lobu_jupyter.model.client_tools import ClientSide, ClientTools, SharedState
from lobu_jupyter.model.runs import RunStatus, StartRun
from lobu_jupyter.server.handler import LobuHandler


class RunsQuery(Struct, kw_only=True, rename="camel"):
    thread_id: Id | None = None
    status: RunStatus | None = None
    limit: Limit = 50


class Resume(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    resume: Objects
    tools: ClientTools | None = None
    state: SharedState | None = None


class ThreadRuns(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.start(self.caller, thread_id, self.body(StartRun)), 202)


class ThreadResume(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        wish = self.body(Resume)
        client = ClientSide(tools=wish.tools, state=wish.state)
        started, is_new = await self.gateway.resume(self.caller, thread_id, wish.resume, client=client)
        self.reply(started, 202 if is_new else 200)


class Rebuild(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    kernel_id: Id | None = None
    client_request_id: Id | None = None


class ThreadRebuild(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        wanted = self.body(Rebuild)
        started = await self.gateway.rebuild(
            self.caller,
            thread_id,
            kernel_id=wanted.kernel_id,
            client_request_id=wanted.client_request_id,
        )
        self.reply(started, 202)


class Runs(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(RunsQuery)
        runs = await self.gateway.list_runs(
            self.caller, thread_id=query.thread_id, status=query.status, limit=query.limit
        )
        self.reply({"runs": runs})


class OneRun(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        self.reply(await self.gateway.get_run(self.caller, run_id))


class Cancel(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        self.reply(await self.gateway.cancel(self.caller, run_id))


ROUTES = [
    ("threads/{threadId}/runs", ThreadRuns),
    ("threads/{threadId}/resume", ThreadResume),
    ("threads/{threadId}/rebuild", ThreadRebuild),
    ("runs", Runs),
    ("runs/{runId}", OneRun),
    ("runs/{runId}/cancel", Cancel),
]
