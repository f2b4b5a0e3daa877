"""The calls of the gateway, each written once: its request and the reading of its response.

A builder returns a :class:`Call`. The clients of :mod:`.http` send it, one blocking, one async.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Struct

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.runs import Run, Started, StartRun, Thread

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import ToolSpec

T = TypeVar("T")
Json = dict[str, Any]


class Call(Struct, Generic[T], frozen=True, kw_only=True):
    """A request, and ``read(status, body)`` for its response.

    ``repeatable``: sending it twice does no harm, so it is retried if the response is lost.
    """

    method: str
    path: str
    read: Callable[[int, bytes], T]
    query: Mapping[str, Any] = {}
    body: bytes | None = None
    repeatable: bool = True


def _get(path: str, type_: type[T], **query: Any) -> Call[T]:
    return Call(method="GET", path=path, read=_as(type_), query=_given(query))


def _post(path: str, type_: type[T], body: Any, *, repeatable: bool = True) -> Call[T]:
    return Call(
        method="POST", path=path, read=_as(type_), body=msgspec.json.encode(body), repeatable=repeatable
    )


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


def create_thread(
    *,
    title: str | None = None,
    name: str | None = None,
    notebook_path: str | None = None,
    kernel_id: str | None = None,
    temporary: bool = False,
    reuse: bool = False,
    create: bool = True,
) -> Call[Thread]:
    """A new thread; with ``reuse`` the newest one of this notebook or kernel (and name), if any.

    ``create=False``, with ``reuse``: that one, or ThreadNotFound.
    """
    members = {"title": title, "name": name, "notebookPath": notebook_path, "kernelId": kernel_id}
    body: Json = {k: v for k, v in members.items() if v is not None}
    if temporary:
        body["temporary"] = True
    if reuse:
        body["reuse"] = True
    if not create:
        body["create"] = False
    return _post("threads", Thread, body, repeatable=reuse)


def list_threads(
    *,
    search: str | None = None,
    notebook_path: str | None = None,
    name: str | None = None,
    kernel_id: str | None = None,
    archived: bool | None = None,
    limit: int | None = None,
    before: str | None = None,
) -> Call[list[Thread]]:
    """The caller's threads, newest first. ``before``: a thread's updatedAt, for the next page."""
    query = {"search": search, "notebookPath": notebook_path, "name": name, "kernelId": kernel_id}
    return _listed("threads", Thread, **query, archived=archived, limit=limit, before=before)


def get_thread(thread_id: str) -> Call[Thread]:
    """One thread."""
    return _get(f"threads/{_id(thread_id)}", Thread)


def patch_thread(
    thread_id: str,
    *,
    title: str | None = None,
    archived: bool | None = None,
    kernel_id: str | None = None,
    notebook_path: str | None = None,
) -> Call[Thread]:
    """Change what is given."""
    members = {"title": title, "archived": archived, "kernelId": kernel_id, "notebookPath": notebook_path}
    body = msgspec.json.encode({k: v for k, v in members.items() if v is not None})
    return Call(method="PATCH", path=f"threads/{_id(thread_id)}", read=_as(Thread), body=body)


def delete_thread(thread_id: str) -> Call[None]:
    """Delete a thread; what runs or waits on it is cancelled first."""
    return Call(method="DELETE", path=f"threads/{_id(thread_id)}", read=_nothing)


def restore_thread(thread_id: str) -> Call[Thread]:
    """Take a deletion back, within a minute."""
    return _post(f"threads/{_id(thread_id)}/restore", Thread, {})


def fork(thread_id: str, run_id: str) -> Call[Thread]:
    """A new thread with all that was before this run."""
    return _post(f"threads/{_id(thread_id)}/fork", Thread, {"runId": run_id})


# -- runs ------------------------------------------------------------------------------------------


def start(thread_id: str, run: StartRun) -> Call[Started]:
    """Start a run. Without a client request id it gets one, so that it starts once however often it is sent."""
    wire: Json = msgspec.to_builtins(run)
    body = {k: v for k, v in wire.items() if v not in (None, [])}
    body.setdefault("clientRequestId", new_id("req"))
    return _post(f"threads/{_id(thread_id)}/runs", Started, body)


def rebuild(
    thread_id: str, *, kernel_id: str | None = None, client_request_id: str | None = None
) -> Call[Started]:
    """Run the thread's successful code again, once a person has approved it; for a kernel that was restarted."""
    body = {"kernelId": kernel_id, "clientRequestId": client_request_id or new_id("req")}
    return _post(f"threads/{_id(thread_id)}/rebuild", Started, _given(body))


def cancel(run_id: str) -> Call[Run]:
    """Cancel a queued, running or waiting run; harmless for one that has ended."""
    return _post(f"runs/{_id(run_id)}/cancel", Run, {})


