"""The start of a run: checked, accepted once per client request, and begun or queued, in one transaction."""

from __future__ import annotations

import json
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.access import allow_change, guard, own_thread, record
from lobu_jupyter.gateway.fencing import check_place, record_move
from lobu_jupyter.gateway.journal.hub import owner_topic
from lobu_jupyter.gateway.ownership import check_kernel, own_kernel
from lobu_jupyter.gateway.rows import interrupt_of, json_of
from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.client_tools import CLIENT_TOOL, ClientSide, check_client
from lobu_jupyter.model.errors import InvalidField, ThreadBusy, ThreadWaiting, TooLarge, TooManyRuns
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import InterruptStatus
from lobu_jupyter.model.plan import MODE as PLAN_FIRST
from lobu_jupyter.model.runs import Started
from lobu_jupyter.model.tracing import new_trace

from .begin import add_run, begin
from .end import cancel_run, close_client_calls, close_interrupts, expire_due

if TYPE_CHECKING:
    from lobu_jupyter.gateway.context import Context
    from lobu_jupyter.gateway.settings import Settings
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.requests import StartRun
    from lobu_jupyter.model.tracing import RemoteSpan
    from lobu_jupyter.store.tx import Row, Tx

MAX_ID = 512


async def start(
    ctx: Context,
    by: Caller,
    thread_id: str,
    request: StartRun,
    *,
    answered: dict[str, str] | None = None,
    remote: RemoteSpan | None = None,
) -> Started:
    """Accept a run. The same ``client_request_id`` again returns the same run.

    ``answered``: the results that the client has for open calls of its tools, by call. If only such calls are
    open, they are closed with these, or without a result. None leaves them open. ``remote``: the caller's span.

    Raises:
        InvalidField, TooLarge: the request is invalid. The error names the field.
        ThreadBusy, ThreadWaiting: unless ``if_running`` or ``if_waiting`` says what to do.
        TooManyRuns: this person, or all people together, have too many.
    """
    owner = await allow_change(ctx, by, "start", thread_id, decides=_approves(by, request))
    said = await _said(ctx, by, thread_id, request)
    await check_place(ctx, by, "start", kernel_id=request.kernel_id, thread_id=thread_id)
    kernel_id = await _kernel_of(ctx, by, thread_id, request)
    mine = ctx.owns_kernel(kernel_id)

    async def body(tx: Tx) -> Started:
        await tx.lock_owner(owner)
        await tx.lock_threads(thread_id)
        if request.client_request_id is not None:
            known = await tx.one("run_of_request", owner=owner, client_request_id=request.client_request_id)
            if known is not None:
                return Started(run_id=known["run_id"], thread_id=known["thread_id"], cursor=known["cursor"])
        thread = await own_thread(tx, by, thread_id)
        await _check_agent(ctx, tx, _agent(ctx, request))
        queues = await _make_way(ctx, tx, thread, request, answered)
        if not queues:
            await check_limits(ctx, tx, owner, ctx.pool_of(owner))
        if kernel_id is not None:
            await bind_kernel(ctx, tx, by, thread, kernel_id, mine=mine)
        cursor = (await own_thread(tx, by, thread_id))["cursor"]
        fields = _fields(ctx, request, said, kernel_id, remote)
        run_id = await add_run(ctx, tx, thread_id, owner, **fields, cursor=cursor)
        await _note_mode(ctx, tx, by, thread, run_id, request)
        if queues:
            tx.wake(owner_topic(owner))
        else:
            cursor = await begin(ctx, tx, run_id)
        return Started(run_id=run_id, thread_id=thread_id, cursor=cursor)

    return await ctx.database.write(body)


async def _note_mode(ctx: Context, tx: Tx, by: Caller, thread: Row, run_id: str, request: StartRun) -> None:
    if request.mode == PLAN_FIRST:
        await record(ctx, tx, by, "plan first", thread["owner"], thread["thread_id"], run_id)


