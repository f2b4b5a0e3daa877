"""Interrupts: durable questions to a person, and the decisions that answer them.

On the wire an interrupt is AG-UI's Interrupt. Our additions (tool name, arguments, offered decisions, diff,
the calls around a sub-agent's) are in ``metadata.lobu``. A decision is AG-UI's ResumeEntry with the payloads
``{"approved": true}``, ``{"approved": true, "editedArgs": {…}}``, ``{"approved": false, "reason": "…"}``
(both with an ``"option"``, see options.py), ``{"response": …}`` or ``{"answers": {…}}``. Status ``cancelled``
is a rejection, or no answer.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field, structs

from .bounds import Id, Name, Text, explain
from .covering import GRANTS, GrantName
from .errors import InvalidField
from .options import Offered, option_of
from .runs import Wire

Kind = Literal["approve", "edit", "reject", "respond", "answer"]

APPROVAL = "tool_call"  # AG-UI Interrupt.reason: may this call run?
QUESTION = "input_required"  # AG-UI Interrupt.reason: the agent asks the person
APPROVAL_DECISIONS: tuple[Kind, ...] = ("approve", "edit", "reject")
QUESTION_DECISIONS: tuple[Kind, ...] = ("answer", "reject")

LARGEST_EXACT = 2**53 - 1  # beyond it a double, which is a browser's only number, skips integers


class InterruptStatus(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"  # a person decided
    CANCELLED = "cancelled"  # its run or thread was cancelled while it was open
    EXPIRED = "expired"


class Interrupt(Wire, frozen=True, kw_only=True):
    """A question of a run. ``decisions``: the kinds it offers. ``args``: the call's arguments.

    ``subagent_run_id``: the sub-agent that asks. ``parent_tool_call_ids``: the calls that wait with it,
    because sub-agents run in them, outermost first.
    """

    id: str
    thread_id: str
    run_id: str
    reason: str
    status: InterruptStatus = InterruptStatus.OPEN
    message: str = ""
    tool_call_id: str | None = None
    tool_name: str | None = None
    subagent_run_id: str | None = None
    parent_tool_call_ids: tuple[str, ...] = ()
    args: dict[str, Any] = field(default_factory=dict)
    args_schema: dict[str, Any] | None = None
    decisions: tuple[Kind, ...] = APPROVAL_DECISIONS
    questions: list[dict[str, Any]] = field(default_factory=list)
    diff: str | None = None
    no_grant: bool = False
    by_agent: bool = False  # agent code registered the tool in the kernel
    options: list[dict[str, Any]] = field(
        default_factory=list
    )  # an outside agent's own answers: model/options.py
    agent_mode: str | None = None  # the mode of its own that an outside agent is in
    binds: dict[str, Any] | None = None  # other things that the approval covers, as the schema of an MCP tool
    in_memory: bool = False  # the agent waits in its process, and the pause ends with the process
    unshown: str | None = None  # why the call cannot be shown whole, and so cannot be approved
    risks: tuple[str, ...] = ()  # hints from the code's syntax: deletes, shell, network, installs, scripts
    kernel_lost: bool = False  # the kernel restarted since: the variables are gone
    created_at: str = ""
    expires_at: str | None = None


def decisions_unshown(interrupt: Interrupt) -> tuple[Kind, ...]:
    """Return the decisions on a call that cannot be shown: none that lets it run."""
    left: tuple[Kind, ...] = tuple(kind for kind in interrupt.decisions if kind not in ("approve", "edit"))
    return left or ("reject",)


def held_calls(interrupt: Interrupt) -> list[str]:
    """Return all calls that wait for this decision: its own, and those around it."""
    own = [] if interrupt.tool_call_id is None else [interrupt.tool_call_id]
    return own + list(reversed(interrupt.parent_tool_call_ids))


class Decision(Wire, frozen=True, kw_only=True):
    """A person's decision about one interrupt. ``grant``: approve also the next such calls."""

    interrupt_id: str
    kind: Kind
    reason: str = ""
    edited_args: dict[str, Any] | None = None
    response: Any = None
    answers: dict[str, Any] | None = None
    grant: GrantName | None = None
    option: str | None = None  # the interrupt's option that the agent gets


