"""budget: the limits that hold for a person, and what they have used."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id
from lobu_jupyter.model.budget import Budgets
from lobu_jupyter.server.handler import LobuHandler


class BudgetQuery(Struct, kw_only=True, rename="camel"):
    thread_id: Id | None = None


class BudgetHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(BudgetQuery)
        self.reply(await self.gateway.policy.budget(self.caller, thread_id=query.thread_id))

    @web.authenticated
    @authorized
    async def put(self) -> None:
        self.reply(await self.gateway.policy.put_budget(self.caller, self.body(Budgets)))


ROUTES = [("budget", BudgetHandler)]