def _approves(by: Caller, request: StartRun) -> bool:
    """Return whether a start is a yes to whatever its run will ask. Beside an embedded gateway nobody else can ask."""
    embedded = isinstance(by, KernelCaller) and by.embedded
    return request.mode == "allow" and not embedded


async def _said(ctx: Context, by: Caller, thread_id: str, request: StartRun) -> dict[str, Any]:
    """Return the parts of a request that its run keeps, checked, redacted and passed to the guardrail."""
    message = ctx.settings.redactor.tree(_message_of(ctx, request))
    context = ctx.settings.redactor.tree(request.context)
    check_request(ctx.settings, request)
    await guard(ctx, by, _texts(message), "prompt", thread_id)
    texts = [str(item[member]) for item in context for member in ("description", "value")]
    await guard(ctx, by, texts, "context", thread_id)
    client = await client_side(ctx, by, thread_id, ClientSide(tools=request.tools, state=request.state))
    said = {"message": message, "context": context, **client}
    more = {
        "modelSettings": request.model_settings,
        "workIn": request.work_in,
        "belowCell": request.below_cell,
        "cellId": request.cell_id,
        "reviewCells": request.review_cells or None,
    }
    return said | {name: value for name, value in more.items() if value is not None}


async def bind_kernel(ctx: Context, tx: Tx, by: Caller, thread: Row, kernel_id: str, *, mine: bool) -> None:
    """Bind the thread to the kernel of its next run."""
    await tx.run("bind_kernel", kernel_id=kernel_id, server_id=ctx.server_id, mine=mine)
    await tx.run("bind_thread", thread_id=thread["thread_id"], kernel_id=kernel_id)
    if thread["kernel_id"] is not None:  # the first kernel of a thread is no move
        await record_move(ctx, tx, by, thread, kernel_id=kernel_id)


async def client_side(ctx: Context, by: Caller, thread_id: str, client: ClientSide) -> dict[str, Any]:
    """Return the client's tools and state as a run keeps them, checked and redacted."""
    check_client(client.tools, client.state)
    given: dict[str, Any] = {}
    if client.tools is not None:
        given["tools"] = [msgspec.to_builtins(tool) for tool in client.tools]
    if client.state:
        given["state"] = client.state
    given = ctx.settings.redactor.tree(given)
    if any(given.values()):
        texts = [msgspec.json.encode(part).decode() for part in given.values() if part]
        await guard(ctx, by, texts, "context", thread_id)
    return given


async def _kernel_of(ctx: Context, by: Caller, thread_id: str, request: StartRun) -> str | None:
    """Return the kernel for the run: the requested one, else the thread's own."""

    async def look(tx: Tx) -> tuple[bool, Row]:
        named = request.client_request_id
        known = named and await tx.one("run_of_request", owner=by.name, client_request_id=named)
        return bool(known), await own_thread(tx, by, thread_id)

    known, thread = await ctx.database.read(look)
    if known:  # a repeated start, which was checked before
        return None
    if request.kernel_id is not None:
        await check_kernel(ctx, by, request.kernel_id, thread_id)
        return request.kernel_id
    await check_place(ctx, by, "start", kernel_id=thread["kernel_id"], thread_id=thread_id)
    return await own_kernel(ctx, by.name, thread["kernel_id"])


async def check_limits(ctx: Context, tx: Tx, owner: str, pool: str) -> None:
    """Check that one more run may run in a pool.

    Raises:
        TooManyRuns: this person, or all people, have too many there. Queued and waiting runs do not count.
    """
    count = await tx.one("count_running", owner=owner, pool=pool)
    assert count is not None, "a count is always one row"
    if count["mine"] >= ctx.settings.max_runs_per_user:
        raise TooManyRuns(f"You have {count['mine']} runs under way; wait for one to end.")
    if count["everyone"] >= ctx.settings.max_runs:
        raise TooManyRuns


