"""Codex's ``exec --json`` as AG-UI events: threads, turns and items."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ids import new_id

from .adapters import AgentFailure, as_object, called, raw, returned, said, session, thought

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event

_SILENT = ("turn.started", "item.updated")
_ARGUMENTS = {
    "command_execution": ("shell", ("command",)),
    "file_change": ("apply_patch", ("changes",)),
    "mcp_tool_call": ("mcp", ("server", "tool", "arguments")),
    "web_search": ("web_search", ("query",)),
    "todo_list": ("todo_list", ("items",)),
}
_RESULTS = ("aggregated_output", "result", "error", "exit_code", "status")


class Codex:
    """An adapter of one thread's lines."""

    def __init__(self) -> None:
        self.error: AgentFailure | None = None
        self.usage: list[dict[str, Any]] = []
        self._calls: dict[str, str] = {}  # item -> our id: Codex counts its items from 0 in every run
        self._trouble: str | None = None

    def feed(self, line: str) -> list[Event]:
        found = as_object(line)
        kind = found.get("type") if found is not None else None
        if found is None or not isinstance(kind, str):
            return raw(line)
        if kind == "thread.started":
            return [session("codex", str(found.get("thread_id")))]
        if kind in ("item.started", "item.completed"):
            return self._item(found.get("item") or {}, done=kind == "item.completed")
        if kind == "turn.completed":
            self._count(found.get("usage") or {})
            return []
        if kind == "turn.failed":
            self._fail((found.get("error") or {}).get("message") or self._trouble)
            return []
        if kind == "error":  # may be transient: the turn's end decides
            self._trouble = str(found.get("message") or "")
            return raw(line)
        return [] if kind in _SILENT else raw(line)

    def close(self) -> list[Event]:
        return []

    def _item(self, item: dict[str, Any], *, done: bool) -> list[Event]:
        kind, text = str(item.get("type")), str(item.get("text") or "")
        if kind in ("agent_message", "reasoning"):
            return (said if kind == "agent_message" else thought)(text) if done and text else []
        if kind not in _ARGUMENTS:
            return raw(json.dumps(item, ensure_ascii=False)) if done else []
        return self._call(item, kind, done=done)

    def _call(self, item: dict[str, Any], kind: str, *, done: bool) -> list[Event]:
        out: list[Event] = []
        key = str(item.get("id"))
        if key not in self._calls:
            self._calls[key] = new_id("call")
            name, members = _ARGUMENTS[kind]
            args = {member: item[member] for member in members if item.get(member) is not None}
            out += called(self._calls[key], name, args)
        if done:
            out.append(returned(self._calls.pop(key), _result(item)))
        return out

    def _count(self, usage: dict[str, Any]) -> None:
        names = {
            "input_tokens": "inputTokens",
            "output_tokens": "outputTokens",
            "cached_input_tokens": "cachedInputTokens",
            "reasoning_output_tokens": "reasoningTokens",
        }
        counts = {ours: usage[theirs] for theirs, ours in names.items() if isinstance(usage.get(theirs), int)}
        if counts:
            self.usage.append({**counts, "provider": "openai"})

    def _fail(self, why: Any) -> None:
        self.error = AgentFailure(f"Codex failed: {why or 'it did not say why'}")


def _result(item: dict[str, Any]) -> str:
    told = {name: item[name] for name in _RESULTS if item.get(name) is not None}
    output = told.get("aggregated_output")
    if isinstance(output, str):
        return output if told.get("exit_code") in (0, None) else f"{output}\n[exit code {told['exit_code']}]"
    return json.dumps(told, ensure_ascii=False)
