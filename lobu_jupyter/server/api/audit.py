"""audit: the record of decisions, grants and changes, with person, time and origin."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from lobu_jupyter.model.requests import AuditQuery
from lobu_jupyter.server.handler import LobuHandler


class AuditHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        rows = await self.gateway.policy.audit(self.caller, self.query(AuditQuery))
        self.reply({"audit": rows})


ROUTES = [("audit", AuditHandler)]
