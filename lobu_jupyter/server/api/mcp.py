"""mcp: the kernel and notebook tools for outside MCP clients (Cursor, Claude Desktop, Codex), over streamable HTTP.

Each request is whole: there is no session to listen to, so that any server may answer it and GET is a 405. A person's token is the credential.
Calls are those of :mod:`lobu_jupyter.server.outside_calls`.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
from contextlib import suppress
from copy import deepcopy
from typing import Any

from jupyter_server.auth.decorator import authorized
from msgspec import Struct
from tornado import web
from tornado.iostream import StreamClosedError

from lobu_jupyter.agents.tools import specs
from lobu_jupyter.agents.tools.keepalive import kept_alive
from lobu_jupyter.model.bounds import Name
from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.depth import MAX_DEPTH, too_deep
from lobu_jupyter.model.errors import InvalidField, LobuError, NotFound
from lobu_jupyter.model.outside_call import OutsideCall
from lobu_jupyter.server.asgi import serve
from lobu_jupyter.server.handler import LobuHandler
from lobu_jupyter.server.outside_calls import OutsideResult, place_of

PROGRESS_SECONDS = 10.0
STILL = "Waiting for the kernel."
MISSING = "This server lacks the package mcp: pip install 'lobu_jupyter[mcp]' where it runs, and restart it."
TOOLS = {
    spec.name: spec
    for spec in (
        specs.RUN_CODE, specs.LIST_VARIABLES, specs.DESCRIBE_VARIABLE, specs.READ_NOTEBOOK, specs.SEARCH_NOTEBOOK,
        specs.INSERT_CELL, specs.EDIT_CELL, specs.DELETE_CELL, specs.MOVE_CELL, specs.RUN_CELL,
    )
}  # fmt: skip
MOST_NOTEBOOK, MOST_CALL_ID = 1024, 200
LIST, RESULT = "list_notebooks", "get_result"
_NOTEBOOK = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_NOTEBOOK,
    "description": "Path of the notebook, as list_notebooks has it.",
}
_CALL_ID = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_CALL_ID,
    "description": "The id that the call's progress named.",
}


class McpQuery(Struct, kw_only=True):
    """The query of an MCP client's address. ``notebook``: the one that its tools work in."""

    notebook: Name | None = None


