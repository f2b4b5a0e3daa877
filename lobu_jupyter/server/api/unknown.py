"""Unknown routes: a 404 that a program can read."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from lobu_jupyter.model.callers import KernelCaller, Person, WorkerCaller
from lobu_jupyter.model.errors import NotFound
from lobu_jupyter.server.handler import LobuHandler


class UnknownHandler(LobuHandler):
    takes = (Person, KernelCaller, WorkerCaller)

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        raise NotFound(f"there is no route {path!r}; openapi.json lists them")

    post = put = patch = delete = get