async def _make_way(
    ctx: Context, tx: Tx, thread: Row, request: StartRun, answered: dict[str, str] | None
) -> bool:
    """Return whether the new run must queue, after ending what the request says it replaces.

    A message is never a decision: behind an open question it is queued or refused.
    """
    thread_id = thread["thread_id"]
    await expire_due(ctx, tx, thread_id)
    waiting = await tx.all("open_interrupts", thread_id=thread_id)
    if waiting and answered is not None and all(interrupt_of(r).reason == CLIENT_TOOL for r in waiting):
        await close_client_calls(ctx, tx, thread_id, waiting, answered, by=thread["owner"])
        waiting = []
    if waiting and request.if_waiting is None and request.if_running != "queue":
        raise ThreadWaiting(interruptIds=[row["interrupt_id"] for row in waiting])
    if waiting and request.if_waiting != "cancel":
        await _check_queue(ctx, tx, thread_id)
        return True
    await close_interrupts(ctx, tx, thread_id, InterruptStatus.CANCELLED, by=thread["owner"], then_next=False)
    running = await tx.one("running_run", thread_id=thread_id)
    if running is None:
        return False
    if request.if_running is None:
        raise ThreadBusy(runId=running["run_id"])
    if request.if_running == "cancel":
        await cancel_run(ctx, tx, running["run_id"], then_next=False)
        return False
    await _check_queue(ctx, tx, thread_id)
    return True


async def _check_queue(ctx: Context, tx: Tx, thread_id: str) -> None:
    """Refuse a run that would make a thread's queue too long."""
    if len(await tx.all("queued_runs", thread_id=thread_id)) >= ctx.settings.max_queued:
        raise TooManyRuns("Too many runs are queued on this thread; wait for one to end.")


def _message_of(ctx: Context, request: StartRun) -> dict[str, Any]:
    """Return the new user message: the prompt, or the last one of ``messages``."""
    if request.prompt is not None and request.messages is not None:
        raise InvalidField("must be left out if there is a prompt", field="messages")
    if request.prompt is not None:
        if "\0" in request.prompt:
            raise InvalidField("must not contain NUL characters", field="prompt")
        if not request.prompt.strip():
            raise InvalidField("must not be empty", field="prompt")
        message: dict[str, Any] = {"id": new_id("msg"), "role": "user", "content": request.prompt}
        field = "prompt"
    elif request.messages:
        field = f"messages[{len(request.messages) - 1}]"
        message = _user_message(request.messages[-1], field)
    elif request.messages is not None:
        raise InvalidField("must have at least one message", field="messages")
    else:
        raise InvalidField("must be given, or messages", field="prompt")
    if len(msgspec.json.encode(message)) > ctx.settings.max_prompt_bytes:
        raise TooLarge(f"A prompt may have {ctx.settings.max_prompt_bytes} bytes.", field=field)
    return message


def _user_message(message: dict[str, Any], field: str) -> dict[str, Any]:
    if message.get("role") != "user":
        raise InvalidField("must be user in the last message", field=f"{field}.role")
    content = message.get("content")
    parts: list[Any] = content if isinstance(content, list) else []
    for index, part in enumerate(parts):
        _check_part(part, f"{field}.content[{index}]")
    if not (isinstance(content, str) and content.strip()) and not parts:
        raise InvalidField("must not be empty", field=f"{field}.content")
    for member in ("id", "name"):
        name = message.get(member)
        if name is not None and not (isinstance(name, str) and 0 < len(name) <= MAX_ID):
            raise InvalidField(f"must be a string of 1 to {MAX_ID} characters", field=f"{field}.{member}")
    for member in ("toolCalls", "toolCallId"):
        if message.get(member) is not None:
            raise InvalidField("must be left out of a user's message", field=f"{field}.{member}")
    name = message.get("id")
    kept = {k: v for k, v in message.items() if v is not None}
    return {**kept, "id": name or new_id("msg")}


def _check_part(part: Any, where: str) -> None:
    """Refuse a content part with a member of another type than AG-UI's."""
    if not isinstance(part, dict):
        raise InvalidField("must be an object with a type", field=where)
    known: dict[str, Any] = part
    source: Any = known.get("source")
    if source is not None and not isinstance(source, dict):
        raise InvalidField("must be an object", field=f"{where}.source")
    wanted = ("type", "text") if known.get("type") == "text" else ("type",)
    for at, holder in ((where, known), (f"{where}.source", source or {})):
        for member in ("type", "text", "data", "url", "value", "mimeType", "filename"):
            value = holder.get(member)
            if value is None and not (holder is known and member in wanted):
                continue
            if not isinstance(value, str):
                raise InvalidField("must be a string", field=f"{at}.{member}")


