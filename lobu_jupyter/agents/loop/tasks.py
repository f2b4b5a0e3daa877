"""The loop's reading of a task: the settings of its model, the calls that it owes a result or knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lobu_jupyter.agents.tools import client
from lobu_jupyter.agents.tools.kernel import about_kernel
from lobu_jupyter.model.budget import BUDGET

if TYPE_CHECKING:
    from pydantic_ai.settings import ModelSettings

    from lobu_jupyter.agents.tools.base import Work
    from lobu_jupyter.model.ports import Resumption, Task

PLAN_FIRST = (
    "Plan first is on: only reads run until the person has approved a plan. Look at what you need, then propose the "
    "whole plan with the tool plan, and wait. Do not try other tools before."
)


def settings_of(task: Task) -> ModelSettings | None:
    """Return the settings that a person chose for this run, as pydantic-ai names them."""
    chosen = task.model_settings
    if chosen is None:
        return None
    found = {"thinking": chosen.effort, "temperature": chosen.temperature, "max_tokens": chosen.max_tokens}
    return cast("ModelSettings", {name: value for name, value in found.items() if value is not None})


def owed(resumption: Resumption) -> list[str]:
    """Return the run's own calls without a result. For a sub-agent's question that is the call it runs in."""
    interrupts = [i for i in resumption.interrupts if i.reason != BUDGET]
    calls = [(*i.parent_tool_call_ids, i.tool_call_id)[0] for i in interrupts]
    return list(dict.fromkeys(call for call in calls if call))


def calls_of(task: Task) -> list[str]:
    """Return the ids of the thread's earlier calls, because a provider may count its own from 0 again."""
    return [call["id"] for message in task.messages for call in message.get("toolCalls") or []]


def instructions_of(base: str, work: Work, standing: str) -> str:
    """Return the instructions of a run: the agent's own, then the notebook, the kernel, the project and the context."""
    task = work.task
    parts = [base]
    if task.notebook_path:
        parts.append(f"The notebook is {task.notebook_path}.")
    parts.append(about_kernel(work))
    if work.task.policy.plan_first:
        parts.append(PLAN_FIRST)
    if standing:
        parts.append(standing)
    if task.state is not None:
        parts.append(client.state_text(task.state))
    parts += [f"{c.get('description', 'Context')}:\n{c.get('value', '')}" for c in task.context]
    return "\n\n".join(part for part in parts if part)
