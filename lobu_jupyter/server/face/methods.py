"""The gateway's methods as they travel: the types of their arguments and of their results.

``tests/server/face`` checks the names against the gateway's parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from lobu_jupyter.gateway.permissions import Permit
from lobu_jupyter.model.applied import Applied, AppliedChange, FileChange, UndoTarget
from lobu_jupyter.model.bounds import Count, Id, Name, Objects, Seconds, Text, explain
from lobu_jupyter.model.budget import Budgets, Spend, SpendVerdict
from lobu_jupyter.model.callers import WorkerCaller
from lobu_jupyter.model.client_tools import ClientSide
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import Batch
from lobu_jupyter.model.interrupts import Interrupt
from lobu_jupyter.model.notebooks import Request
from lobu_jupyter.model.policy import Policy, Rules
from lobu_jupyter.model.ports import InboxItem, ToolSpec
from lobu_jupyter.model.requests import (
    AuditQuery,
    NewThread,
    Rebuild,
    RunsQuery,
    StartRun,
    ThreadPatch,
    ThreadsQuery,
)
from lobu_jupyter.model.runs import RunInfo, Started, Thread
from lobu_jupyter.model.tracing import RemoteSpan

from .wire import By


class BatchOutcome(Struct, omit_defaults=True):
    """The result or the error of one batch of several."""

    taken: dict[str, int] | None = None
    error: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Method:
    """``once``: it may not be sent again if its answer is lost. ``needs``: what of the arguments must be the person's."""

    args: dict[str, Any] = field(default_factory=dict[str, Any])
    result: Any = Any
    once: bool = False
    needs: tuple[Literal["worker", "run", "kernel", "owner"], ...] = ()

    def __post_init__(self) -> None:
        fields = [(name, type_ | UnsetType, UNSET) for name, type_ in self.args.items()]
        struct = msgspec.defstruct("Arguments", fields, forbid_unknown_fields=True)
        object.__setattr__(self, "_decoder", msgspec.json.Decoder(struct))
        object.__setattr__(self, "_result", msgspec.json.Decoder(self.result))

    def read(self, body: bytes) -> dict[str, Any]:
        """Return the arguments that were given.

        Raises:
            InvalidField: one is not what the method takes.
        """
        try:
            given = self._decoder.decode(body)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        except msgspec.ValidationError as error:
            text, member = explain(error)
            names = member.lstrip(".").split(".")
            raise InvalidField(text, field=".".join(names[1:] or names) or "args") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidField("must be JSON", field="args") from error
        found = {name: getattr(given, name) for name in self.args}  # pyright: ignore[reportUnknownArgumentType]
        return {name: value for name, value in found.items() if value is not UNSET}

    def result_of(self, body: bytes) -> Any:
        """Return the result as the gateway returned it."""
        return self._result.decode(body)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


_What = Literal["deleted", "replaced"]
_Fate = Literal["died", "restarted", "shutdown", "start_failed"]
_Json = dict[str, Any]
_TH = {"by": By, "thread_id": Id}
_WORK = {"worker": By, "run_id": Id}

