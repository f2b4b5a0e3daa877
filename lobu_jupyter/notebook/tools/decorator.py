"""The decorator ``@lobu.tool``: functions of the notebook as tools of the agent.

The agent calls them in the kernel by keyword, with JSON arguments. The schema comes from the
annotations, the descriptions from the docstring (its first paragraph, and Google or numpy style
parameters). A type without a JSON form is refused when the tool is defined, not when it is called.
"""

from __future__ import annotations

import inspect
import itertools
import json
import types
import typing
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, Union, overload

import msgspec

from lobu_jupyter.model.ports import ToolSpec
from lobu_jupyter.notebook.fingerprint import fingerprint_of

from .docstrings import parameters_of, summary_of

F = TypeVar("F", bound=Callable[..., Any])

MAX_RESULT = 20_000  # characters
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True)
class Registered:
    """A function and its description for the agent."""

    spec: ToolSpec
    function: Callable[..., Any]


_tools: dict[str, Registered] = {}
_persons: list[dict[str, Registered]] = []
"""The registries before agent code, while it runs."""


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, approval: bool = True, name: str | None = None, respond: bool = False) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    /,
    *,
    approval: bool = True,
    name: str | None = None,
    respond: bool = False,
) -> F | Callable[[F], F]:
    """Make a function a tool of the agent. The function itself stays as it is.

    Args:
        approval: ask the person before each call (unless a policy says otherwise).
        name: the tool's name for the agent. Default: the function's own.
        respond: the person may also answer in the function's place.

    Raises:
        TypeError: a parameter has no JSON form.
        ValueError: agent code takes the name of a tool of the person's.
    """

    def register(function: F) -> F:
        spec = spec_of(function, name=name, approval=approval, respond=respond)
        if _persons and not _by_agent(_persons[0].get(spec.name)):
            raise ValueError(f"{spec.name!r} is a tool that the person registered: use @lobu.tool(name=…)")
        if _persons:
            spec = msgspec.structs.replace(spec, by_agent=True)
        _tools[spec.name] = Registered(spec, function)
        return function

    return register if function is None else register(function)


def specs() -> list[ToolSpec]:
    """Return the registered tools, in the order of their first definition."""
    return [registered.spec for registered in _tools.values()]


def forget(name: str) -> None:
    """Remove a tool from the agent's. Harmless if there is none."""
    _tools.pop(name, None)


@contextmanager
def agent_code() -> Generator[None]:
    """Mark tools registered inside as agent code's, and restore the person's tools afterwards.

    The registry is compared with its earlier state, so it does not matter how the code changed it.
    """
    global _tools
    before = dict(_tools)
    _persons.append(before)
    try:
        yield
    finally:
        _persons.pop()
        found, _tools = _tools, {n: r for n, r in before.items() if not r.spec.by_agent}
        for name, registered in found.items():
            if name not in _tools:
                _tools[name] = _of_agent(registered)


def all_by_agent() -> None:
    """Mark all tools as agent code's, because it was the first to load this module."""
    for name, registered in _tools.items():
        _tools[name] = _of_agent(registered)


def _of_agent(registered: Registered) -> Registered:
    return replace(registered, spec=msgspec.structs.replace(registered.spec, by_agent=True))


def _by_agent(registered: Registered | None) -> bool:
    return registered is None or registered.spec.by_agent


def changed(name: str, approved: str | None) -> dict[str, Any] | None:
    """Return what is registered under a name if no approval covers it, else None.

    ``approved``: the fingerprint that a person approved, or None if the call needed no approval. Without one,
    no function of agent code runs.
    """
    registered = _tools.get(name)
    if registered is None:
        return None
    spec = registered.spec
    covered = spec.fingerprint == approved if approved is not None else not spec.by_agent
    return None if covered else {"fingerprint": spec.fingerprint, "byAgent": spec.by_agent}


