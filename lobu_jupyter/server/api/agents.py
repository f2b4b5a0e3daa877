"""agents, tools: the choices for a run, and the tools that it may call."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id
from lobu_jupyter.server.handler import LobuHandler


class ToolsQuery(Struct, kw_only=True, rename="camel"):
    kernel_id: Id | None = None


class AgentsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.reply({"agents": await self.gateway.workers.agents(self.caller)})


class WarmHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        self.service.pool.warm()
        self.reply({}, 202)


class ToolsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.reply({"tools": await self.gateway.kernels.tools(self.caller, self.query(ToolsQuery).kernel_id)})


ROUTES = [("agents", AgentsHandler), ("agents/warm", WarmHandler), ("tools", ToolsHandler)]