METHODS: dict[str, Method] = {
    "threads.create": Method(args={"by": By, "new": NewThread}, result=Thread, once=True, needs=("kernel",)),
    "threads.list": Method(args={"by": By, "query": ThreadsQuery}, result=list[Thread]),
    "threads.get": Method(args=_TH, result=Thread),
    "threads.patch": Method(args={**_TH, "patch": ThreadPatch}, result=Thread, needs=("kernel",)),
    "threads.delete": Method(args=_TH),
    "threads.restore": Method(args=_TH, result=Thread),
    "threads.fork": Method(args={**_TH, "run_id": Id, "name": Name | None}, result=Thread, once=True),
    "threads.applied": Method(args={**_TH, "target": UndoTarget}, result=Applied),
    "threads.note_undone": Method(
        args={**_TH, "changes": list[AppliedChange], "told": _Json}, result=int, once=True
    ),
    "threads.notebook_moved": Method(
        args={"old_path": Name, "new_path": Name, "owner": Name | None}, needs=("owner",)
    ),
    "threads.notebook_gone": Method(
        args={"path": Name, "what": _What, "owner": Name | None}, needs=("owner",)
    ),
    "runs.start": Method(
        args={
            **_TH,
            "request": StartRun,
            "answered": dict[str, Text] | None,
            "remote": RemoteSpan | None,
        },
        result=Started,
        needs=("kernel",),
    ),
    "runs.rebuild": Method(args={**_TH, "wanted": Rebuild}, result=Started),
    "runs.cancel": Method(args={"by": By, "run_id": Id}, result=RunInfo),
    "runs.get": Method(args={"by": By, "run_id": Id}, result=RunInfo),
    "runs.list": Method(args={"by": By, "query": RunsQuery}, result=list[RunInfo]),
    "runs.running": Method(result=list[str | None]),
    "runs.snapshot": Method(args=_TH),
    "runs.export": Method(args={**_TH, "format": Literal["notebook", "json", "recording"]}),
    "policy.interrupts": Method(args={"by": By, "thread_id": Id | None}, result=list[Interrupt]),
    "policy.resume": Method(
        args={**_TH, "entries": Objects, "client": ClientSide | None}, result=tuple[Started, bool]
    ),
    "policy.get": Method(
        args={"by": By, "thread_id": Id | None, "notebook_path": Name | None}, result=Policy
    ),
    "policy.put": Method(args={"by": By, "notebook_path": Name, "rules": Rules}, result=Policy),
    "policy.permissions": Method(args={"by": By}),
    "policy.revoke": Method(args={"by": By, "grant_id": Id}),
    "policy.audit": Method(args={"by": By, "query": AuditQuery}),
    "policy.budget": Method(args={"by": By, "thread_id": Id | None}),
    "policy.put_budget": Method(args={"by": By, "own": Budgets}),
    "workers.agents": Method(args={"by": By}),
    "workers.register": Method(
        args={"kind": Name, "owner": Name | None, "agents": Objects, "tools": list[ToolSpec]},
        once=True,
        needs=("owner",),
    ),
    "workers.by_token": Method(args={"token": Name, "remote": Name}, result=WorkerCaller),
    "workers.announce": Method(args={"worker": By, "agents": Objects}),
    "workers.inbox": Method(
        args={"worker": By, "after": Count, "wait": Seconds}, result=list[InboxItem], needs=("worker",)
    ),
    "workers.ingest_each": Method(args={"worker": By, "batches": list[Batch]}, result=list[BatchOutcome]),
    "workers.ingest": Method(args={"worker": By, "batch": Batch}, result=dict[str, int]),
    "workers.heartbeat": Method(args={"worker": By}),
    "workers.spend": Method(args={"worker": By, "told": Spend}, result=SpendVerdict),
    "workers.withdraw": Method(args={**_WORK, "why": Text}),
    "workers.notebook_of": Method(
        args={**_WORK, "action": Literal["read", "write"]}, result=tuple[str, str | None]
    ),
    "workers.permit": Method(
        args={**_WORK, "call_id": Name | None, "request": Request}, result=Permit, needs=("run",)
    ),
    "workers.note_change": Method(
        args={**_WORK, "call_id": Name | None, "request": Request}, once=True, needs=("run",)
    ),
    "workers.record_file": Method(args={**_WORK, "change": FileChange}, once=True),
    "workers.record_cell": Method(
        args={"run_id": Id, "path": Name, "cell": Name, "back": _Json}, once=True, needs=("run",)
    ),
    "workers.works_in": Method(args={"worker": By, "kernel_id": Id}),
    "workers.has_run_in": Method(args={"worker_id": Id, "kernel_id": Id}, result=bool, needs=("worker",)),
    "workers.held_in_memory": Method(result=int),
    "workers.gone": Method(
        args={"worker_id": Id, "why": Text, "exit_code": int | None}, result=list[str], needs=("worker",)
    ),
    "workers.none_starts": Method(args={"message": Text}, result=list[str]),
    "workers.stop": Method(args={"worker_id": Id}, needs=("worker",)),
    "kernels.tools": Method(args={"by": By, "kernel_id": Id | None}, result=list[ToolSpec]),
    "kernels.set_tools": Method(args={"by": By, "kernel_id": Id, "tools": list[ToolSpec]}, needs=("kernel",)),
    "kernels.event": Method(
        args={"kernel_id": Id, "what": _Fate, "detail": Text}, result=list[str], needs=("kernel",)
    ),
    "kernels.still_runs": Method(
        args={"worker": By, "kernel_id": Id, "run_id": Id}, once=True, needs=("run", "kernel")
    ),
    "kernels.of_thread": Method(args=_TH),
    "gateway.note": Method(args={"by": By, "action": Name, "detail": _Json}, once=True),
    "gateway.health": Method(),
    "seat.attend": Method(),
    "seat.leave": Method(),
}

STREAMS: dict[str, Method] = {
    "runs.follow": Method(args={**_TH, "cursor": Count | None, "run_id": Id | None, "follow": bool}),
    "threads.changes": Method(args={"by": By}, result=bool),
}