class McpHandler(LobuHandler):
    takes = (Person,)
    via = "mcp"
    _track_activity = False

    @web.authenticated
    @authorized
    async def post(self) -> None:
        await self._serve(self.query(McpQuery))

    async def _serve(self, query: McpQuery) -> None:
        if too_deep(self.request.body):
            raise web.HTTPError(400, f"the body nests deeper than {MAX_DEPTH}")
        server = await asyncio.to_thread(_server, self, query.notebook or None)
        gone = self.client_gone()
        serving = asyncio.create_task(_once(self, server), name="mcp request")
        try:
            await asyncio.wait({serving, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError, StreamClosedError):
                await serving

    # -- the tools

    async def listed(self, notebook: str | None) -> list[dict[str, Any]]:
        """Return the tools, as MCP lists them. Without a notebook in the address each takes one."""
        found = [
            _tool(spec.name, spec.description, spec.parameters, notebook is None) for spec in TOOLS.values()
        ]
        found.append(
            _tool(
                RESULT,
                "Get the result of an earlier call that timed out. Waits for it.",
                _object(callId=_CALL_ID),
                False,
            )
        )
        if notebook is None:
            found.insert(0, _tool(LIST, "List the person's notebooks that have a kernel.", _object(), False))
        return found

    async def called(self, notebook: str | None, name: str, args: dict[str, Any], note: Any) -> OutsideResult:
        """Make a call.

        Raises:
            LobuError: it was not accepted.
        """
        by = self.caller
        assert isinstance(by, Person), "others are refused"
        if name == LIST and notebook is None:
            paths = [path for path, _ in await self._notebooks(by)]
            return OutsideResult("\n".join(paths) or "No notebook has a kernel. Open one in JupyterLab.")
        if name == RESULT:
            return await self.service.outside_calls.result(
                self.gateway, by, _text(args, "callId", MOST_CALL_ID), note
            )
        if name not in TOOLS:
            raise InvalidField(f"there is no tool {name}", field="name")
        path = notebook if notebook is not None else _text(args, "notebook", MOST_NOTEBOOK)
        rest = args if notebook is not None else {k: v for k, v in args.items() if k != "notebook"}
        kernel = next((kernel for at, kernel in await self._notebooks(by) if at == path), None)
        call = OutsideCall(name=name, args=rest)
        return await self.service.outside_calls.call(self.gateway, by, place_of(path, kernel), call, note)

    async def _notebooks(self, by: Person) -> list[tuple[str, str]]:
        """Return the paths and kernels of the person's notebooks."""
        found: list[tuple[str, str]] = []
        sessions: Any = await self.settings["session_manager"].list_sessions()
        for one in sessions:
            kernel = (one.get("kernel") or {}).get("id")
            if one.get("type") == "notebook" and kernel:
                with suppress(LobuError):  # another person's
                    await self.service.owners.kernel(by.name, kernel)
                    found.append((str(one["path"]), str(kernel)))
        return found


def _server(handler: McpHandler, notebook: str | None) -> Any:
    """Return the MCP server of one request. Blocks for a second when the library is first imported."""
    try:
        types: Any = importlib.import_module("mcp.types")
        lowlevel: Any = importlib.import_module("mcp.server.lowlevel")
        importlib.import_module("mcp.server.streamable_http_manager")
    except ImportError as error:
        raise NotFound(MISSING) from error

    async def listed(*_: Any) -> Any:
        return types.ListToolsResult(tools=[types.Tool(**tool) for tool in await handler.listed(notebook)])

    async def called(ctx: Any, params: Any) -> Any:
        said = _Note(ctx.session)
        try:
            async with kept_alive(said.report, PROGRESS_SECONDS):
                outcome = await handler.called(notebook, params.name, params.arguments or {}, said.note)
        except LobuError as error:
            where = f" ({error.field})" if error.field else ""
            outcome = OutsideResult(f"{error.message}{where}", failed=True)
        content: list[Any] = [types.TextContent(type="text", text=outcome.text)]
        content += [types.ImageContent(type="image", data=i, mime_type="image/png") for i in outcome.images]
        return types.CallToolResult(content=content, is_error=outcome.failed)

    return lowlevel.Server("lobu_jupyter", on_list_tools=listed, on_call_tool=called)


async def _once(handler: McpHandler, server: Any) -> None:
    """Answer one request. The manager is stateless and lives as long as it."""
    manager: Any = importlib.import_module("mcp.server.streamable_http_manager")
    one = manager.StreamableHTTPSessionManager(app=server, stateless=True)
    async with one.run():
        await serve(handler, one.handle_request)


class _Note:
    """The progress of one call, which keeps its client from giving up."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._count = itertools.count(1)
        self._text = STILL

    async def note(self, text: str) -> None:
        """Report why the call waits."""
        if text != self._text:
            self._text = text
            await self.report()

    async def report(self) -> None:
        """Report that the call goes on."""
        await self._session.report_progress(float(next(self._count)), message=self._text)


def _tool(name: str, description: str, schema: dict[str, Any], takes_notebook: bool) -> dict[str, Any]:
    parameters = deepcopy(schema)
    if takes_notebook:
        parameters["properties"] = {"notebook": _NOTEBOOK, **parameters.get("properties", {})}
        parameters["required"] = ["notebook", *parameters.get("required", [])]
    return {"name": name, "description": description, "input_schema": parameters}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _text(args: dict[str, Any], name: str, most: int) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise InvalidField(f"must be a text of up to {most} characters", field=name)
    return value


ROUTES = [("mcp", McpHandler)]
