"""audit: the record of decisions, grants and changes, with person, time and origin."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Count, Id, Limit
from lobu_jupyter.server.handler import LobuHandler


class AuditQuery(Struct, kw_only=True, rename="camel"):
    thread_id: Id | None = None
    limit: Limit = 100
    before: Count | None = None


class Audit(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(AuditQuery)
        rows = await self.gateway.audit(
            self.caller, thread_id=query.thread_id, limit=query.limit, before=query.before
        )
        self.reply({"audit": rows})


ROUTES = [("audit", Audit)]
