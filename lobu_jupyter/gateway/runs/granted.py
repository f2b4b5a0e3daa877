"""The use of a grant, as a worker tells of it: one row of the audit for each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.gateway.access import record
from lobu_jupyter.model.errors import InvalidField

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.model.callers import WorkerCaller
    from lobu_jupyter.store.tx import Row, Tx

GRANTED = "lobu.granted"

Used = dict[str, dict[str, Any]]
"""The uses of grants that a batch tells of, by their place in it."""


async def record_uses(ctx: Context, tx: Tx, worker: WorkerCaller, lease: Row, used: Used) -> None:
    """Write down which calls of a run went without a question, and by which grants.

    Raises:
        InvalidField: an outside worker says so, which is given no grants.
    """
    known = await tx.one("live_worker", worker_id=worker.worker_id)
    if known is None or not known["child"]:
        raise InvalidField(
            "must not be sent by an outside worker, which has no grants", field=f"{next(iter(used))}.name"
        )
    thread = await tx.one("thread", thread_id=lease["thread_id"])
    assert thread is not None, "a lease has its thread"
    for value in {value["toolCallId"]: value for value in used.values()}.values():
        detail = {name: value[name] for name in ("grantId", "tool", "toolCallId") if value.get(name)}
        place = (thread["owner"], lease["thread_id"], lease["run_id"])
        await record(ctx, tx, worker, "grant used", *place, detail=detail)
