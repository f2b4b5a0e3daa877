"""kernels/{k}: the tools that a kernel offers, and the jobs that its waiting cell executes."""

from __future__ import annotations

from typing import Any, Literal

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web

from ...model.callers import KernelCaller, WorkerCaller
from ...model.errors import NotAllowed
from ...model.ports import ToolSpec
from ..base import LobuHandler
from ..jobs import MAX_WAIT, Job


class KernelTools(Struct, kw_only=True, forbid_unknown_fields=True):
    tools: list[ToolSpec]


class JobsQuery(Struct, kw_only=True):
    wait: float = 20.0


class Offer(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    job_id: str
    code: str
    wait: float = 0.5


class JobEnd(Struct, kw_only=True, forbid_unknown_fields=True):
    state: Literal["done"]
    ok: bool
    error: dict[str, Any] | None = None
    value: Any = None


class Tools(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        _own(self, kernel_id)
        tools = self.body(KernelTools).tools
        await self.gateway.kernel_tools(self.caller, kernel_id, tools)
        self.reply({"tools": len(tools)})


class Jobs(LobuHandler):
    takes = (KernelCaller, WorkerCaller)
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self, kernel_id: str) -> None:
        _only(self, KernelCaller)
        _own(self, kernel_id)
        wait = min(self.query(JobsQuery).wait, MAX_WAIT)
        job = await self.service.jobs.poll(kernel_id, wait, gone=self.client_gone())
        self.reply({"job": job and {"jobId": job.job_id, "code": job.code}})

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        _only(self, WorkerCaller)
        assert isinstance(self.caller, WorkerCaller)
        offer = self.body(Offer)
        await self.gateway.works_in(self.caller, kernel_id)
        job = Job(job_id=offer.job_id, code=offer.code)
        self.reply({"taken": await self.service.jobs.offer(kernel_id, job, min(offer.wait, MAX_WAIT))})


class OneJob(LobuHandler):
    takes = (KernelCaller,)
    _track_activity = False

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str, job_id: str) -> None:
        _own(self, kernel_id)
        self.body(JobEnd)
        self.service.jobs.done(kernel_id, job_id)
        self.reply_nothing()


def _own(handler: LobuHandler, kernel_id: str) -> None:
    if isinstance(handler.caller, KernelCaller) and handler.caller.kernel_id != kernel_id:
        raise NotAllowed("a kernel speaks for itself only")


def _only(handler: LobuHandler, kind: type) -> None:
    if not isinstance(handler.caller, kind):
        raise NotAllowed


ROUTES = [
    ("kernels/{kernelId}/tools", Tools),
    ("kernels/{kernelId}/jobs", Jobs),
    ("kernels/{kernelId}/jobs/{jobId}", OneJob),
]
