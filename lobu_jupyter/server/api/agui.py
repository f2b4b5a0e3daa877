"""agui: AG-UI's own endpoint. RunAgentInput in, that run's events out, from RUN_STARTED to its end.

The client's threadId and runId are its own names. They identify the thread for this person, a run starts
once per runId, and the events carry them back. ``messages`` are matched with the journal's by their ids, and calls of
the client's ``tools`` end the run: :mod:`lobu_jupyter.server.agui`.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any
from weakref import WeakValueDictionary

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import Meta, Struct, field
from tornado import web

from lobu_jupyter.model.bounds import Id, Messages, Objects
from lobu_jupyter.model.client_tools import CLIENT_TOOL, ClientTools, SharedState
from lobu_jupyter.model.errors import InvalidField, LobuError
from lobu_jupyter.model.events import Event, decode, encode, run_error, run_started
from lobu_jupyter.model.requests import StartRun
from lobu_jupyter.model.runs import RunMode
from lobu_jupyter.server.agui import Asked, Conversation
from lobu_jupyter.server.sse import HEARTBEAT, StreamHandler

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.model.runs import Entry

_MARKS = (b'"RUN_STARTED"', b'"RUN_FINISHED"', b'"TOOL_CALL_RESULT"')
_Key = Annotated[str, Meta(min_length=1, max_length=200)]  # it becomes part of a name


class Choices(Struct, kw_only=True, rename="camel"):
    """The choices in ``forwardedProps``. Other members are ignored."""

    agent: Id | None = None
    model: Id | None = None
    mode: RunMode | None = None
    kernel_id: Id | None = None


class RunAgentInput(Struct, kw_only=True, rename="camel"):
    thread_id: _Key
    run_id: _Key
    messages: Messages = field(default_factory=list)
    tools: ClientTools = field(default_factory=list)
    state: SharedState | None = None
    context: Objects = field(default_factory=list)
    forwarded_props: Choices | None = None
    resume: Objects | None = None


class AgUiHandler(StreamHandler):
    via = "agui"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish = self.body(RunAgentInput)
        _check(wish)
        await self.stream(self._chunks(wish))

    async def _chunks(self, wish: RunAgentInput) -> AsyncGenerator[bytes]:
        async with _one_at_a_time(self.caller.name, wish.thread_id):
            asked = await self._begin_run(wish)
        if asked.started is None:
            yield _still_open(asked, wish)
            return
        started = asked.started
        pages = self.gateway.runs.follow(self.caller, started.thread_id, None, run_id=started.run_id)
        try:
            async with aclosing(pages):
                async for entries in pages:
                    yield b"".join([_frame(entry, wish, asked) for entry in entries]) or HEARTBEAT
        except LobuError as error:  # the thread was deleted: the run has an end all the same
            yield b"data: %b\n\n" % encode(run_error(error.code, error.message))

    async def _begin_run(self, wish: RunAgentInput) -> Asked:
        choices = wish.forwarded_props or Choices()
        request = StartRun(
            messages=wish.messages[-1:],
            client_request_id=f"agui:{wish.thread_id}:{wish.run_id}",
            context=wish.context,
            agent=choices.agent,
            model=choices.model,
            mode=choices.mode,
            kernel_id=choices.kernel_id,
            tools=wish.tools,
            state=wish.state,
        )
        named = f"agui:{wish.thread_id}"
        talk = Conversation(self.gateway, self.caller, named, wish.messages, self.remote_span)
        return await talk.begin(request, wish.resume)


_locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()


def _one_at_a_time(owner: str, thread_id: str) -> asyncio.Lock:
    """Return the lock of a client's thread: a request that is repeated at once makes one fork, not two."""
    return _locks.setdefault((owner, thread_id), asyncio.Lock())


def _check(wish: RunAgentInput) -> None:
    last = wish.messages[-1] if wish.messages else {}
    if not wish.resume and last.get("role") not in ("user", "tool"):
        raise InvalidField(
            "must end with the user's message, or with the result of a client's tool", field="messages"
        )


def _frame(entry: Entry, wish: RunAgentInput, asked: Asked) -> bytes:
    body = entry.body
    if any(mark in body for mark in _MARKS):
        event = decode(body)
        if event.get("type") == "TOOL_CALL_RESULT" and event.get("toolCallId") in asked.known:
            return b""  # the client has it as a message of its own
        if event.get("type") in ("RUN_STARTED", "RUN_FINISHED"):
            body = msgspec.json.encode(_echoed(event, wish))
    return b"data: %b\n\n" % body


def _echoed(event: Event, wish: RunAgentInput) -> Event:
    """Return the event with the client's names in place of ours, and without questions about the client's own calls."""
    names = {"threadId": wish.thread_id, "runId": wish.run_id}
    event |= names
    event.pop("parentRunId", None)  # we do not know the client's name for that run
    if isinstance(event.get("input"), dict):
        event["input"] = {**event["input"], **names}
        event["input"].pop("parentRunId", None)
    outcome: dict[str, Any] = event.get("outcome") or {}
    if outcome.get("type") == "interrupt":
        event |= {"outcome": None, **_outcome(outcome["interrupts"], wish)}
    return {name: value for name, value in event.items() if value is not None}


def _outcome(interrupts: list[dict[str, Any]], wish: RunAgentInput) -> dict[str, Any]:
    """Return the outcome of a run that waits, if it asks the client for more than results of its own tools.

    Without an outcome, and with calls that have no result, clients run their tools. "success" would be the end to some.
    """
    own = {tool.name for tool in wish.tools}
    left = [i for i in interrupts if i["reason"] != CLIENT_TOOL or _tool_of(i) not in own]
    return {"outcome": {"type": "interrupt", "interrupts": left}} if left else {}


def _tool_of(interrupt: dict[str, Any]) -> str | None:
    return ((interrupt.get("metadata") or {}).get("lobu") or {}).get("toolName")


def _still_open(asked: Asked, wish: RunAgentInput) -> bytes:
    """Return a run without work: results came, and other questions are still open. They count with the next request."""
    start = run_started(wish.thread_id, wish.run_id, [])
    end: Event = {"type": "RUN_FINISHED", "threadId": wish.thread_id, "runId": wish.run_id}
    end |= _outcome([_plain(i) for i in asked.open], wish)
    return b"".join(b"data: %b\n\n" % encode(event) for event in (start, end))


def _plain(interrupt: dict[str, Any]) -> dict[str, Any]:
    """Return the interrupt as AG-UI has it, without the fold's own members."""
    return {name: value for name, value in interrupt.items() if name not in ("runId", "kernelLost")}


ROUTES = [("agui", AgUiHandler)]
