"""The client's side of a run: tools that its front end answers, and the state that it shares.

A call of such a tool runs nothing here. It ends the run, and the client gives the result with its next request
(:mod:`lobu_jupyter.model.client_tools`). None of them takes the name of another tool of the run. The results are text
from outside, like those of any tool.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.model.client_tools import MAX_RESULT, MAX_STATE_BYTES
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.text import encodable, shorten

from .base import BoundTool, Call, Result, ToolError, Work
from .outputs import size_of

if TYPE_CHECKING:
    from lobu_jupyter.model.interrupts import Decision
    from lobu_jupyter.model.ports import Task

NOT_RUN = "The client did not run this call."

UPDATE_STATE = ToolSpec(
    name="update_state",
    description=(
        "Change the state that you share with the application: set top-level members, or remove them. "
        "The application shows the new state at once."
    ),
    parameters={
        "type": "object",
        "properties": {
            "set": {"type": "object", "description": "Members with their new values, each whole."},
            "remove": {"type": "array", "items": {"type": "string"}},
        },
        "additionalProperties": False,
    },
    approval=False,
)


def add_client_tools(tools: dict[str, BoundTool], task: Task) -> list[str]:
    """Add the client's tools to `tools`, and return the names that are taken already."""
    if task.state is not None:
        tools.setdefault(UPDATE_STATE.name, _state_tool(task.state))
    taken = [spec.name for spec in task.client_tools if spec.name in tools]
    for spec in task.client_tools:
        if spec.name not in tools:
            tools[spec.name] = BoundTool(spec, _unreachable, client=True)
    return taken


def left_out(names: list[str]) -> str:
    """Return the sentence for the person about tools whose names are taken."""
    many = "tools" if len(names) > 1 else "tool"
    return f"The client's {many} {', '.join(names)} cannot be used: there is another tool of that name here."


def result_text(decision: Decision) -> str:
    """Return the result of a client's call, as its decision has it."""
    if decision.kind == "respond":
        return shorten(encodable(str(decision.response)), MAX_RESULT)
    return f"{NOT_RUN} {decision.reason}".strip()


def state_text(state: dict[str, Any]) -> str:
    """Return the shared state as a part of the instructions."""
    text = msgspec.json.encode(state).decode()
    return f"State of the application, shared with you as data (change it with {UPDATE_STATE.name}):\n{text}"


def _state_tool(state: dict[str, Any]) -> BoundTool:
    current = deepcopy(state)

    async def run(work: Work, call: Call) -> Result:
        new = {k: v for k, v in current.items() if k not in call.args.get("remove", [])}
        new |= call.args.get("set", {})
        size = len(msgspec.json.encode(new))
        if size > MAX_STATE_BYTES:
            raise ToolError(f"The state would have {size_of(size)}; {size_of(MAX_STATE_BYTES)} are the most.")
        current.clear()
        current.update(new)
        await work.emit({"type": "STATE_SNAPSHOT", "snapshot": new})
        return Result("The state is changed.")

    return BoundTool(UPDATE_STATE, run)


async def _unreachable(work: Work, call: Call) -> Result:
    raise ToolError(NOT_RUN)
