"""``plan``: the checklist that the person sees tick. Under *Plan first* it is the plan that they approve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.plan import COMPLETED, PLAN, Step, content_of, steps_of

from . import specs
from .base import BoundTool, Call, Preview, Result, ToolError, Work

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event

ASKS = "Approve this plan? Until then the agent only reads."
APPROVED = "The person approved this plan. Work on it now, under the usual approvals, and keep it up to date."


async def plan(work: Work, call: Call) -> Result:
    """Show the steps, as one event."""
    steps = steps_of(call.args)
    if not any(text.strip() for _, text in steps):
        raise ToolError("A plan needs steps.")
    await work.emit(_event(work, steps))
    work.plan.steps = steps
    done = sum(status == COMPLETED for status, _ in steps)
    told = f"The plan is shown. {done} of {len(steps)} steps are completed."
    return Result(f"{APPROVED} {told}" if _was_asked(work, call) else told)


def _event(work: Work, steps: list[Step]) -> Event:
    """Return a snapshot, or a delta if this run has shown the same steps before and only their states differ."""
    known = work.plan.steps
    work.plan.id = work.plan.id or new_id("plan")
    event: Event = {"messageId": work.plan.id, "activityType": PLAN}
    if [text for _, text in known] != [text for _, text in steps]:
        return {"type": "ACTIVITY_SNAPSHOT", **event, "content": content_of(steps)}
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": f"/steps/{n}/status", "value": status}
        for n, ((status, _), (before, _)) in enumerate(zip(steps, known, strict=True))
        if status != before
    ]
    return {"type": "ACTIVITY_DELTA", **event, "patch": patch}


def _was_asked(work: Work, call: Call) -> bool:
    resumption = work.task.resumption
    return resumption is not None and any(i.tool_call_id == call.id for i in resumption.interrupts)


async def preview(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question of *Plan first*."""
    return Preview(ASKS)


BOUND: tuple[BoundTool, ...] = (BoundTool(specs.PLAN, plan, preview),)
