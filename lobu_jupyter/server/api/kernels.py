"""kernels/{k}: the tools that a kernel offers, the jobs that its waiting cell executes, and agents' calls in it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import Meta, Struct
from tornado import web

from lobu_jupyter.model.bounds import MAX_LIST, Id, Name, Seconds, Text
from lobu_jupyter.model.callers import KernelCaller, WorkerCaller
from lobu_jupyter.model.errors import NotAllowed
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.server.handler import LobuHandler
from lobu_jupyter.server.kernels.inline_jobs import MAX_WAIT, Job


class KernelTools(Struct, kw_only=True, forbid_unknown_fields=True):
    tools: Annotated[list[ToolSpec], Meta(max_length=MAX_LIST)]


class JobsQuery(Struct, kw_only=True):
    wait: Seconds = 20.0


class JobOffer(Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    job_id: Id
    code: Text
    wait: Seconds = 0.5


class EndQuery(Struct, kw_only=True, rename="camel"):
    stopped: bool = True
    run_id: Id | None = None


class JobEnd(Struct, kw_only=True, forbid_unknown_fields=True):
    state: Literal["done"]
    ok: bool
    error: dict[str, Any] | None = None
    value: Any = None


class KernelToolsHandler(LobuHandler):
    @web.authenticated
    @authorized
    async def post(self, kernel_id: str) -> None:
        _own(self, kernel_id)
        tools = self.body(KernelTools).tools
        await self.gateway.kernels.set_tools(self.caller, kernel_id, tools)
        self.reply({"tools": len(tools)})


class JobsHandler(LobuHandler):
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
        worker, offer = await _working(self, kernel_id), self.body(JobOffer)
        job = Job(job_id=offer.job_id, code=offer.code)
        taken = await self.service.jobs.offer(kernel_id, job, min(offer.wait, MAX_WAIT))
        cells = self.service.kernels.cells_of(kernel_id)
        if taken and cells is not None:  # noted before the next await: no cell has the code yet
            cells.call_begins(job.job_id, worker.worker_id, inside_cell=not _only_looks(job.code))
        self.reply({"taken": taken})


class JobHandler(LobuHandler):
    takes = (KernelCaller,)
    _track_activity = False

    @web.authenticated
    @authorized
    async def post(self, kernel_id: str, job_id: str) -> None:
        _own(self, kernel_id)
        self.body(JobEnd)
        self.service.jobs.done(kernel_id, job_id)
        self.reply_nothing()


class CallHandler(LobuHandler):
    """Agent code in a kernel, by the msg_id of its request. The worker reports it before sending it."""

    takes = (WorkerCaller,)
    _track_activity = False

    @web.authenticated
    @authorized
    async def put(self, kernel_id: str, call_id: str) -> None:
        worker = await _working(self, kernel_id)
        cells = self.service.kernels.cells_of(kernel_id)
        if cells is not None:
            cells.call_begins(call_id, worker.worker_id)
        self.reply_nothing()

    @web.authenticated
    @authorized
    async def delete(self, kernel_id: str, call_id: str) -> None:
        query, worker = self.query(EndQuery), _worker(self)
        cells = self.service.kernels.cells_of(kernel_id)
        runs_on = cells is not None and cells.call_ends(call_id, worker.worker_id, stopped=query.stopped)
        if runs_on and query.run_id is not None:
            await self.gateway.kernels.still_runs(worker, kernel_id, query.run_id)
        self.reply_nothing()


def _own(handler: LobuHandler, kernel_id: str) -> None:
    if isinstance(handler.caller, KernelCaller) and handler.caller.kernel_id != kernel_id:
        raise NotAllowed("a kernel speaks for itself only")
    if isinstance(handler.caller, KernelCaller) and handler.caller.silenced:
        raise NotAllowed("this server takes no writes from kernels (LobuApp.kernel_decisions)")


def _only(handler: LobuHandler, kind: type) -> None:
    if not isinstance(handler.caller, kind):
        raise NotAllowed


def _worker(handler: LobuHandler) -> WorkerCaller:
    if not isinstance(handler.caller, WorkerCaller):
        raise NotAllowed
    return handler.caller


async def _working(handler: LobuHandler, kernel_id: str) -> WorkerCaller:
    """Return the calling worker if a run of it is bound to the kernel. Others get a 404."""
    worker = _worker(handler)
    await handler.gateway.workers.works_in(worker, kernel_id)
    return worker


class _Work(Struct):
    do: Name = ""


def _only_looks(code: str) -> bool:
    """Return whether a job only previews variables (notebook/guest/guest.py) and runs no agent code."""
    try:
        return msgspec.json.decode(code, type=_Work).do == "look"
    except msgspec.MsgspecError:
        return False


ROUTES = [
    ("kernels/{kernelId}/tools", KernelToolsHandler),
    ("kernels/{kernelId}/jobs", JobsHandler),
    ("kernels/{kernelId}/jobs/{jobId}", JobHandler),
    ("kernels/{kernelId}/calls/{callId}", CallHandler),
]
