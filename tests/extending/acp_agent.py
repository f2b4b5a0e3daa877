"""An ACP agent for tests: does what the words of the prompt say, and tells what it was given.

``say TEXT``, ``think TEXT``, ``plan``, ``ask PATH TEXT`` (a permission to edit, then the edit through the client),
``write PATH TEXT`` (no permission asked first), ``read PATH``, ``slow`` (until cancelled), ``crash``, ``forget`` (this
session, from the next prompt on), ``prompt`` (says the prompt back), ``refuse``. Lines are done one after the other.

``--sessions FILE`` keeps the sessions that it knows; ``--log FILE`` what it was asked for, one JSON a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import uuid
from pathlib import Path
from typing import Any

from acp import (
    RequestError,
    run_agent,
    start_tool_call,
    text_block,
    tool_diff_content,
    update_agent_message,
    update_agent_thought,
    update_plan,
    update_tool_call,
)
from acp.helpers import plan_entry
from acp.schema import (
    AgentCapabilities,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    ToolCallUpdate,
    Usage,
)

OPTIONS = [
    PermissionOption(option_id="yes", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Scripted:
    """The agent of one process."""

    def __init__(self, sessions: Path, log: Path) -> None:
        self._sessions, self._log = sessions, log
        self._client: Any = None
        self._calls = 0
        self._cancelled = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        self._note("initialize")
        return InitializeResponse(
            protocol_version=protocol_version, agent_capabilities=AgentCapabilities(load_session=True)
        )

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        session_id = f"s-{uuid.uuid4().hex[:8]}"
        self._know(session_id)
        self._note("new", session=session_id, cwd=cwd)
        return NewSessionResponse(session_id=session_id)

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> LoadSessionResponse:
        self._note("load", session=session_id, cwd=cwd)
        if session_id not in self._known():
            raise RequestError.resource_not_found(session_id)
        await self._client.session_update(session_id, update_agent_message(text_block("what I said before")))
        return LoadSessionResponse()

    async def prompt(self, prompt: list[Any], session_id: str, **_: Any) -> PromptResponse:
        text = prompt[0].text
        self._note("prompt", session=session_id, text=text)
        if session_id not in self._known():
            raise RequestError.resource_not_found(session_id)
        self._cancelled.clear()
        stop = "end_turn"
        for line in text.splitlines():
            stop = await self._do(session_id, line.strip(), text) or stop
        usage = Usage(input_tokens=7, output_tokens=3, total_tokens=10)
        return PromptResponse(stop_reason=stop, usage=usage)  # type: ignore[arg-type]

    async def cancel(self, session_id: str, **_: Any) -> None:
        self._note("cancel")
        self._cancelled.set()

    async def _do(self, session: str, line: str, prompt: str) -> str | None:
        word, _, rest = line.partition(" ")
        tell = lambda update: self._client.session_update(session, update)  # noqa: E731
        if word == "say":
            for part in rest.split(" "):
                await tell(update_agent_message(text_block(part + " ")))
        elif word == "think":
            await tell(update_agent_thought(text_block(rest)))
        elif word == "plan":
            await tell(update_plan([plan_entry("look"), plan_entry("write")]))
        elif word == "prompt":
            await tell(update_agent_message(text_block(prompt)))
        elif word in ("ask", "write"):
            path, _, content = rest.partition(" ")
            await self._edit(session, path, content + "\n", asks=word == "ask")
        elif word == "read":
            answer = await self._client.read_text_file(session_id=session, path=rest)
            await tell(update_agent_message(text_block(answer.content)))
        elif word == "slow":
            await tell(update_agent_message(text_block("slowly ")))
            await self._cancelled.wait()
            return "cancelled"
        elif word == "crash":
            os._exit(7)
        elif word == "forget":
            self._sessions.write_text("[]")
        return "refusal" if word == "refuse" else None

    async def _edit(self, session: str, path: str, content: str, *, asks: bool) -> None:
        self._calls += 1
        name, diff = f"call_{self._calls}", [tool_diff_content(path, content)]
        if asks:
            update = start_tool_call(name, f"Edit {path}", kind="edit", status="pending", content=diff)
            await self._client.session_update(session, update)
            call = ToolCallUpdate(tool_call_id=name, title=f"Edit {path}", kind="edit", content=diff)
            answer = await self._client.request_permission(
                session_id=session, tool_call=call, options=OPTIONS
            )
            chosen = getattr(answer.outcome, "option_id", "cancelled")
            self._note("permission", chosen=chosen)
            if chosen not in ("yes", "always"):
                await self._client.session_update(session, update_tool_call(name, status="failed"))
                return
        try:
            await self._client.write_text_file(session_id=session, path=path, content=content)
        except RequestError as error:
            await self._client.session_update(
                session, update_agent_message(text_block(f"not written: {error}"))
            )
            return
        if asks:
            await self._client.session_update(session, update_tool_call(name, status="completed"))

    def _known(self) -> list[str]:
        return json.loads(self._sessions.read_text()) if self._sessions.exists() else []

    def _know(self, session_id: str) -> None:
        self._sessions.write_text(json.dumps([*self._known(), session_id]))

    def _note(self, what: str, **more: Any) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sessions", type=Path, required=True)
    arguments.add_argument("--log", type=Path, required=True)
    given = arguments.parse_args()
    asyncio.run(run_agent(Scripted(given.sessions, given.log)))  # type: ignore[arg-type]
