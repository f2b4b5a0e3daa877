"""The calls of the gateway, each written once: its request and the reading of its response.

A builder returns a :class:`HttpCall`. The clients of :mod:`.http` send it, one blocking, one async.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.requests import (
    AuditQuery,
    NewThread,
    Rebuild,
    RequestQuery,
    RunsQuery,
    StartRun,
    ThreadPatch,
    ThreadsQuery,
    UndoRequest,
)
from lobu_jupyter.model.runs import RunInfo, Started, Thread

if TYPE_CHECKING:
    from lobu_jupyter.model.budget import Budgets
    from lobu_jupyter.model.ports import ToolSpec

T = TypeVar("T")
Json = dict[str, Any]


class HttpCall(Struct, Generic[T], frozen=True, kw_only=True):
    """A request, and ``read(status, body)`` for its response.

    ``repeatable``: sending it twice does no harm, so it is retried if the response is lost.
    """

    method: str
    path: str
    read: Callable[[int, bytes], T]
    query: Mapping[str, Any] = {}
    body: bytes | None = None
    repeatable: bool = True


def _get(path: str, type_: type[T], **query: Any) -> HttpCall[T]:
    return HttpCall(method="GET", path=path, read=_as(type_), query=_given(query))


def _post(path: str, type_: type[T], body: Any, *, repeatable: bool = True) -> HttpCall[T]:
    return HttpCall(
        method="POST", path=path, read=_as(type_), body=msgspec.json.encode(body), repeatable=repeatable
    )


R = TypeVar("R", StartRun, Rebuild)


def _once(request: R) -> R:
    """Return the request with a client request id, so that it takes effect once, however often it is sent."""
    if request.client_request_id is not None:
        return request
    return msgspec.structs.replace(request, client_request_id=new_id("req"))


def _as(type_: type[T]) -> Callable[[int, bytes], T]:
    return lambda _status, body: msgspec.json.decode(body, type=type_)


def _nothing(_status: int, _body: bytes) -> None:
    return None


def _given(members: Mapping[str, Any]) -> Json:
    """Return `members` without those that are None, with booleans in JSON's spelling."""
    return {k: str(v).lower() if isinstance(v, bool) else v for k, v in members.items() if v is not None}


def _id(name: str) -> str:
    return quote(name, safe="")


# -- threads ---------------------------------------------------------------------------------------


def create_thread(new: NewThread = NewThread()) -> HttpCall[Thread]:
    """Return a new thread, or with ``reuse`` the newest live one of this notebook, kernel or name."""
    return _post("threads", Thread, new, repeatable=new.reuse)


def list_threads(query: ThreadsQuery = ThreadsQuery()) -> HttpCall[list[Thread]]:
    """Return the caller's threads, last touched first."""
    return _listed("threads", Thread, query)


def get_thread(thread_id: str) -> HttpCall[Thread]:
    """One thread."""
    return _get(f"threads/{_id(thread_id)}", Thread)


def patch_thread(thread_id: str, patch: ThreadPatch) -> HttpCall[Thread]:
    """Change the given fields. None removes the kernel or notebook."""
    body = msgspec.json.encode(patch)
    return HttpCall(method="PATCH", path=f"threads/{_id(thread_id)}", read=_as(Thread), body=body)


def delete_thread(thread_id: str) -> HttpCall[None]:
    """Delete a thread; what runs or waits on it is cancelled first."""
    return HttpCall(method="DELETE", path=f"threads/{_id(thread_id)}", read=_nothing)


def restore_thread(thread_id: str) -> HttpCall[Thread]:
    """Take a deletion back, within a minute."""
    return _post(f"threads/{_id(thread_id)}/restore", Thread, {})


def fork(thread_id: str, run_id: str) -> HttpCall[Thread]:
    """A new thread with all that was before this run."""
    return _post(f"threads/{_id(thread_id)}/fork", Thread, {"runId": run_id})


def undo(thread_id: str, wish: UndoRequest) -> HttpCall[Json]:
    """Preview what agents changed in cells and files, or take back just what a preview of this digest showed."""
    return _post(f"threads/{_id(thread_id)}/undo", Json, wish)


# -- runs ------------------------------------------------------------------------------------------


def start(thread_id: str, request: StartRun) -> HttpCall[Started]:
    """Start a run. Without a client request id it gets one, so that repeating the request starts one run."""
    return _post(f"threads/{_id(thread_id)}/runs", Started, _once(request))


def rebuild(thread_id: str, wanted: Rebuild = Rebuild()) -> HttpCall[Started]:
    """Run the thread's successful code again, once a person has approved it; for a kernel that was restarted."""
    return _post(f"threads/{_id(thread_id)}/rebuild", Started, _once(wanted))


def cancel(run_id: str) -> HttpCall[RunInfo]:
    """Cancel a queued, running or waiting run; harmless for one that has ended."""
    return _post(f"runs/{_id(run_id)}/cancel", RunInfo, {})


def get_run(run_id: str) -> HttpCall[RunInfo]:
    """One run."""
    return _get(f"runs/{_id(run_id)}", RunInfo)