class Question(Struct, frozen=True, kw_only=True, rename="camel"):
    """One question of ``ask_user``. Options may be empty (free text)."""

    id: str
    question: str
    options: list[str] = field(default_factory=list)
    multiple: bool = False
    free_text: bool = True


_Calls = Annotated[list[Name], Meta(max_length=100)]


class _Asked(Struct, kw_only=True, rename="camel"):
    """The checked members of an interrupt's ``metadata.lobu``. Other members are kept as they came."""

    decisions: list[Kind] | None = None
    tool_name: Name | None = None
    args: dict[str, Any] | None = None
    args_schema: dict[str, Any] | None = None
    questions: Annotated[list[Question], Meta(max_length=100)] | None = None
    diff: Text | None = None
    options: Annotated[list[Offered], Meta(max_length=100)] | None = None
    agent_mode: Name | None = None
    by_agent: bool | None = None
    binds: dict[str, Any] | None = None
    risks: Annotated[list[Text], Meta(max_length=100)] | None = None
    parent_tool_call_ids: _Calls | None = None


class _AskedMetadata(Struct, kw_only=True):
    lobu: _Asked | None = None


class _AskedInterrupt(Struct, kw_only=True, rename="camel"):
    """The checked members of an interrupt in a RUN_FINISHED outcome."""

    id: Id
    reason: Id
    message: Text | None = None
    tool_call_id: Name | None = None
    subagent_run_id: Name | None = None
    expires_at: Name | None = None
    metadata: _AskedMetadata | None = None


def check_interrupt(wire: Any, where: str) -> None:
    """Refuse an interrupt with a member of a type that nobody could show, decide or store."""

    try:
        msgspec.convert(wire, _AskedInterrupt)
    except msgspec.ValidationError as error:
        text, member = explain(error)
        raise InvalidField(text, field=where + member) from error


def interrupt_from_event(wire: dict[str, Any], where: str, **known: Any) -> Interrupt:
    """Return the interrupt in a RUN_FINISHED outcome. ``known``: threadId, runId, tool name and args.

    Raises:
        InvalidField: it lacks an id or reason, offers an unknown decision, or has a member of another type.
    """
    check_interrupt(wire, where)
    extra: dict[str, Any] = (wire.get("metadata") or {}).get("lobu") or {}
    question = wire["reason"] == QUESTION
    decisions = tuple(extra.get("decisions") or (QUESTION_DECISIONS if question else APPROVAL_DECISIONS))
    fields: dict[str, Any] = {
        "id": wire["id"],
        "reason": wire["reason"],
        "message": wire.get("message") or "",
        "tool_call_id": wire.get("toolCallId"),
        "expires_at": wire.get("expiresAt"),
        "decisions": decisions,
        "args_schema": extra.get("argsSchema"),
        "questions": extra.get("questions") or [],
        "diff": extra.get("diff"),
        "no_grant": bool(extra.get("noGrant")),
        "by_agent": bool(extra.get("byAgent")),
        "options": extra.get("options") or [],
        "agent_mode": extra.get("agentMode"),
        "binds": extra.get("binds"),
        "in_memory": bool(extra.get("inMemory")),
        "unshown": extra.get("unshown"),
        "risks": tuple(str(risk) for risk in extra.get("risks") or ()),
        "subagent_run_id": wire.get("subagentRunId"),
        "parent_tool_call_ids": tuple(extra.get("parentToolCallIds") or ()),
    }
    if extra.get("toolName") is not None:
        fields["tool_name"] = extra["toolName"]
    if extra.get("args") is not None:
        fields["args"] = extra["args"]
    return Interrupt(**{**known, **fields})


