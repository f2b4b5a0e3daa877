"""Claude Code's ``--output-format stream-json`` as AG-UI events, with or without partial messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.ids import new_id

from .adapters import AgentFailure, as_object, called, raw, returned, said, session, thought

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event


class Claude:
    """An adapter of one conversation's lines: system, assistant, user (results), stream_event, result."""

    def __init__(self) -> None:
        self.error: AgentFailure | None = None
        self.usage: list[dict[str, Any]] = []
        self._session: str | None = None
        self._model: str | None = None
        self._streaming: str | None = None  # our id of the text that comes in deltas
        self._streamed = False  # a text came in deltas: the whole message repeats it
        self._calls: set[str] = set()

    def feed(self, line: str) -> list[Event]:
        found = as_object(line)
        take = None if found is None else getattr(self, f"_on_{found.get('type')}", None)
        if found is None or take is None:
            return raw(line)
        return [*self._seen(found), *take(found)]

    def close(self) -> list[Event]:
        return self._end_delta()

    def _seen(self, found: dict[str, Any]) -> list[Event]:
        name = found.get("session_id")
        if not name or self._session is not None:
            return []
        self._session = str(name)
        return [session("claude", self._session)]

    def _on_system(self, found: dict[str, Any]) -> list[Event]:
        self._model = found.get("model") or self._model
        return []

    def _on_assistant(self, found: dict[str, Any]) -> list[Event]:
        out = self._end_delta()
        for block in _blocks(found):
            kind = block.get("type")
            if kind == "text" and not self._streamed and block.get("text"):
                out += said(str(block["text"]))
            elif kind == "thinking" and block.get("thinking"):
                out += thought(str(block["thinking"]))
            elif kind == "tool_use" and block["id"] not in self._calls:
                self._calls.add(block["id"])
                out += called(block["id"], str(block.get("name") or "tool"), block.get("input") or {})
        return out

    def _on_user(self, found: dict[str, Any]) -> list[Event]:
        self._streamed = False
        return [
            returned(block["tool_use_id"], _text(block.get("content")))
            for block in _blocks(found)
            if block.get("type") == "tool_result" and self._answers(block.get("tool_use_id"))
        ]

    def _answers(self, call: Any) -> bool:
        known = call in self._calls
        self._calls.discard(call)
        return known

    def _on_stream_event(self, found: dict[str, Any]) -> list[Event]:
        event: dict[str, Any] = found.get("event") or {}
        if event.get("type") == "message_start":
            self._streamed = False
        delta: dict[str, Any] = event.get("delta") or {}
        if delta.get("type") != "text_delta" or not delta.get("text"):
            return self._end_delta() if event.get("type") == "content_block_stop" else []
        self._streamed = True
        begin: list[Event] = []
        if self._streaming is None:
            self._streaming = new_id("msg")
            begin = [{"type": "TEXT_MESSAGE_START", "messageId": self._streaming, "role": "assistant"}]
        text = {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._streaming, "delta": delta["text"]}
        return [*begin, text]

    def _end_delta(self) -> list[Event]:
        if self._streaming is None:
            return []
        name, self._streaming = self._streaming, None
        return [{"type": "TEXT_MESSAGE_END", "messageId": name}]

    def _on_result(self, found: dict[str, Any]) -> list[Event]:
        usage: dict[str, Any] = found.get("usage") or {}
        counts = {
            "inputTokens": usage.get("input_tokens"),
            "outputTokens": usage.get("output_tokens"),
            "cachedInputTokens": usage.get("cache_read_input_tokens"),
            "cacheWriteInputTokens": usage.get("cache_creation_input_tokens"),
        }
        entry: dict[str, Any] = {k: v for k, v in counts.items() if isinstance(v, int)}
        if entry:
            model = {"model": self._model} if self._model else {}
            self.usage = [{**entry, "provider": "anthropic", **model}]
        if found.get("is_error") or str(found.get("subtype", "success")) != "success":
            why = (
                found.get("result") or "; ".join(map(str, found.get("errors") or [])) or found.get("subtype")
            )
            self.error = AgentFailure(f"Claude Code failed: {why}")
        return self._end_delta()


def _blocks(found: dict[str, Any]) -> list[dict[str, Any]]:
    content: Any = (found.get("message") or {}).get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content or [] if isinstance(block, dict)]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else json.dumps(content, ensure_ascii=False)
    parts: list[Any] = content
    return "\n".join(
        str(part.get("text")) if part.get("type") == "text" else f"[{part.get('type')}]"
        for part in parts
        if isinstance(part, dict)
    )