def list_runs(query: RunsQuery = RunsQuery()) -> HttpCall[list[RunInfo]]:
    """Return the caller's runs, newest first."""
    return _listed("runs", RunInfo, query)


def snapshot(thread_id: str) -> HttpCall[Json]:
    """The folded state of a thread (:mod:`lobu_jupyter.model.fold`)."""
    return _get(f"threads/{_id(thread_id)}/snapshot", Json)


def interrupts(*, thread_id: str | None = None) -> HttpCall[list[Interrupt]]:
    """List the interrupts that wait on the caller, over all threads or one."""
    return _listed("interrupts", Interrupt, threadId=thread_id)


def resume(thread_id: str, entries: list[Json]) -> HttpCall[tuple[Started, bool]]:
    """Decide all open interrupts of a thread; False: the same decision was made before."""
    return HttpCall(
        method="POST",
        path=f"threads/{_id(thread_id)}/resume",
        read=lambda status, body: (msgspec.json.decode(body, type=Started), status == 202),
        body=msgspec.json.encode({"resume": entries}),
    )


# -- policy, audit, agents and tools ----------------------------------------------------------------


def policy(*, thread_id: str | None = None, notebook_path: str | None = None) -> HttpCall[Json]:
    """Rules and grants that hold for a thread or a notebook."""
    return _get("policy", Json, threadId=thread_id, notebookPath=notebook_path)


def put_policy(*, notebook_path: str, rules: Json) -> HttpCall[Json]:
    """Set the rules of a notebook."""
    body = msgspec.json.encode({"notebookPath": notebook_path, "rules": rules})
    return HttpCall(method="PUT", path="policy", read=_as(Json), body=body)


def revoke_grant(grant_id: str) -> HttpCall[None]:
    """Take a grant back."""
    return HttpCall(method="DELETE", path=f"policy/grants/{_id(grant_id)}", read=_nothing)


def budget(*, thread_id: str | None = None) -> HttpCall[Json]:
    """Limits that hold for the caller, and what was used today, in a thread and in its last run."""
    return _get("budget", Json, threadId=thread_id)


def put_budget(own: Budgets) -> HttpCall[Json]:
    """Set the caller's own limits, below the server's."""
    return HttpCall(method="PUT", path="budget", read=_as(Json), body=msgspec.json.encode(own))


def audit(query: AuditQuery = AuditQuery()) -> HttpCall[list[Json]]:
    """List decisions, grants and changes with their authors, newest first."""
    return _listed("audit", Json, query)


def export(thread_id: str, format: str = "notebook") -> HttpCall[Json]:
    """The thread as a notebook (nbformat 4 JSON) or as ``json``."""
    return _post(f"threads/{_id(thread_id)}/export", Json, {"format": format})


def agents() -> HttpCall[list[Json]]:
    """The agents that can be chosen."""
    return _listed("agents", Json)


def tools(kernel_id: str | None = None) -> HttpCall[list[Json]]:
    """The tools that an agent has, those of a kernel among them."""
    return _listed("tools", Json, kernelId=kernel_id)


def kernel_tools(kernel_id: str, tools: list[ToolSpec]) -> HttpCall[None]:
    """Tell which functions of the notebook are tools; replaces what was told before."""
    body = msgspec.json.encode({"tools": tools})
    return HttpCall(method="POST", path=f"kernels/{_id(kernel_id)}/tools", read=_nothing, body=body)


def poll_job(kernel_id: str, seconds: float) -> HttpCall[Json | None]:
    """Code for the cell that waits: ``{jobId, code}``, or None after `seconds`."""
    return HttpCall(
        method="GET",
        path=f"kernels/{_id(kernel_id)}/jobs",
        read=lambda _, body: msgspec.json.decode(body)["job"],
        query={"wait": seconds},
        repeatable=False,  # the worker offers a job again if the response was lost
    )


def end_job(kernel_id: str, job_id: str, done: Json) -> HttpCall[None]:
    """Report a job's end: ``{"state": "done", "ok", "error"?, "value"?}``."""
    path = f"kernels/{_id(kernel_id)}/jobs/{_id(job_id)}"
    return HttpCall(method="POST", path=path, read=_nothing, body=msgspec.json.encode(done))


def register_worker(kind: str, agents: list[Json]) -> HttpCall[Json]:
    """Become a worker that runs `agents`: ``{workerId, incarnation, token}`` (docs/worker-protocol.md)."""
    return _post("workers", Json, {"kind": kind, "agents": agents}, repeatable=False)


def health() -> HttpCall[Json]:
    """Version, store, workers, running runs."""
    return _get("health", Json)


def _listed(member: str, type_: type[T], query: RequestQuery | None = None, **more: Any) -> HttpCall[list[T]]:
    """Return a GET of a path whose response is ``{<path>: […]}``."""

    def read(_status: int, body: bytes) -> list[T]:
        return msgspec.convert(msgspec.json.decode(body)[member], list[type_])

    members: Json = {} if query is None else msgspec.to_builtins(query)
    return HttpCall(method="GET", path=member, read=read, query=_given({**members, **more}))