def event_of_interrupt(interrupt: Interrupt) -> dict[str, Any]:
    """Return the AG-UI Interrupt for RUN_FINISHED. The inverse of :func:`interrupt_from_event`."""
    lobu: dict[str, Any] = {
        "toolName": interrupt.tool_name,
        "args": interrupt.args,
        "argsText": exact_text(interrupt.args),
        "argsSchema": interrupt.args_schema,
        "decisions": list(interrupt.decisions),
        "questions": interrupt.questions or None,
        "diff": interrupt.diff,
        "noGrant": interrupt.no_grant or None,
        "byAgent": interrupt.by_agent or None,
        "options": interrupt.options or None,
        "agentMode": interrupt.agent_mode,
        "binds": interrupt.binds or None,
        "inMemory": interrupt.in_memory or None,
        "unshown": interrupt.unshown,
        "risks": list(interrupt.risks) or None,
        "parentToolCallIds": list(interrupt.parent_tool_call_ids) or None,
    }
    wire: dict[str, Any] = {
        "id": interrupt.id,
        "reason": interrupt.reason,
        "message": interrupt.message,
        "toolCallId": interrupt.tool_call_id,
        "subagentRunId": interrupt.subagent_run_id,
        "expiresAt": interrupt.expires_at,
        "responseSchema": response_schema(interrupt),
        "metadata": {"lobu": {k: v for k, v in lobu.items() if v is not None}},
    }
    return {k: v for k, v in wire.items() if v is not None}


def exact_text(args: dict[str, Any]) -> str | None:
    """Return arguments as JSON text if they hold an integer that a browser would round, else None."""
    return json.dumps(args, ensure_ascii=False, indent=2) if _rounded(args) else None


def _rounded(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) > LARGEST_EXACT
    if isinstance(value, dict):
        return any(_rounded(member) for member in value.values())  # pyright: ignore[reportUnknownVariableType]
    return isinstance(value, list) and any(_rounded(item) for item in value)  # pyright: ignore[reportUnknownVariableType]


def response_schema(interrupt: Interrupt) -> dict[str, Any]:
    """Return the JSON schema of the payloads that the interrupt accepts."""
    option = {"option": {"enum": [one["id"] for one in interrupt.options]}} if interrupt.options else {}
    forms: dict[Kind, dict[str, Any]] = {
        "approve": _form({"approved": {"const": True}}, option),
        "edit": _form(
            {"approved": {"const": True}, "editedArgs": interrupt.args_schema or {"type": "object"}}
        ),
        "reject": _form({"approved": {"const": False}}, {"reason": {"type": "string"}, **option}),
        "respond": _form({"response": {"type": "string"}}),
        "answer": _form({"answers": {"type": "object"}}),
    }
    return {"anyOf": [forms[kind] for kind in interrupt.decisions]}


