"""Tools that installed packages add, through the entry point group ``lobu_jupyter.tools``.

The entry point is a function, plain or async, with type hints and a docstring. Its name is the tool's. It runs
in the worker, not in the person's kernel. A call asks a person first unless the function has the attribute
``approval = False``. Its return value is the result, and its exception is the call's error.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import ValidationError
from pydantic_ai import Tool

from lobu_jupyter.agents.registry import entry_points
from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.model.text import said_of

from .base import BoundTool, Call, Preview, Result, ToolError, Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

GROUP = "lobu_jupyter.tools"

log = logging.getLogger(__name__)


class Plugins:
    """The installed tools, imported at their first use."""

    def __init__(self) -> None:
        self._tools: list[BoundTool] | None = None

    async def tools(self, work: Work) -> list[BoundTool]:
        if self._tools is None:
            self._tools = await asyncio.to_thread(_load_all)
        return self._tools


def _load_all() -> list[BoundTool]:
    return [_load(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]


def _load(point: EntryPoint) -> BoundTool:
    try:
        return bound(point.name, point.load())
    except Exception as error:  # foreign code may raise anything, and the call and the log name it
        log.exception("the tool %s cannot be loaded", point.name)
        return _broken(point.name, f"{type(error).__name__}: {error}")


def bound(name: str, function: Callable[..., Any]) -> BoundTool:
    """Return a function as the tool `name`, with the schema of its signature and docstring."""
    described = Tool[None](function, takes_ctx=False, name=name)
    schema = described.function_schema

    async def run(work: Work, call: Call) -> Result:
        try:
            args: dict[str, Any] = schema.validator.validate_python(call.args)
        except ValidationError as error:
            raise ToolError(f"The arguments of {name} do not fit: {error}") from error
        return Result(_text(await _called(function, name, args)))

    async def preview(work: Work, args: dict[str, Any]) -> Preview:
        return Preview(message=f"Call {name}?")

    spec = ToolSpec(
        name=name,
        description=described.description or "",
        parameters=dict(schema.json_schema),
        approval=bool(getattr(function, "approval", True)),
    )
    return BoundTool(spec, run, preview)


async def _called(function: Callable[..., Any], name: str, args: dict[str, Any]) -> Any:
    try:
        if inspect.iscoroutinefunction(function):
            value = await function(**args)
        elif inspect.isasyncgenfunction(function):
            value = [part async for part in function(**args)]
        else:
            value = await asyncio.to_thread(_whole, function, args)
        return await value if inspect.isawaitable(value) else value
    except (
        Exception,
        SystemExit,
    ) as error:  # foreign code may raise anything: the call's error, not the run's
        log.info("the tool %s failed", name, exc_info=True)
        raise ToolError(f"{name} failed: {said_of(error)}") from error


def _whole(function: Callable[..., Any], args: dict[str, Any]) -> Any:
    """Return what a function returns, of a generator its items."""
    value = function(**args)
    return list(value) if inspect.isgenerator(value) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()


def _broken(name: str, why: str) -> BoundTool:
    async def run(work: Work, call: Call) -> Result:
        raise ToolError(f"{name} cannot be loaded on this server: {why}")

    return BoundTool(ToolSpec(name=name, description="Cannot be loaded.", approval=False), run)
