"""The conversion of rows to values: the one place that knows the store's format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.clock import iso
from lobu_jupyter.model.interrupts import Decision, Interrupt, InterruptStatus
from lobu_jupyter.model.model_settings import ModelSettings
from lobu_jupyter.model.policy import Grant
from lobu_jupyter.model.runs import RunError, RunInfo, RunStatus, Thread, ThreadStatus

if TYPE_CHECKING:
    from lobu_jupyter.store.tx import Row


PROMPT_CHARS = 2000


def thread_of(row: Row) -> Thread:
    waiting = ThreadStatus.WAITING if row["waiting"] else ThreadStatus.IDLE
    return Thread(
        thread_id=row["thread_id"],
        owner=row["owner"],
        status=ThreadStatus.RUNNING if row["running"] else waiting,
        cursor=row["cursor"],
        title=row["title"],
        name=row["name"],
        notebook_path=row["notebook_path"],
        kernel_id=row["kernel_id"],
        archived=bool(row["archived"]),
        temporary=bool(row["temporary"]),
        created_at=iso(row["created_at"]),
        updated_at=iso(row["updated_at"]),
    )


def run_of(row: Row) -> RunInfo:
    error = RunError(code=row["error_code"], message=row["error_message"]) if row["error_code"] else None
    return RunInfo(
        run_id=row["run_id"],
        thread_id=row["thread_id"],
        status=RunStatus(row["status"]),
        parent_run_id=row["parent_run_id"],
        agent=row["agent"],
        model=row["model"],
        model_settings=model_settings_of(row),
        mode=row["mode"],
        kernel_id=row["kernel_id"],
        cell_id=json.loads(row["request"]).get("cellId"),
        client_request_id=row["client_request_id"],
        answerable=bool(row["answerable"]),
        prompt=prompt_of(row)[:PROMPT_CHARS],
        start_cursor=row["start_cursor"],
        usage=json.loads(row["usage"]),
        error=error,
        created_at=iso(row["created_at"]),
        ended_at=None if row["ended_at"] is None else iso(row["ended_at"]),
    )


def model_settings_of(row: Row) -> ModelSettings | None:
    """Return the settings of the model that a run was started with."""
    found = json.loads(row["request"]).get("modelSettings")
    return None if found is None else msgspec.convert(found, ModelSettings)


def prompt_of(row: Row) -> str:
    """Return the text that a run was started with."""
    content = (json.loads(row["request"]).get("message") or {}).get("content") or ""
    if isinstance(content, list):
        content = " ".join(str(part.get("text") or "") for part in content)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
    return str(content)


def interrupt_of(row: Row) -> Interrupt:
    interrupt = msgspec.json.decode(row["body"], type=Interrupt)
    return msgspec.structs.replace(
        interrupt, status=InterruptStatus(row["status"]), kernel_lost=bool(row["kernel_lost"])
    )


def decision_of(row: Row) -> Decision:
    """Return the decision on a resolved interrupt."""
    return msgspec.json.decode(row["decision"], type=Decision)


def grant_of(row: Row) -> Grant:
    return Grant(
        grant_id=row["grant_id"],
        tool=row["tool"],
        scope=row["scope"],
        covers=row["covers"],
        digest=row["digest"],
        thread_id=row["thread_id"],
        notebook_path=row["notebook_path"],
        by=row["granted_by"],
        created_at=iso(row["created_at"]),
        expires_at=None if row["expires_at"] is None else iso(row["expires_at"]),
    )


def json_of(value: Any) -> str:
    """Return a value as JSON text, as the store keeps it."""
    return msgspec.json.encode(value).decode()


def sparse(value: Any) -> dict[str, Any]:
    """Return a wire value as a JSON object without its null members, as events carry it."""
    built: dict[str, Any] = msgspec.to_builtins(value)
    return {name: member for name, member in built.items() if member is not None}