def _form(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def decide(entry: dict[str, Any], interrupt: Interrupt, where: str) -> Decision:
    """Return the decision in a ResumeEntry, checked against those that its interrupt offers.

    Raises:
        InvalidField: not one of the interrupt's decisions, or a payload that does not fit.
    """
    decision = _read(entry, interrupt, where)
    if decision.kind not in interrupt.decisions:
        offered = ", ".join(interrupt.decisions)
        raise InvalidField(f"must be one of {offered}, not {decision.kind}", field=f"{where}.payload")
    if decision.kind == "edit":
        _check_args(decision.edited_args or {}, interrupt.args_schema, f"{where}.payload.editedArgs")
    if decision.kind == "answer":
        _check_answers(decision.answers or {}, interrupt.questions, f"{where}.payload.answers")
    return _with_option(decision, entry.get("payload") or {}, interrupt, f"{where}.payload")


def _with_option(decision: Decision, payload: dict[str, Any], interrupt: Interrupt, where: str) -> Decision:
    named = payload.get("option")
    if named is not None and (not isinstance(named, str) or decision.kind not in ("approve", "reject")):
        raise InvalidField("must be the id of an option, and be given with approved", field=f"{where}.option")
    if not interrupt.options and named is None:
        return decision
    yes, grant = decision.kind == "approve", decision.grant is not None
    option = option_of(interrupt.options, yes=yes, named=named, grant=grant, where=where)
    return structs.replace(decision, option=option)


def _read(entry: dict[str, Any], interrupt: Interrupt, where: str) -> Decision:
    status, payload = entry.get("status"), entry.get("payload")
    if status == "cancelled":
        return Decision(interrupt_id=interrupt.id, kind="reject")
    if status != "resolved":
        raise InvalidField("must be resolved or cancelled", field=f"{where}.status")
    if not isinstance(payload, dict):
        raise InvalidField("must be an object if status is resolved", field=f"{where}.payload")
    unknown = payload.keys() - {"approved", "editedArgs", "reason", "response", "answers", "grant", "option"}  # pyright: ignore[reportUnknownVariableType]
    if unknown:
        raise InvalidField("is not a member of a payload", field=f"{where}.payload.{min(unknown)}")
    grant: Any = payload.get("grant")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if grant is not None and (not isinstance(grant, str) or grant not in GRANTS):
        raise InvalidField(f"must be one of {', '.join(GRANTS)}", field=f"{where}.payload.grant")
    if grant is not None and (payload.get("approved") is not True or interrupt.no_grant):  # pyright: ignore[reportUnknownMemberType]
        raise InvalidField("must be left out of this decision", field=f"{where}.payload.grant")
    if "answers" in payload:
        if not isinstance(payload["answers"], dict):
            raise InvalidField("must be an object", field=f"{where}.payload.answers")
        return Decision(interrupt_id=interrupt.id, kind="answer", answers=payload["answers"])  # pyright: ignore[reportUnknownArgumentType]
    if "response" in payload:
        if not isinstance(payload["response"], str) or not payload["response"].strip():
            raise InvalidField("must be a string that is not empty", field=f"{where}.payload.response")
        return Decision(interrupt_id=interrupt.id, kind="respond", response=payload["response"])
    if payload.get("approved") is True:  # pyright: ignore[reportUnknownMemberType]
        if "editedArgs" not in payload:
            return Decision(interrupt_id=interrupt.id, kind="approve", grant=grant)  # pyright: ignore[reportUnknownArgumentType]
        if not isinstance(payload["editedArgs"], dict):
            raise InvalidField("must be an object", field=f"{where}.payload.editedArgs")
        return Decision(
            interrupt_id=interrupt.id, kind="edit", edited_args=payload["editedArgs"], grant=grant
        )  # pyright: ignore[reportUnknownArgumentType]
    if payload.get("approved") is False:  # pyright: ignore[reportUnknownMemberType]
        reason = payload.get("reason", "")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if not isinstance(reason, str):
            raise InvalidField("must be a string", field=f"{where}.payload.reason")
        return Decision(interrupt_id=interrupt.id, kind="reject", reason=reason)
    raise InvalidField("must be true or false", field=f"{where}.payload.approved")


def _check_args(args: dict[str, Any], schema: dict[str, Any] | None, where: str) -> None:
    if not args:
        raise InvalidField("must not be empty", field=where)
    if schema is None:
        return
    from .json_schema import errors_of  # imports jsonschema: not for a kernel that only imports us

    try:
        error = next(errors_of(schema, args), None)
    except Exception as broken:
        why = f"cannot be checked, because the tool's own schema is broken ({broken}); approve or reject"
        raise InvalidField(why[:500], field=where) from broken
    if error is not None:
        path = "".join(f".{part}" for part in error.absolute_path)
        raise InvalidField(error.message, field=where + path)


def _check_answers(answers: dict[str, Any], questions: list[dict[str, Any]], where: str) -> None:
    known = {str(q["id"]): q for q in questions}
    for name in answers.keys() - known.keys():
        raise InvalidField("is not the id of a question here", field=f"{where}.{name}")
    for name, question in known.items():
        answer, at = answers.get(name), f"{where}.{name}"
        if question.get("multiple"):
            chosen: list[Any] = answer if isinstance(answer, list) else []
        else:
            chosen = [answer]
        if not chosen or not all(isinstance(a, str) and a.strip() for a in chosen):
            raise InvalidField("must have an answer", field=at)
        options: list[str] = question.get("options") or []
        if options and not question.get("freeText", True):
            for choice in chosen:
                if choice not in options:
                    raise InvalidField(f"must be one of {', '.join(options)}", field=at)