def get_run(run_id: str) -> Call[Run]:
    """One run."""
    return _get(f"runs/{_id(run_id)}", Run)


def list_runs(
    *, thread_id: str | None = None, status: str | None = None, limit: int | None = None
) -> Call[list[Run]]:
    """The caller's runs, newest first."""
    return _listed("runs", Run, threadId=thread_id, status=status, limit=limit)


def snapshot(thread_id: str) -> Call[Json]:
    """The folded state of a thread (:mod:`lobu_jupyter.model.fold`)."""
    return _get(f"threads/{_id(thread_id)}/snapshot", Json)


def interrupts(*, thread_id: str | None = None) -> Call[list[Interrupt]]:
    """List the interrupts that wait on the caller, over all threads or one."""
    return _listed("interrupts", Interrupt, threadId=thread_id)


def resume(thread_id: str, entries: list[Json]) -> Call[tuple[Started, bool]]:
    """Decide all open interrupts of a thread; False: the same decision was made before."""
    return Call(
        method="POST",
        path=f"threads/{_id(thread_id)}/resume",
        read=lambda status, body: (msgspec.json.decode(body, type=Started), status == 202),
        body=msgspec.json.encode({"resume": entries}),
    )


# -- policy, audit, agents and tools ----------------------------------------------------------------


def policy(*, thread_id: str | None = None, notebook_path: str | None = None) -> Call[Json]:
    """Rules and grants that hold for a thread or a notebook."""
    return _get("policy", Json, threadId=thread_id, notebookPath=notebook_path)


def put_policy(*, notebook_path: str, rules: Json) -> Call[Json]:
    """Set the rules of a notebook."""
    body = msgspec.json.encode({"notebookPath": notebook_path, "rules": rules})
    return Call(method="PUT", path="policy", read=_as(Json), body=body)


def revoke_grant(grant_id: str) -> Call[None]:
    """Take a grant back."""
    return Call(method="DELETE", path=f"policy/grants/{_id(grant_id)}", read=_nothing)


def audit(
    *, thread_id: str | None = None, limit: int | None = None, before: str | None = None
) -> Call[list[Json]]:
    """List decisions, grants and changes with their authors, newest first."""
    return _listed("audit", Json, threadId=thread_id, limit=limit, before=before)


def export(thread_id: str, format: str = "notebook") -> Call[Json]:
    """The thread as a notebook (nbformat 4 JSON) or as ``json``."""
    return _post(f"threads/{_id(thread_id)}/export", Json, {"format": format})


def agents() -> Call[list[Json]]:
    """The agents that can be chosen."""
    return _listed("agents", Json)


def tools(kernel_id: str | None = None) -> Call[list[Json]]:
    """The tools that an agent has, those of a kernel among them."""
    return _listed("tools", Json, kernelId=kernel_id)


def kernel_tools(kernel_id: str, tools: list[ToolSpec]) -> Call[None]:
    """Tell which functions of the notebook are tools; replaces what was told before."""
    body = msgspec.json.encode({"tools": tools})
    return Call(method="POST", path=f"kernels/{_id(kernel_id)}/tools", read=_nothing, body=body)


def poll_job(kernel_id: str, seconds: float) -> Call[Json | None]:
    """Code for the cell that waits: ``{jobId, code}``, or None after `seconds`."""
    return Call(
        method="GET",
        path=f"kernels/{_id(kernel_id)}/jobs",
        read=lambda _, body: msgspec.json.decode(body)["job"],
        query={"wait": seconds},
        repeatable=False,  # the worker offers a job again if the response was lost
    )


def end_job(kernel_id: str, job_id: str, done: Json) -> Call[None]:
    """Report a job's end: ``{"state": "done", "ok", "error"?, "value"?}``."""
    path = f"kernels/{_id(kernel_id)}/jobs/{_id(job_id)}"
    return Call(method="POST", path=path, read=_nothing, body=msgspec.json.encode(done))


def register_worker(kind: str, agents: list[Json]) -> Call[Json]:
    """Become a worker that runs `agents`: ``{workerId, incarnation, token}`` (docs/worker-protocol.md)."""
    return _post("workers", Json, {"kind": kind, "agents": agents}, repeatable=False)


def health() -> Call[Json]:
    """Version, store, workers, running runs."""
    return _get("health", Json)


def _listed(member: str, type_: type[T], **query: Any) -> Call[list[T]]:
    """Return a GET of a path whose response is ``{<path>: […]}``."""

    def read(_status: int, body: bytes) -> list[T]:
        return msgspec.convert(msgspec.json.decode(body)[member], list[type_])

    return Call(method="GET", path=member, read=read, query=_given(query))
