"""health: the state of the runtime, with the reason if it is unavailable."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from lobu_jupyter.model.callers import KernelCaller, Person, WorkerCaller
from lobu_jupyter.server.handler import LobuHandler


class HealthHandler(LobuHandler):
    takes = (Person, KernelCaller, WorkerCaller)
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        failure = self.service.failure
        if failure is not None:
            facts = {"status": "unavailable", "version": self.service.version, "error": failure.to_wire()}
            self.reply(facts, 503)
            return
        pages = self.service.pages.count(self.caller.name)
        self.reply(
            {"status": "ok", **await self.gateway.health(), "version": self.service.version, "pages": pages}
        )


ROUTES = [("health", HealthHandler)]
