"""The CUSTOM events of ours that a worker may journal, and the check of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .bounds import Id, Name, Text, explain
from .errors import InvalidField

if TYPE_CHECKING:
    from .events import Custom

MAX_OUTPUTS = 100_000  # of one call
MAX_PARTS = 1000  # of a chat that a provider refused at once
MAX_WAIT = 3600.0  # seconds until a model is asked again


class _Output(Struct):
    output_type: Literal["stream", "display_data", "execute_result", "error"] | None = None
    name: Text | None = None
    text: Text | list[str] | None = None
    data: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    ename: Text | None = None
    evalue: Text | None = None
    traceback: list[str] | None = None


class _OutputValue(Struct, rename="camel"):
    tool_call_id: Id
    index: Annotated[int, Meta(ge=0, le=MAX_OUTPUTS)]
    output: _Output


class _NoteValue(Struct, rename="camel"):
    tool_call_id: Id
    text: Text | None = None


class _CompactedValue(Struct, rename="camel"):
    up_to: Name
    summary: Text


class _GrantedValue(Struct, rename="camel"):
    tool_call_id: Id
    grant_id: Id
    tool: Name | None = None
    message: Text | None = None


class _CutValue(Struct, rename="camel"):
    reason: Name
    message: Text


class _LeftOutValue(Struct, rename="camel"):
    message: Text
    model: Name = ""
    parts: Annotated[list[tuple[Name, Name]], Meta(max_length=MAX_PARTS)] = []


class _RetryValue(Struct, rename="camel"):
    reason: Name
    seconds: Annotated[float, Meta(ge=0, le=MAX_WAIT)]
    message: Text


class _AgentTitle(Struct, rename="camel"):
    title: Name


class _AgentValue(Struct, rename="camel"):
    agent: Name


_CUSTOM = {
    "lobu.agent": _AgentValue,
    "lobu.agent_title": _AgentTitle,
    "lobu.output": _OutputValue,
    "lobu.note": _NoteValue,
    "lobu.compacted": _CompactedValue,
    "lobu.granted": _GrantedValue,
    "lobu.cut": _CutValue,
    "lobu.left_out": _LeftOutValue,
    "lobu.retry": _RetryValue,
}


def check_custom(event: Custom, where: str) -> None:
    """Refuse a CUSTOM event of ours whose value the fold could not read.

    Raises:
        InvalidField: names the member.
    """
    cls = _CUSTOM.get(event.name)
    if cls is None:
        return
    try:
        msgspec.convert(event.value, cls)
    except msgspec.ValidationError as error:
        text, member = explain(error)
        raise InvalidField(f"{event.name}: {text}", field=where + member) from error
