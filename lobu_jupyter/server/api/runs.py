"""runs: start, list, read, cancel, resume after a decision, and rebuild after a kernel's restart."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Objects
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.client_tools import ClientSide, ClientTools, SharedState
from lobu_jupyter.model.requests import Rebuild, RunsQuery, StartRun
from lobu_jupyter.server.handler import LobuHandler


class Resume(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    resume: Objects
    tools: ClientTools | None = None
    state: SharedState | None = None


class ThreadRunsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        body = self.body(StartRun)
        started = await self.gateway.runs.start(self.caller, thread_id, body, remote=self.remote_span)
        self.reply(started, 202)


class ResumeHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        wish = self.body(Resume)
        client = ClientSide(tools=wish.tools, state=wish.state)
        started, is_new = await self.gateway.policy.resume(self.caller, thread_id, wish.resume, client=client)
        self.reply(started, 202 if is_new else 200)
        if self.service.hub_servers is not None and isinstance(self.caller, Person):
            await self.service.hub_servers.start_for(self.caller.name)


class RebuildHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        started = await self.gateway.runs.rebuild(self.caller, thread_id, self.body(Rebuild))
        self.reply(started, 202)


class RunsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        runs = await self.gateway.runs.list(self.caller, self.query(RunsQuery))
        self.reply({"runs": runs})


class RunHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, run_id: str) -> None:
        self.reply(await self.gateway.runs.get(self.caller, run_id))


class CancelHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, run_id: str) -> None:
        self.reply(await self.gateway.runs.cancel(self.caller, run_id))


ROUTES = [
    ("threads/{threadId}/runs", ThreadRunsHandler),
    ("threads/{threadId}/resume", ResumeHandler),
    ("threads/{threadId}/rebuild", RebuildHandler),
    ("runs", RunsHandler),
    ("runs/{runId}", RunHandler),
    ("runs/{runId}/cancel", CancelHandler),
]
