"""health: the state of the runtime, with the reason if it is unavailable."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from lobu_jupyter.model.callers import KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.errors import LobuError, StoreUnavailable
from lobu_jupyter.server.handler import LobuHandler


class HealthHandler(LobuHandler):
    takes = (Person, KernelCaller, WorkerCaller)
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        if self.service.failure is not None:
            self._unavailable(self.service.failure)
            return
        pages = self.service.pages.count(self.caller.name)
        try:
            facts = await self.gateway.health()
            if isinstance(self.caller, Person) and (webhooks := await self.gateway.webhooks.state()):
                facts["webhooks"] = webhooks
        except StoreUnavailable as error:
            self._unavailable(error)
            return
        self.reply({"status": "ok", **facts, "version": self.service.version, "pages": pages})

    def _unavailable(self, failure: LobuError) -> None:
        facts = {"status": "unavailable", "version": self.service.version, "error": failure.to_wire()}
        self.reply(facts, 503)


ROUTES = [("health", HealthHandler)]
