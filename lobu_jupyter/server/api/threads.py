"""threads: create, list, read, change, delete, and the folded state."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from msgspec import UNSET, Struct, UnsetType
from tornado import web

from lobu_jupyter.model.bounds import Id, Limit, Name, Search
from lobu_jupyter.server.handler import LobuHandler


class NewThread(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    title: Name = ""
    name: Name | None = None
    notebook_path: Name | None = None
    kernel_id: Name | None = None
    temporary: bool = False
    reuse: bool = False
    create: bool = True


class ThreadsQuery(Struct, kw_only=True, rename="camel"):
    search: Search | None = None
    notebook_path: Name | None = None
    name: Name | None = None
    kernel_id: Name | None = None
    archived: bool = False
    limit: Limit = 50
    before: Name | None = None


class ThreadPatch(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    title: Name | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    kernel_id: Name | UnsetType | None = UNSET
    notebook_path: Name | UnsetType | None = UNSET


class Threads(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        query = self.query(ThreadsQuery)
        threads = await self.gateway.list_threads(
            self.caller,
            search=query.search,
            notebook_path=query.notebook_path,
            name=query.name,
            kernel_id=query.kernel_id,
            archived=query.archived,
            limit=query.limit,
            before=query.before,
        )
        self.reply({"threads": threads})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        new = self.body(NewThread)
        path = new.notebook_path
        if path is None and new.kernel_id is not None:
            path = await self.service.kernels.notebook_path(new.kernel_id)
        thread = await self.gateway.create_thread(
            self.caller,
            title=new.title,
            name=new.name,
            notebook_path=path,
            kernel_id=new.kernel_id,
            temporary=new.temporary,
            reuse=new.reuse,
            create=new.create,
        )
        self.reply(thread, 201)


class OneThread(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        self.reply(await self.gateway.get_thread(self.caller, thread_id))

    @web.authenticated
    @authorized
    async def patch(self, thread_id: str) -> None:
        patch = self.body(ThreadPatch)
        changes = {
            name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET
        }
        self.reply(await self.gateway.patch_thread(self.caller, thread_id, **changes))

    @web.authenticated
    @authorized
    async def delete(self, thread_id: str) -> None:
        await self.gateway.delete_thread(self.caller, thread_id)
        self.reply_nothing()


class Restore(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.restore_thread(self.caller, thread_id))


class ForkAt(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    run_id: Id


class Fork(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, thread_id: str) -> None:
        self.reply(await self.gateway.fork(self.caller, thread_id, self.body(ForkAt).run_id), 201)


class Snapshot(LobuHandler):
    @web.authenticated
    @authorized
    async def get(self, thread_id: str) -> None:
        self.reply(await self.gateway.snapshot(self.caller, thread_id))


ROUTES = [
    ("threads", Threads),
    ("threads/{threadId}", OneThread),
    ("threads/{threadId}/snapshot", Snapshot),
    ("threads/{threadId}/restore", Restore),
    ("threads/{threadId}/fork", Fork),
]