def _texts(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if part.get("text")]


def check_request(settings: Settings, request: StartRun) -> None:
    """Refuse a request whose fields the settings do not allow.

    Raises:
        InvalidField, TooLarge: names the field.
    """
    for field in ("agent", "model", "kernel_id", "client_request_id"):
        value = getattr(request, field)
        if value is not None and (not value or len(value) > 512):
            wire = {"kernel_id": "kernelId", "client_request_id": "clientRequestId"}.get(field, field)
            raise InvalidField("must have 1 to 512 characters", field=wire)
    allowed = settings.allowed_models
    model = request.model or settings.default_model
    if model is not None and allowed is not None and not _matches(model, allowed):
        raise InvalidField(f"must be one that this server allows: {', '.join(allowed)}", field="model")
    _check_model_settings(settings, request)
    for index, item in enumerate(request.context):
        for member in ("description", "value"):
            if not isinstance(item.get(member), str):
                raise InvalidField("must be a string", field=f"context[{index}].{member}")
    if len(msgspec.json.encode(request.context)) > settings.max_prompt_bytes:
        raise TooLarge(f"The context may have {settings.max_prompt_bytes} bytes.", field="context")


def _check_model_settings(settings: Settings, request: StartRun) -> None:
    """Refuse settings that the run's model does not take.

    Raises:
        InvalidField: names the setting.
    """
    if request.model_settings is None:
        return
    model = request.model or settings.default_model
    if model is None:
        raise InvalidField("this run has no model", field="modelSettings")
    takes = settings.model_takes(model)
    for name, value in msgspec.to_builtins(request.model_settings).items():
        most = takes.get(name)
        if most is None:
            raise InvalidField(f"{model} does not take this setting", field=f"modelSettings.{name}")
        if not isinstance(value, str) and value > most:
            raise InvalidField(f"must be at most {most:g} for {model}", field=f"modelSettings.{name}")
        if isinstance(most, tuple) and value not in most:
            raise InvalidField(f"must be one of {', '.join(most)} for {model}", field=f"modelSettings.{name}")


def _matches(model: str, allowed: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in allowed)


def _agent(ctx: Context, request: StartRun) -> str:
    """Return the agent of the run. A model requested by name never gets an agent without models."""
    usual = ctx.settings.default_agent
    return request.agent or (request.model and ctx.settings.model_agent) or usual


async def _check_agent(ctx: Context, tx: Tx, agent: str) -> None:
    """Check that there is such an agent: this server's own, or one that a worker announced.

    Raises:
        InvalidField: there is none. The error names similar ones, or all.
    """
    if ctx.settings.agents is None or agent in ctx.settings.agents:
        return
    announced = [json.loads(row["agents"]) for row in await tx.all("announcements", pool=ctx.settings.pool)]
    if not all(announced):
        return  # one worker accepts every agent
    known = ctx.settings.agents.union(entry["name"] for entries in announced for entry in entries)
    if agent not in known:
        near = get_close_matches(agent, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(sorted(known))}."
        raise InvalidField(f"there is no agent {agent!r} here; {hint}", field="agent")


def _fields(
    ctx: Context,
    request: StartRun,
    texts: dict[str, Any],
    kernel_id: str | None,
    remote: RemoteSpan | None,
) -> dict[str, Any]:
    if ctx.settings.traces:
        texts = {**texts, "trace": new_trace(remote)}
    return {
        "agent": _agent(ctx, request),
        "model": request.model or ctx.settings.default_model,
        "mode": request.mode,
        "kernel_id": kernel_id,
        "client_request_id": request.client_request_id,
        "answerable": request.answerable,
        "request": json_of(texts),
    }
