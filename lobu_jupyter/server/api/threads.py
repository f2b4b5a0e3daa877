"""threads: create, list, read, change, delete, and the folded state."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import Struct, structs
from tornado import web

from lobu_jupyter.model.applied import UndoTarget
from lobu_jupyter.model.bounds import Id
from lobu_jupyter.model.requests import NewThread, ThreadPatch, ThreadsQuery, UndoRequest
from lobu_jupyter.server.handler import LobuHandler


class ThreadsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        threads = await self.gateway.threads.list(self.caller, self.query(ThreadsQuery))
        self.reply({"threads": threads})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        new = self.body(NewThread)
        if new.notebook_path is None and new.kernel_id is not None:
            path = await self.service.kernels.notebook_path(new.kernel_id)
            new = structs.replace(new, notebook_path=path)
        self.reply(await self.gateway.threads.create(self.caller, new), 201)


class ThreadHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        self.reply(await self.gateway.threads.get(self.caller, thread_id))

    @web.authenticated
    @authorized
    async def patch(self, thread_id: str) -> None:
        self.reply(await self.gateway.threads.patch(self.caller, thread_id, self.body(ThreadPatch)))

    @web.authenticated
    @authorized
    async def delete(self, thread_id: str) -> None:
        await self.gateway.threads.delete(self.caller, thread_id)
        self.reply_nothing()


class RestoreHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.threads.restore(self.caller, thread_id))


class ForkAt(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    run_id: Id


class ForkHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.threads.fork(self.caller, thread_id, self.body(ForkAt).run_id), 201)


class UndoHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        wish = self.body(UndoRequest)
        target = UndoTarget(run_id=wish.run_id, undo_id=wish.undo_id)
        self.reply(await self.service.undo.ask(self.gateway, self.caller, thread_id, target, wish.digest))


class SnapshotHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        self.reply(await self.gateway.runs.snapshot(self.caller, thread_id))


class ThreadKernelHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        self.reply(await self.gateway.kernels.of_thread(self.caller, thread_id))


ROUTES = [
    ("threads", ThreadsHandler),
    ("threads/{threadId}", ThreadHandler),
    ("threads/{threadId}/snapshot", SnapshotHandler),
    ("threads/{threadId}/kernel", ThreadKernelHandler),
    ("threads/{threadId}/restore", RestoreHandler),
    ("threads/{threadId}/fork", ForkHandler),
    ("threads/{threadId}/undo", UndoHandler),
]
