"""``/mode``: a person chooses another of the agent's modes for the thread, knowing what that gives away.

The message alone decides nothing: it becomes a question, ``agent__mode``, that says what the agent then decides by
itself, and that no rule, grant or mode answers. The asking mode needs no question. The server's ``max_mode``, a
denial of ``agent__mode`` and ``acp_must_ask`` rule it out, and a run that is started in the mode "ask" asks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import APPROVAL, Interrupt
from lobu_jupyter.model.policy import Verdict, judge

from .modes import BY_ITSELF

if TYPE_CHECKING:
    from lobu_jupyter.model.policy import Policy
    from lobu_jupyter.model.ports import Task

    from .events import Call
    from .modes import Mode, Modes

COMMAND = "/mode"


def wish_of(prompt: str) -> str | None:
    """The mode that a message wishes for, "" for a list of them, None if it is about something else."""
    word, _, rest = prompt.strip().partition(" ")
    return rest.strip() if word == COMMAND and "\n" not in rest.strip() else None


def tool_of(agent: str) -> str:
    """The name of the question for the policy."""
    return f"{agent}__mode"


def refusal_of_mode(policy: Policy, agent: str) -> str | None:
    """Why the server lets nobody choose a mode that does not ask, None if it does."""
    if policy.max_mode != "allow":
        return f"the server's max_mode is {policy.max_mode}"
    for layer in policy.layers:
        if layer.name == "run" and layer.rules.mode in ("ask", "deny"):
            return f"this run's mode is {layer.rules.mode}"
    ruling = judge(policy, tool_of(agent), needs_approval=False)
    return ruling.why if ruling.verdict is Verdict.DENY else None


def listed(agent: str, modes: Modes) -> str:
    """The agent's modes in words."""
    if not modes.offered:
        return f"{agent} offers no modes. {modes.told(agent)}"
    lines = [
        f"- {mode.words}{' (asks)' if mode.id == modes.asking else ''}{' ← now' if mode.id == modes.current else ''}"
        for mode in modes.offered.values()
    ]
    return "\n".join([f"Modes of {agent}, chosen for this chat with `{COMMAND} ID`:", "", *lines])


def question_of(task: Task, agent: str, call: Call, mode: Mode) -> Interrupt:
    """The question before an agent gets a mode in which it decides by itself."""
    return Interrupt(
        id=new_id("int"),
        thread_id=task.thread_id,
        run_id=task.run_id,
        reason=APPROVAL,
        message=f"Let {agent} work in its mode {mode.words} in this chat? Then {BY_ITSELF}, also where this "
        f"server's policy says ask or deny. It holds until you choose another one with {COMMAND}.",
        tool_call_id=call.id,
        tool_name=call.name,
        args=call.args(),
        decisions=("approve", "reject"),
        no_grant=True,
    )


def args_of(mode: Mode) -> dict[str, Any]:
    """What the question's card shows."""
    return {"mode": mode.id, "name": mode.name, "description": mode.description, "then": BY_ITSELF}


def checkpoint_of(mode: Mode) -> str:
    return json.dumps({"mode": mode.id})
