"""A pause as data: the questions to a person, the checkpoint, and the results that the decisions lead to.

The checkpoint is one JSON text, opaque to all other parts::

    {"v": 1, "model": str | None, "instructions": AGENTS.md as it was, "names": {provider id: ours},
     "delegated": number of sub-agents so far, "compacted": of the messages, "plan": the id of its activity, "conversation": pydantic-ai's Conversation}

A call in which a sub-agent waits keeps the sub-agent as data (its own checkpoint and questions) in the metadata of
the deferred call. The run asks the sub-agent's questions as its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_ai.conversation import Conversation, ConversationTypeAdapter
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied
from pydantic_core import PydanticSerializationError

from lobu_jupyter.agents.tools.answers import bounded
from lobu_jupyter.agents.tools.client import result_text
from lobu_jupyter.agents.tools.gate import (
    CallQuestion,
    approval_of,
    client_interrupt,
    questions_to_person,
    rejection,
)
from lobu_jupyter.agents.tools.questions import answer_text
from lobu_jupyter.model.client_tools import CLIENT_TOOL
from lobu_jupyter.model.interrupts import QUESTION, Decision, Interrupt
from lobu_jupyter.model.ports import AgentError, Resumption, Task
from lobu_jupyter.model.text import encodable

from .compaction import Compacted

if TYPE_CHECKING:
    from lobu_jupyter.agents.tools.base import BoundTool

VERSION = 1


@dataclass
class Checkpoint:
    """The state from which a run continues. ``names``: the calls whose AG-UI id is not the provider's."""

    conversation: Conversation
    model: str | None
    instructions: str
    names: dict[str, str]
    delegated: int = 0
    compacted: Compacted = field(default_factory=Compacted)
    plan: str = ""

    def dump(self) -> str:
        try:
            conversation = msgspec.Raw(ConversationTypeAdapter.dump_json(self.conversation))
        except (PydanticSerializationError, UnicodeEncodeError):  # a lone surrogate, which a model may write
            conversation = encodable(ConversationTypeAdapter.dump_python(self.conversation, mode="json"))
        return msgspec.json.encode(
            {
                "v": VERSION,
                "model": self.model,
                "instructions": self.instructions,
                "names": self.names,
                "delegated": self.delegated,
                "compacted": self.compacted,
                "plan": self.plan,
                "conversation": conversation,
            }
        ).decode()


def load(text: str) -> Checkpoint:
    """Decode the checkpoint of an interrupted run.

    Raises:
        AgentError: it was written by another version, or is damaged.
    """
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        if msgspec.json.decode(found["v"]) != VERSION:
            raise ValueError("another version wrote it")
        return Checkpoint(
            conversation=ConversationTypeAdapter.validate_json(bytes(found["conversation"])),
            model=msgspec.json.decode(found["model"]),
            instructions=msgspec.json.decode(found["instructions"]),
            names=msgspec.json.decode(found["names"]),
            delegated=msgspec.json.decode(found["delegated"]) if "delegated" in found else 0,
            compacted=msgspec.json.decode(found.get("compacted", b"{}"), type=Compacted),
            plan=msgspec.json.decode(found.get("plan", b'""'), type=str),
        )
    except (ValueError, KeyError) as error:
        message = "This run cannot go on: what was kept of it cannot be read. Start it again."
        raise AgentError("internal", message) from error


def interrupts_of(
    task: Task, requests: DeferredToolRequests, tools: dict[str, BoundTool], names: dict[str, str]
) -> list[Interrupt]:
    """Return one question per waiting call, in the model's order. A sub-agent's own questions stand for its call."""
    asked: list[Interrupt] = []
    for part in [*requests.approvals, *requests.calls]:
        metadata = requests.metadata.get(part.tool_call_id) or {}
        questions: list[dict[str, Any]] | None = metadata.get("questions")
        ours = names.get(part.tool_call_id, part.tool_call_id)
        if "child" in metadata:
            asked += _of_child(task, metadata["child"], ours)
            continue
        name, args = part.tool_name, part.args_as_dict()
        if metadata.get("client"):
            asked.append(client_interrupt(task, ours, name, args))
        elif questions is not None:
            waits = "pending" in metadata
            asked.append(questions_to_person(task, ours, name, args, questions, in_memory=waits))
        else:
            question = msgspec.convert(metadata, CallQuestion)
            asked.append(approval_of(task, ours, tools[name], args, question))
    return asked


def _of_child(task: Task, child: dict[str, Any], call: str) -> list[Interrupt]:
    """Return a sub-agent's questions as questions of the run."""
    return [
        msgspec.structs.replace(
            interrupt,
            run_id=task.run_id,
            subagent_run_id=interrupt.subagent_run_id or child["runId"],
            parent_tool_call_ids=(call, *interrupt.parent_tool_call_ids),
        )
        for interrupt in msgspec.convert(child["interrupts"], list[Interrupt])
    ]


def results_of(resumption: Resumption, checkpoint: Checkpoint) -> DeferredToolResults:
    """Return the decisions as pydantic-ai's results, by the provider's ids of the calls."""
    theirs = {ours: provider for provider, ours in checkpoint.names.items()}
    requests = checkpoint.conversation.deferred_tool_requests or DeferredToolRequests()
    decided = {decision.interrupt_id: decision for decision in resumption.decisions}
    results = DeferredToolResults()
    children = _decide_children(results, requests, decided)
    for interrupt in resumption.interrupts:
        if interrupt.id in children:
            continue
        ours = interrupt.tool_call_id or ""
        call = theirs.get(ours, ours)
        metadata = dict(requests.metadata.get(call) or {})
        decision = decided[interrupt.id]
        if "pending" in metadata:  # the call waits at its server, and goes on with the answers
            results.approvals[call] = ToolApproved()
            metadata["answers"] = decision.answers if decision.kind == "answer" else None
        else:
            _settle(results, call, interrupt, decision, metadata.get("args"))
        metadata["edited"] = decided[interrupt.id].kind == "edit" or bool(metadata.get("edited"))
        results.metadata[call] = metadata
    return results


def _decide_children(
    results: DeferredToolResults, requests: DeferredToolRequests, decided: dict[str, Decision]
) -> set[str]:
    """Give each call with a suspended sub-agent its decisions. Return the ids of those sub-agents' questions."""
    theirs = set[str]()
    for call, metadata in requests.metadata.items():
        child: dict[str, Any] | None = metadata.get("child")
        if child is None:
            continue
        names = [str(interrupt["id"]) for interrupt in child["interrupts"]]
        decisions = msgspec.to_builtins([decided[name] for name in names])
        results.approvals[call] = ToolApproved()
        results.metadata[call] = {"child": {**child, "decisions": decisions}}
        theirs.update(names)
    return theirs


def _settle(
    results: DeferredToolResults,
    call: str,
    interrupt: Interrupt,
    decision: Decision,
    args: dict[str, Any] | None,
) -> None:
    """Set the result of one decision. ``args``: the arguments that an approval covers, if not the model's own."""
    if interrupt.reason == CLIENT_TOOL:
        results.calls[call] = bounded(result_text(decision))
    elif interrupt.reason == QUESTION:
        results.calls[call] = bounded(answer_text(decision, interrupt.questions))
    elif decision.kind == "respond":
        results.calls[call] = bounded(str(decision.response))
    elif decision.kind == "edit":
        results.approvals[call] = ToolApproved(override_args=decision.edited_args)
    elif decision.kind == "approve":
        results.approvals[call] = ToolApproved(override_args=args)
    else:
        results.approvals[call] = ToolDenied(rejection(decision))
