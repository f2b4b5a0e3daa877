"""``delegate``: a sub-agent with a task of its own, under the same policy and owner, within the caller's run.

The sub-agent is any agent of the worker, run as a task within the call. Its events carry its ``subagentRunId``. The
run asks the sub-agent's questions. After the decision the call continues where the sub-agent stopped. A sub-agent may
fail without failing the run.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import msgspec

from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import Decision, Interrupt, held_calls
from lobu_jupyter.model.policy import Layer, Policy, Rules, Verdict, judge
from lobu_jupyter.model.ports import AgentError, Pause, Resumption, Task
from lobu_jupyter.model.text import one_line

from . import specs
from .base import BoundTool, Call, Result, Suspended, ToolError, Work
from .relay import Relay

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import AgentPort

MAX_DEPTH = 2
MAX_CHILDREN = 8
MAX_DESCRIPTION = 200


async def delegate(work: Work, call: Call) -> Result:
    """Begin a sub-agent, or continue the one that was suspended in this call."""
    child = call.child or _begun(work, call)
    agent = _agent(work, child["agent"])
    resumption = _resumption(child)
    relay = Relay(child["runId"], _owed(resumption), work.emit)
    await relay.start(child["agent"], call.id, one_line(child["prompt"], MAX_DESCRIPTION))
    if resumption is not None and (why := _denied(work)):
        await relay.fail(why)
        raise ToolError(why)
    try:
        await _run(work, agent, _task(work, child, resumption), relay)
    except Pause as pause:
        work.team.usage += pause.usage
        if pause.held is not None:
            work.held.append(pause.held)
        await relay.suspend([i.id for i in pause.interrupts if i.subagent_run_id is None])
        raise Suspended(_suspended(child, pause)) from pause
    except (AgentError, InvalidField) as error:
        work.team.usage += error.usage if isinstance(error, AgentError) else []
        await relay.fail(f"{child['agent']}: {error.message}")
        raise ToolError(f"The sub-agent {child['agent']} failed: {error.message}") from error
    await relay.finish()
    answer = relay.answer or "The sub-agent ended without a word."
    return Result(f"{answer}\n[{relay.cut}]" if relay.cut else answer)


def policy_for(task: Task, agent: str) -> Policy:
    """Return the caller's policy with the rules of the sub-agent's own agent. They only tighten.

    They stand before the layers of notebook and run, so that their mode does not override those.
    """
    rules: Rules | None = task.agent_rules.get(agent)
    if rules is None or agent == task.agent:
        return task.policy
    layers = list(task.policy.layers)
    place = next((n for n, layer in enumerate(layers) if layer.name not in ("server", "agent")), len(layers))
    layers.insert(place, Layer(name="agent", rules=rules))
    return msgspec.structs.replace(task.policy, layers=tuple(layers))


BOUND: tuple[BoundTool, ...] = (BoundTool(specs.DELEGATE, delegate, rest="Ask for a shorter answer."),)


def _begun(work: Work, call: Call) -> dict[str, Any]:
    """Return a new sub-agent, if the limits allow one more."""
    if work.task.depth >= MAX_DEPTH:
        raise ToolError(f"Sub-agents may be nested {MAX_DEPTH} deep. Do this part yourself.")
    if work.team.begun >= MAX_CHILDREN:
        raise ToolError(f"A run may have {MAX_CHILDREN} sub-agents, and has had them. Go on without.")
    agent = str(call.args.get("agent") or work.task.agent)
    _agent(work, agent)
    work.team.begun += 1
    return {"runId": new_id("sub"), "agent": agent, "prompt": call.args["prompt"]}


def _agent(work: Work, name: str) -> AgentPort:
    agent = work.team.find(name)
    if agent is None:
        known = ", ".join(sorted(work.team.names()))
        raise ToolError(f"There is no agent {name!r}; choose from {known}.")
    return agent


def _resumption(child: dict[str, Any]) -> Resumption | None:
    if "decisions" not in child:
        return None
    return Resumption(
        checkpoint=child["checkpoint"],
        interrupts=msgspec.convert(child["interrupts"], tuple[Interrupt, ...]),
        decisions=msgspec.convert(child["decisions"], tuple[Decision, ...]),
    )


def _owed(resumption: Resumption | None) -> list[str]:
    """Return the calls below the sub-agent that its last segment left without a result."""
    found = resumption.interrupts if resumption is not None else ()
    return list(dict.fromkeys(call for interrupt in found for call in held_calls(interrupt)))


def _denied(work: Work) -> str | None:
    """Return why the sub-agent may not continue. A denial that came while it waited stands."""
    policy = msgspec.structs.replace(work.task.policy, answerable=True)
    ruling = judge(policy, specs.DELEGATE.name, needs_approval=False)
    return f"The sub-agent may not go on: {ruling.why}." if ruling.verdict is Verdict.DENY else None


def _task(work: Work, child: dict[str, Any], resumption: Resumption | None) -> Task:
    task, name = work.task, str(child["agent"])
    return msgspec.structs.replace(
        task,
        run_id=child["runId"],
        agent=name,
        model=work.team.model if name == task.agent else None,
        model_settings=task.model_settings if name == task.agent else None,
        messages=({"id": new_id("msg"), "role": "user", "content": child["prompt"]},),
        policy=policy_for(task, name),
        resumption=resumption,
        depth=task.depth + 1,
        client_tools=(),
        state=None,
        work_in="chat",
    )


async def _run(work: Work, agent: AgentPort, task: Task, relay: Relay) -> None:
    async with aclosing(cast("Any", agent.run(task, work.kernel))) as events:
        async for event in events:
            if event["type"] == "lobu.usage":
                work.team.usage += event["usage"]
            else:
                await relay.take(event)


def _suspended(child: dict[str, Any], pause: Pause) -> dict[str, Any]:
    """Return the sub-agent as data, from which it continues."""
    interrupts = msgspec.to_builtins(pause.interrupts)
    kept = {name: child[name] for name in ("runId", "agent", "prompt")}
    return {**kept, "checkpoint": pause.checkpoint, "interrupts": interrupts}