def call(name: str, args: dict[str, Any]) -> Any:
    """Call a tool. An async one returns an awaitable.

    Raises:
        LookupError: no tool has that name (any more).
    """
    registered = _tools.get(name)
    if registered is None:
        known = ", ".join(_tools) or "none"
        raise LookupError(
            f"there is no tool {name!r} in this kernel (registered: {known}); run its cell again"
        )
    if fingerprint_of(registered.function) != registered.spec.fingerprint:
        raise LookupError(f"the function {name!r} was changed since you registered it; run its cell again")
    result: Any | Awaitable[Any] = registered.function(**args)
    return result


def as_json(value: Any) -> Any:
    """Return a tool's result for the agent: text, JSON, or else its repr, cut at 20 000 characters."""
    if isinstance(value, str):
        return _cut(value)
    if inspect.isgenerator(value):
        value = list(itertools.islice(value, MAX_RESULT))
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return _cut(_text_of(value))
    return json.loads(text) if len(text) <= MAX_RESULT else _cut(text)


def spec_of(
    function: Callable[..., Any], *, name: str | None = None, approval: bool = True, respond: bool = False
) -> ToolSpec:
    """Return the description of a function for the agent.

    Raises:
        TypeError: a parameter has no JSON form.
    """
    called = name or getattr(function, "__name__", "")
    if not called.isidentifier():
        raise TypeError(f"a tool needs a name that is an identifier, not {called!r}: use @lobu.tool(name=…)")
    doc = inspect.getdoc(function) or ""
    return ToolSpec(
        name=called,
        description=summary_of(doc),
        parameters=_schema_of(function, called, parameters_of(doc)),
        approval=approval,
        respond=respond,
        fingerprint=fingerprint_of(function),
    )


def _schema_of(function: Callable[..., Any], name: str, described: dict[str, str]) -> dict[str, Any]:
    hints = _hints(function, name)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        where = f"parameter {parameter.name!r} of tool {name!r}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TypeError(f"{where} cannot be given by keyword; tools take keyword arguments only")
        schema = json_schema(hints.get(parameter.name, Any), where)
        if parameter.name in described:
            schema["description"] = described[parameter.name]
        if parameter.default is parameter.empty:
            required.append(parameter.name)
        elif _is_json(parameter.default):
            schema["default"] = parameter.default
        properties[parameter.name] = schema
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except NameError as error:
        raise TypeError(f"an annotation of tool {name!r} names something unknown: {error}") from error


def json_schema(hint: Any, where: str) -> dict[str, Any]:
    """Return the JSON schema of a type. ``where`` names it in errors.

    Raises:
        TypeError: the type has no JSON form.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return {}
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    if origin is Literal and all(isinstance(arg, str | int | bool | None) for arg in args):
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [json_schema(arg, where) for arg in args]}
    if origin is typing.Annotated:
        note = next((arg for arg in args[1:] if isinstance(arg, str)), None)
        schema = json_schema(args[0], where)
        return schema if note is None else {**schema, "description": note}
    if hint is list or origin is list:
        return {"type": "array", "items": json_schema(args[0], where)} if args else {"type": "array"}
    if hint is dict or origin is dict:
        if args and args[0] is not str:
            raise TypeError(f"{where}: the keys of a JSON object are str, not {_named(args[0])}")
        inner = {"additionalProperties": json_schema(args[1], where)} if args else {}
        return {"type": "object", **inner}
    raise TypeError(
        f"{where}: {_named(hint)} has no JSON form, so an agent cannot write one. Take a str, int, float, "
        "bool, list, dict, Literal or Optional, for instance the name of a variable, and look it up inside."
    )


def _named(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint)


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _text_of(value: Any) -> str:
    """Return a repr of a value that may be huge: tables and arrays abbreviate themselves."""
    to_string = getattr(value, "to_string", None)
    if type(value).__module__.startswith("pandas") and to_string is not None:
        return str(to_string(max_rows=60))
    try:
        return repr(value)
    except RecursionError:
        return f"a {type(value).__name__} that nests too deep to show"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_RESULT else f"{text[:MAX_RESULT]}… ({len(text)} characters)"
