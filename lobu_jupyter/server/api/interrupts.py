"""interrupts: the questions that wait on a person, over all threads."""

from __future__ import annotations

from typing import Any

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.model.bounds import Id
from lobu_jupyter.model.interrupts import Interrupt, event_of_interrupt
from lobu_jupyter.server.handler import LobuHandler


class InterruptsQuery(Struct, kw_only=True, rename="camel"):
    thread_id: Id | None = None


class InterruptsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(InterruptsQuery)
        interrupts = await self.gateway.policy.interrupts(self.caller, thread_id=query.thread_id)
        self.reply({"interrupts": [wire_of(interrupt) for interrupt in interrupts]})


def wire_of(interrupt: Interrupt) -> dict[str, Any]:
    """Return AG-UI's Interrupt and our own fields beside it. Nulls are omitted."""
    ours: dict[str, Any] = msgspec.to_builtins(interrupt)
    return {**{k: v for k, v in ours.items() if v is not None}, **event_of_interrupt(interrupt)}


ROUTES = [("interrupts", InterruptsHandler)]
