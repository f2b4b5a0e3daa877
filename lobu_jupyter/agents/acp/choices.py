"""``/mode``: the choice of another mode of the agent for a thread, with its consequences shown.

The message alone decides nothing. It becomes a question, ``agent__mode``, that says what the agent then decides by
itself. No rule, grant or mode answers that question. The asking mode needs no question. The server's ``max_mode``, a
denial of ``agent__mode`` and ``acp_must_ask`` rule other modes out, and so does a run in the mode "ask" or "deny".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents.tools.gate import new_interrupt
from lobu_jupyter.model.policy import Verdict, judge

from .modes import BY_ITSELF

if TYPE_CHECKING:
    from lobu_jupyter.model.interrupts import Interrupt
    from lobu_jupyter.model.policy import Policy
    from lobu_jupyter.model.ports import Task

    from .events import AcpCall
    from .modes import Mode, Modes

COMMAND = "/mode"


def wish_of(prompt: str) -> str | None:
    """Return the mode that a message asks for: "" for a list of modes, None if it is no ``/mode`` message."""
    word, _, rest = prompt.strip().partition(" ")
    return rest.strip() if word == COMMAND and "\n" not in rest.strip() else None


def tool_of(agent: str) -> str:
    """Return the question's tool name for the policy."""
    return f"{agent}__mode"


def refusal_of_mode(policy: Policy, agent: str) -> str | None:
    """Return why the server forbids modes that do not ask, None if it allows them."""
    if policy.max_mode != "allow":
        return f"the server's max_mode is {policy.max_mode}"
    for layer in policy.layers:
        if layer.name == "run" and layer.rules.mode in ("ask", "deny"):
            return f"this run's mode is {layer.rules.mode}"
    ruling = judge(policy, tool_of(agent), needs_approval=False)
    return ruling.why if ruling.verdict is Verdict.DENY else None


def listed(agent: str, modes: Modes) -> str:
    """Return the agent's modes as text."""
    if not modes.offered:
        return f"{agent} offers no modes. {modes.told(agent)}"
    lines = [
        f"- {mode.words}{' (asks)' if mode.id == modes.asking else ''}{' ← now' if mode.id == modes.current else ''}"
        for mode in modes.offered.values()
    ]
    return "\n".join([f"Modes of {agent}, chosen for this chat with `{COMMAND} ID`:", "", *lines])


def question_of(task: Task, agent: str, call: AcpCall, mode: Mode) -> Interrupt:
    """Return the question to ask before an agent gets a mode in which it decides by itself."""
    return new_interrupt(
        task,
        call.id,
        call.name,
        call.args(),
        message=f"Let {agent} work in its mode {mode.words} in this chat? Then {BY_ITSELF}, also where this "
        f"server's policy says ask or deny. It holds until you choose another one with {COMMAND}.",
        decisions=("approve", "reject"),
        no_grant=True,
    )


def args_of(mode: Mode) -> dict[str, Any]:
    """Return the arguments that the question's card shows."""
    return {"mode": mode.id, "name": mode.name, "description": mode.description, "then": BY_ITSELF}


def checkpoint_of(mode: Mode) -> str:
    return json.dumps({"mode": mode.id})
