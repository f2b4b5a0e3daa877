"""agui: AG-UI's own endpoint. RunAgentInput in, that run's events out, from RUN_STARTED to its end.

The client's threadId and runId are its own names. They identify the thread for this person, a run starts
once per runId, and the events carry them back. Of ``messages`` only the new user message at the end
counts, because the others are in the journal already.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import msgspec
from jupyter_server.auth.decorator import authorized
from msgspec import Meta, Struct, field
from tornado import web

from lobu_jupyter.model.bounds import Id, Messages, Objects
from lobu_jupyter.model.errors import InvalidField, LobuError
from lobu_jupyter.model.events import decode, encode, run_error
from lobu_jupyter.model.runs import Mode, Started, StartRun
from lobu_jupyter.server.sse import HEARTBEAT, StreamHandler

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from lobu_jupyter.model.runs import Entry

_MARKS = (b'"RUN_STARTED"', b'"RUN_FINISHED"')
_Key = Annotated[str, Meta(min_length=1, max_length=200)]  # it becomes part of a name


class Choices(Struct, kw_only=True, rename="camel"):
    """The choices in ``forwardedProps``. Other members are ignored."""

    agent: Id | None = None
    model: Id | None = None
    mode: Mode | None = None
    kernel_id: Id | None = None


class RunAgentInput(Struct, kw_only=True, rename="camel"):
    thread_id: _Key
    run_id: _Key
    messages: Messages = field(default_factory=list)
    tools: Objects = field(default_factory=list)
    context: Objects = field(default_factory=list)
    forwarded_props: Choices | None = None
    resume: Objects | None = None


class AgUi(StreamHandler):
    via = "agui"

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish = self.body(RunAgentInput)
        _check(wish)
        await self.stream(self._chunks(wish))

    async def _chunks(self, wish: RunAgentInput) -> AsyncGenerator[bytes]:
        started = await self._begin_run(wish)
        pages = self.gateway.follow(self.caller, started.thread_id, None, run_id=started.run_id)
        try:
            async with aclosing(pages):
                async for entries in pages:
                    yield b"".join([_frame(entry, wish) for entry in entries]) or HEARTBEAT
        except LobuError as error:  # the thread was deleted: the run has an end all the same
            yield b"data: %b\n\n" % encode(run_error(error.code, error.message))

    async def _begin_run(self, wish: RunAgentInput) -> Started:
        thread = await self.gateway.create_thread(self.caller, name=f"agui:{wish.thread_id}", reuse=True)
        if wish.resume:
            started, _ = await self.gateway.resume(self.caller, thread.thread_id, wish.resume)
            return started
        choices = wish.forwarded_props or Choices()
        run = StartRun(
            messages=wish.messages[-1:],
            client_request_id=f"agui:{wish.thread_id}:{wish.run_id}",
            context=wish.context,
            agent=choices.agent,
            model=choices.model,
            mode=choices.mode,
            kernel_id=choices.kernel_id,
        )
        return await self.gateway.start(self.caller, thread.thread_id, run)


def _check(wish: RunAgentInput) -> None:
    if wish.tools:
        raise InvalidField(
            "must be empty: this server does not support tools of the front end", field="tools"
        )
    if not wish.resume and (not wish.messages or wish.messages[-1].get("role") != "user"):
        raise InvalidField("must end with the user's new message", field="messages")


def _frame(entry: Entry, wish: RunAgentInput) -> bytes:
    body = entry.body
    if any(mark in body for mark in _MARKS):
        body = _echoed(body, wish)
    return b"data: %b\n\n" % body


def _echoed(body: bytes, wish: RunAgentInput) -> bytes:
    """Return the event with the client's names in place of ours."""
    event = decode(body)
    if event.get("type") not in ("RUN_STARTED", "RUN_FINISHED"):
        return body
    names = {"threadId": wish.thread_id, "runId": wish.run_id}
    event |= names
    event.pop("parentRunId", None)  # we do not know the client's name for that run
    if isinstance(event.get("input"), dict):
        event["input"] = {**event["input"], **names}
        event["input"].pop("parentRunId", None)
    return msgspec.json.encode(event)


ROUTES = [("agui", AgUi)]
