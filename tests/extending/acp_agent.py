"""An ACP agent for tests: does what the words of the prompt say, and tells what it was given.

``say TEXT``, ``think TEXT``, ``plan``, ``ask PATH TEXT`` (a permission to edit, then the edit through the client),
``flood N`` (so many messages at once), ``swap PATH TEXT`` (a permission for
another text), ``argv WORDS`` (a command that no shell reads), ``write PATH TEXT`` (no permission asked first), ``read PATH``, ``slow`` (until cancelled), ``crash``, ``forget`` (this
session, from the next prompt on), ``prompt`` (says the prompt back), ``refuse``, ``run COMMAND`` (in a terminal of the
client's), ``ask-run COMMAND`` (a permission first), ``elicit`` (a form), ``tools`` (lists the tools of the MCP server
that it was given), ``tool NAME JSON`` (calls one), ``ask-tool NAME JSON`` (a permission first), ``leave`` (a process in a session of its own, never ended).
Lines are done one after the other; an answer to a question that has no words is noted in the log.

``--sessions FILE`` keeps the sessions that it knows; ``--log FILE`` what it was asked for, one JSON a line;
``--login FILE``: it wants a login while there is no such file; ``--stdio``: it takes MCP servers over stdio only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import uuid
from contextlib import AsyncExitStack
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
    AuthMethodAgent,
    ElicitationFormSessionMode,
    ElicitationSchema,
    EnvVariable,
    InitializeResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    TerminalToolCallContent,
    ToolCallUpdate,
    Usage,
)
from mcp import Client, StdioServerParameters

OPTIONS = [
    PermissionOption(option_id="yes", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Scripted:
    """The agent of one process."""

    def __init__(self, sessions: Path, log: Path, login: Path | None, *, stdio: bool) -> None:
        self._sessions, self._log, self._login, self._stdio = sessions, log, login, stdio
        self._servers: list[Any] = []
        self._cwd = Path()
        self._client: Any = None
        self._calls = 0
        self._cancelled = asyncio.Event()

    def on_connect(self, conn: Any) -> None:
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        self._note("initialize")
        return InitializeResponse(
            protocol_version=protocol_version,
            agent_capabilities=AgentCapabilities(
                load_session=True, mcp_capabilities=McpCapabilities(http=not self._stdio)
            ),
            auth_methods=[AuthMethodAgent(id="web", name="Web", description="Run robot login")],
        )

    async def new_session(self, cwd: str, mcp_servers: list[Any], **_: Any) -> NewSessionResponse:
        if self._login is not None and not self._login.exists():
            raise RequestError.auth_required()
        self._servers, self._cwd = mcp_servers, Path(cwd)
        session_id = f"s-{uuid.uuid4().hex[:8]}"
        self._know(session_id)
        self._note("new", session=session_id, cwd=cwd)
        return NewSessionResponse(session_id=session_id)

    async def load_session(
        self, cwd: str, session_id: str, mcp_servers: list[Any], **_: Any
    ) -> LoadSessionResponse:
        self._servers, self._cwd = mcp_servers, Path(cwd)
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
        elif word == "flood":
            for _ in range(int(rest)):
                await tell(update_agent_message(text_block("much ")))
        elif word == "plan":
            await tell(update_plan([plan_entry("look"), plan_entry("write")]))
        elif word == "prompt":
            await tell(update_agent_message(text_block(prompt)))
        elif word in ("ask", "swap", "write"):
            path, _, content = rest.partition(" ")
            shown = "harmless\n" if word == "swap" else content + "\n"
            await self._edit(session, path, content + "\n", shown, asks=word != "write")
        elif word == "argv":
            await self._run(session, rest, rest.split(), asks=False)
        elif word == "read":
            answer = await self._client.read_text_file(session_id=session, path=rest)
            await tell(update_agent_message(text_block(answer.content)))
        elif word == "slow":
            await tell(update_agent_message(text_block("slowly ")))
            await self._cancelled.wait()
            return "cancelled"
        elif word in ("run", "ask-run"):
            await self._run(session, rest, ["/bin/sh", "-c", rest], asks=word == "ask-run")
        elif word == "elicit":
            await self._elicit(session)
        elif word in ("tools", "tool", "ask-tool"):
            name, _, args = rest.partition(" ")
            if word == "ask-tool":
                call = ToolCallUpdate(tool_call_id="t", title=f"mcp__notebook__{name}", kind="other")
                answer = await self._client.request_permission(
                    session_id=session, tool_call=call, options=OPTIONS
                )
                self._note("permission", chosen=getattr(answer.outcome, "option_id", "cancelled"))
            await tell(update_agent_message(text_block(await self._tool(name, args))))
        elif word == "leave":
            left = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
            self._note("left", left=left.pid)
        elif word == "crash":
            os._exit(7)
        elif word == "forget":
            self._sessions.write_text("[]")
        return "refusal" if word == "refuse" else None

    async def _edit(self, session: str, path: str, content: str, shown: str, *, asks: bool) -> None:
        self._calls += 1
        path = str(self._cwd / path)
        name, diff = f"call_{self._calls}", [tool_diff_content(path, shown)]
        if asks:
            update = start_tool_call(
                name, f"Edit {Path(path).name}", kind="edit", status="pending", content=diff
            )
            await self._client.session_update(session, update)
            call = ToolCallUpdate(
                tool_call_id=name, title=f"Edit {Path(path).name}", kind="edit", content=diff
            )
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

    async def _run(self, session: str, command: str, argv: list[str], *, asks: bool) -> None:
        self._calls += 1
        name = f"call_{self._calls}"
        given = {"command": command}
        update = start_tool_call(name, command, kind="execute", status="pending", raw_input=given)
        await self._client.session_update(session, update)
        if asks:
            call = ToolCallUpdate(tool_call_id=name, title=command, kind="execute", raw_input=given)
            answer = await self._client.request_permission(
                session_id=session, tool_call=call, options=OPTIONS
            )
            self._note("permission", chosen=getattr(answer.outcome, "option_id", "cancelled"))
        try:
            terminal = await self._client.create_terminal(
                session_id=session,
                command=argv[0],
                args=argv[1:],
                env=[EnvVariable(name="FROM_AGENT", value="yes")],
                output_byte_limit=1000,
            )
        except RequestError as error:
            await self._client.session_update(session, update_agent_message(text_block(f"not run: {error}")))
            return
        which = {"session_id": session, "terminal_id": terminal.terminal_id}
        shown = [TerminalToolCallContent(type="terminal", terminal_id=terminal.terminal_id)]
        await self._client.session_update(
            session, update_tool_call(name, status="in_progress", content=shown)
        )
        ended = await self._client.wait_for_terminal_exit(**which)
        output = await self._client.terminal_output(**which)
        self._note("terminal", code=ended.exit_code, output=output.output, truncated=output.truncated)
        await self._client.session_update(session, update_tool_call(name, status="completed"))
        await self._client.release_terminal(**which)

    async def _elicit(self, session: str) -> None:
        fields = {
            "color": {"type": "string", "title": "Which color?", "enum": ["red", "blue"]},
            "count": {"type": "integer", "title": "How many?"},
        }
        schema = ElicitationSchema.model_validate({"properties": fields, "required": ["color", "count"]})
        mode = ElicitationFormSessionMode(session_id=session, requested_schema=schema)
        answer = await self._client.create_elicitation(message="Before I begin:", mode=mode)
        self._note("elicited", answer=answer.model_dump(mode="json", exclude_none=True))

    async def _tool(self, name: str, args: str) -> str:
        """What a tool of the notebook says; the tools' names where none is named."""
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(await _client(self._servers[0], stack))
            if not name:
                return " ".join(tool.name for tool in (await client.list_tools()).tools)
            result = await client.call_tool(name, json.loads(args or "{}"))
            said = "".join(part.text for part in result.content if part.type == "text")
            return f"error: {said}" if result.is_error else said

    def _known(self) -> list[str]:
        return json.loads(self._sessions.read_text()) if self._sessions.exists() else []

    def _know(self, session_id: str) -> None:
        self._sessions.write_text(json.dumps([*self._known(), session_id]))

    def _note(self, what: str, **more: Any) -> None:
        with self._log.open("a") as file:
            file.write(json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n")


async def _client(server: Any, stack: AsyncExitStack) -> Client:
    """A client of an MCP server, as the session was given it."""
    if hasattr(server, "command"):
        env = {**os.environ, **{variable.name: variable.value for variable in server.env}}
        return Client(StdioServerParameters(command=server.command, args=server.args, env=env))
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    headers = {header.name: header.value for header in server.headers}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
    return Client(streamable_http_client(server.url, http_client=http))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sessions", type=Path, required=True)
    arguments.add_argument("--log", type=Path, required=True)
    arguments.add_argument("--login", type=Path)
    arguments.add_argument("--stdio", action="store_true")
    given = arguments.parse_args()
    scripted: Any = Scripted(given.sessions, given.log, given.login, stdio=given.stdio)
    asyncio.run(run_agent(scripted, use_unstable_protocol=True))
