"""An ACP agent for tests: does what the words of the prompt say, and tells what it was given.

``say TEXT``, ``think TEXT``, ``plan``, ``ask PATH TEXT`` (a permission to edit, then the edit through the client),
``flood N`` (so many messages at once), ``swap PATH TEXT`` (a permission for
another text), ``argv WORDS`` (a command that no shell reads), ``write PATH TEXT`` (no permission asked first), ``read PATH``, ``slow`` (until cancelled), ``crash``, ``forget`` (this
session, from the next prompt on), ``prompt`` (says the prompt back), ``refuse``, ``run COMMAND`` (in a terminal of the
client's), ``ask-run COMMAND`` (a permission first), ``elicit`` (a form), ``tools`` (lists the tools of the MCP server
that it was given), ``tool NAME JSON`` (calls one), ``ask-tool NAME JSON`` (a permission first), ``leave`` (a process in a session of its own, never ended).
``mode ID`` (changes its mode by itself; more IDs: one after the other), ``later ID`` (once there is a file ``now`` beside the log), ``option ID`` (the same, told as a config option), ``act PATH TEXT`` (writes a file
itself, after a permission where its mode asks), ``inform TEXT`` (a notice of its program), ``chunk TEXT`` (one message
chunk, JSON text), ``permit JSON`` (a permission with these members), ``terminal JSON`` (a command with its argv, env and cwd), ``retool NAME JSON`` (calls a tool twice at once),
``about JSON`` (an update with these members), ``hold`` (until there is a file ``now`` beside the log).
Lines are done one after the other; an answer to a question that has no words is noted in the log.

``--sessions FILE`` keeps the sessions that it knows; ``--log FILE`` what it was asked for, one JSON a line;
``--login FILE``: it wants a login while there is no such file; ``--stdio``: it takes MCP servers over stdio only;
``--modes A,B``: it has these modes and starts each session in the first; ``--by option``: they are a config option;
``--mode-fails error`` or ``hang``: it takes none of them; ``--stubborn``: nor goes back to one that it left by itself;
``--options``: its model and effort are config options, beside one that is neither; ``--greets``: it says a warning and its commands between ``session/new`` and the first prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    AvailableCommand,
    AvailableCommandsUpdate,
    ConfigOptionUpdate,
    CurrentModeUpdate,
    ElicitationFormSessionMode,
    ElicitationSchema,
    EnvVariable,
    InitializeResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PermissionOption,
    PromptResponse,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SessionInfoUpdate,
    SessionMode,
    SessionModeState,
    SetSessionConfigOptionResponse,
    SetSessionModeResponse,
    TerminalToolCallContent,
    ToolCallUpdate,
    Usage,
    UsageUpdate,
)

if TYPE_CHECKING:
    from mcp import Client

ABOUT = {
    "session_info_update": SessionInfoUpdate,
    "usage_update": UsageUpdate,
    "available_commands_update": AvailableCommandsUpdate,
}
OPTIONS = [
    PermissionOption(option_id="yes", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Scripted:
    """The agent of one process."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._sessions, self._log, self._login, self._stdio = (
            given.sessions,
            given.log,
            given.login,
            given.stdio,
        )
        self._modes: list[str] = given.modes.split(",") if given.modes else []
        self._mode = self._modes[0] if self._modes else ""
        self._by, self._fails, self._stubborn = given.by, given.mode_fails, given.stubborn
        self._greets, self._left = given.greets, False
        self._options: dict[str, str] | None = (
            {"model": "small", "effort": "low", "trust": "ask"} if given.options else None
        )
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
        self._mode = self._modes[0] if self._modes else ""
        if self._greets:
            await self._greet(session_id)
        return NewSessionResponse(session_id=session_id, **self._offered())

    def _offered(self) -> dict[str, Any]:
        """Its modes as the answer to a new or loaded session has them."""
        if self._options is not None:
            return {"config_options": self._selects()}
        if not self._modes:
            return {}
        if self._by == "option":
            return {"config_options": [self._option()]}
        modes = [
            SessionMode(id=mode, name=mode.title(), description=f"Works {mode}.") for mode in self._modes
        ]
        return {"modes": SessionModeState(current_mode_id=self._mode, available_modes=modes)}

    def _selects(self) -> list[SessionConfigOptionSelect]:
        assert self._options is not None
        values = {"model": ["small", "large"], "effort": ["low", "high"], "trust": ["ask", "never ask"]}
        kinds = {"model": "model", "effort": "thought_level"}
        return [
            SessionConfigOptionSelect(
                id=name,
                name=name.title(),
                category=kinds.get(name),
                type="select",
                current_value=now,
                options=[SessionConfigSelectOption(value=one, name=one.title()) for one in values[name]],
            )
            for name, now in self._options.items()
        ]

    def _option(self) -> SessionConfigOptionSelect:
        values = [SessionConfigSelectOption(value=mode, name=mode.title()) for mode in self._modes]
        return SessionConfigOptionSelect(
            id="how", name="Mode", category="mode", type="select", current_value=self._mode, options=values
        )

    async def _greet(self, session: str) -> None:
        warning = update_agent_message(text_block("Warning: the model is not known.\n\n"))
        await self._client.session_update(session, warning)
        commands = [AvailableCommand(name="review", description="Review it")]
        update = AvailableCommandsUpdate(
            session_update="available_commands_update", available_commands=commands
        )
        await self._client.session_update(session, update)
        await self._client.session_update(session, update_agent_thought(text_block("awake")))

    async def set_session_mode(self, mode_id: str, session_id: str, **_: Any) -> SetSessionModeResponse:
        self._note("set_mode", mode=mode_id)
        if self._by == "option":
            raise RequestError.method_not_found("session/set_mode")
        await self._enter(mode_id)
        return SetSessionModeResponse()

    async def set_config_option(
        self, config_id: str, session_id: str, value: Any, **_: Any
    ) -> SetSessionConfigOptionResponse:
        self._note("set_option", option=config_id, mode=value)
        if self._options is not None:
            self._options[config_id] = value
            return SetSessionConfigOptionResponse(config_options=self._selects())
        await self._enter(value)
        return SetSessionConfigOptionResponse(config_options=[self._option()])

    async def _enter(self, mode: str) -> None:
        if self._fails == "hang":
            await asyncio.Event().wait()
        if mode not in self._modes or self._fails or (self._stubborn and self._left):
            raise RequestError.invalid_params({"details": f"no mode {mode}"})
        self._mode = mode

    async def _leave(self, session: str, mode: str, *, option: bool = False) -> None:
        """Change the mode without being asked."""
        self._mode, self._left = mode, True
        update: Any = CurrentModeUpdate(session_update="current_mode_update", current_mode_id=mode)
        if option:
            update = ConfigOptionUpdate(
                session_update="config_option_update", config_options=[self._option()]
            )
        await self._client.session_update(session, update)

    async def _leave_later(self, session: str, mode: str) -> None:
        while not self._log.with_name("now").exists():  # noqa: ASYNC110 -- the test's own signal is a file
            await asyncio.sleep(0.01)
        await self._leave(session, mode)

    async def load_session(
        self, cwd: str, session_id: str, mcp_servers: list[Any], **_: Any
    ) -> LoadSessionResponse:
        self._servers, self._cwd = mcp_servers, Path(cwd)
        self._note("load", session=session_id, cwd=cwd)
        if session_id not in self._known():
            raise RequestError.resource_not_found(session_id)
        self._mode = self._modes[0] if self._modes else ""
        await self._client.session_update(session_id, update_agent_message(text_block("what I said before")))
        return LoadSessionResponse(**self._offered())

    async def prompt(self, prompt: list[Any], session_id: str, **meta: Any) -> PromptResponse:
        text = prompt[0].text
        self._note("prompt", session=session_id, text=text, mode=self._mode, meta=meta)
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
        elif word in ("mode", "option"):
            for mode in rest.split():
                await self._leave(session, mode, option=word == "option")
        elif word == "later":
            self._task = asyncio.create_task(self._leave_later(session, rest))
        elif word == "hold":
            while not self._log.with_name("now").exists():  # noqa: ASYNC110 -- as above
                await asyncio.sleep(0.01)
        elif word == "retool":
            name, _, args = rest.partition(" ")
            for said in await asyncio.gather(self._tool(name, args), self._tool(name, args)):
                await tell(update_agent_message(text_block(said)))
        elif word == "until":
            while self._mode != rest:  # noqa: ASYNC110 -- set by a request that comes meanwhile
                await asyncio.sleep(0.01)
        elif word == "act":
            path, _, content = rest.partition(" ")
            await self._act(session, path, content)
        elif word == "inform":
            chunk = update_agent_message(text_block(rest))
            await tell(chunk.model_copy(update={"field_meta": {"claudeCode": {"kind": "informational"}}}))
        elif word == "chunk":
            await tell(update_agent_message(text_block(json.loads(rest))))
        elif word == "about":
            update = json.loads(rest)
            await tell(ABOUT[update["sessionUpdate"]].model_validate(update))
        elif word == "permit":
            await self._permit(session, json.loads(rest))
        elif word == "terminal":
            given = json.loads(rest)
            await self._terminal(session, **given)
        elif word == "leave":
            left = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
            self._note("left", left=left.pid)
        elif word == "crash":
            os._exit(7)
        elif word == "forget":
            self._sessions.write_text("[]")
        stops = {"refuse": "refusal", "cut": "max_tokens", "tire": "max_turn_requests"}
        return stops.get(word)

    async def _act(self, session: str, path: str, content: str) -> None:
        """Write a file without the client, after a permission where the mode is one that asks."""
        if self._mode in ("default", "read-only"):
            call = ToolCallUpdate(tool_call_id=f"act_{path}", title=f"Write {path}", kind="edit")
            answer = await self._client.request_permission(
                session_id=session, tool_call=call, options=OPTIONS
            )
            if getattr(answer.outcome, "option_id", "") != "yes":
                return
        (self._cwd / path).write_text(content)

    async def _permit(self, session: str, given: dict[str, Any]) -> None:
        """Ask for a permission with members of the test's own; note the answer."""
        call = ToolCallUpdate.model_validate({"toolCallId": "permit", **given.get("toolCall", {})})
        if "first" in given:
            await self._client.session_update(
                session, start_tool_call("permit", given["first"]["title"], kind=given["first"]["kind"])
            )
        options = [PermissionOption.model_validate(one) for one in given["options"]]
        answer = await self._client.request_permission(
            session_id=session, tool_call=call, options=options, **given.get("_meta", {})
        )
        self._note("permission", chosen=getattr(answer.outcome, "option_id", "cancelled"))

    async def _terminal(
        self, session: str, argv: list[str], env: dict[str, str] | None = None, cwd: str | None = None
    ) -> None:
        variables = [EnvVariable(name=name, value=value) for name, value in (env or {}).items()]
        try:
            terminal = await self._client.create_terminal(
                session_id=session, command=argv[0], args=argv[1:], env=variables, cwd=cwd
            )
        except RequestError as error:
            await self._client.session_update(session, update_agent_message(text_block(f"not run: {error}")))
            return
        which = {"session_id": session, "terminal_id": terminal.terminal_id}
        await self._client.wait_for_terminal_exit(**which)
        await self._client.release_terminal(**which)

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
        given: dict[str, Any] = {"command": command}
        if asks:
            given["env"] = {"FROM_AGENT": "yes"}
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
        from mcp import Client, StdioServerParameters  # half of the start: few prompts need it

        return Client(StdioServerParameters(command=server.command, args=server.args, env=env))
    import httpx2
    from mcp import Client
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
    arguments.add_argument("--modes", default="")
    arguments.add_argument("--by", default="id")
    arguments.add_argument("--mode-fails", default="")
    arguments.add_argument("--stubborn", action="store_true")
    arguments.add_argument("--greets", action="store_true")
    arguments.add_argument("--options", action="store_true")
    scripted: Any = Scripted(arguments.parse_args())
    asyncio.run(run_agent(scripted, use_unstable_protocol=True))
