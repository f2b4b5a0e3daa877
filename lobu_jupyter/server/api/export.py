"""threads/{t}/export: the thread as a notebook, as JSON or as a recording."""

from __future__ import annotations

from typing import Literal

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from lobu_jupyter.server.handler import LobuHandler


class Form(Struct, kw_only=True, forbid_unknown_fields=True):
    format: Literal["notebook", "json", "recording"] = "notebook"


class ExportHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.runs.export(self.caller, thread_id, self.body(Form).format))


ROUTES = [("threads/{threadId}/export", ExportHandler)]
