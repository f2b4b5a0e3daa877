"""What Claude Code, Codex and any program print, as valid AG-UI; nothing is dropped or said twice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lobu_jupyter.cli.exec.adapters import Adapter, adapter_of
from lobu_jupyter.model import events as ev
from lobu_jupyter.model.slice import Slice

Event = dict[str, Any]

CLAUDE = [
    {"type": "system", "subtype": "init", "session_id": "s-1", "model": "claude-x", "tools": ["Bash"]},
    {
        "type": "assistant",
        "session_id": "s-1",
        "message": {"content": [{"type": "thinking", "thinking": "Hm."}]},
    },
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "I look."}]}},
    {
        "type": "assistant",
        "message": {
            "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}]
        },
    },
    {
        "type": "user",
        "message": {
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a b"}]}
            ]
        },
    },
    {"type": "assistant", "message": {"content": [{"type": "text", "text": "Two files."}]}},
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "result": "Two files.",
        "usage": {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 2},
    },
]
CODEX = [
    {"type": "thread.started", "thread_id": "c-1"},
    {"type": "turn.started"},
    {"type": "item.completed", "item": {"id": "item_0", "type": "reasoning", "text": "Hm."}},
    {"type": "item.started", "item": {"id": "item_1", "type": "command_execution", "command": "ls"}},
    {
        "type": "item.completed",
        "item": {
            "id": "item_1",
            "type": "command_execution",
            "command": "ls",
            "aggregated_output": "a b",
            "exit_code": 0,
        },
    },
    {"type": "item.completed", "item": {"id": "item_2", "type": "agent_message", "text": "Two files."}},
    {"type": "turn.completed", "usage": {"input_tokens": 7, "cached_input_tokens": 2, "output_tokens": 3}},
]


def told(lines: list[Any], format: str = "auto") -> tuple[list[Event], Adapter]:
    """All events of these lines, which the strict slice has accepted to the end."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    adapter = adapter_of(format, texts[0])
    events = [event for text in texts for event in adapter.feed(text)] + adapter.close()
    strict = Slice()
    for event in events:
        strict.feed(*ev.parse(ev.encode(event), event["type"]), event["type"])
    end = ev.run_finished("t", "r", {"type": "success"})
    strict.feed(*ev.parse(ev.encode(end), "end"), "end")
    return events, adapter


def text_of(events: list[Event]) -> str:
    return "|".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


@pytest.mark.parametrize(("lines", "session"), [(CLAUDE, "s-1"), (CODEX, "c-1")], ids=["claude", "codex"])
def test_an_agents_lines_become_thought_call_result_text_and_session(lines: list[Any], session: str) -> None:
    events, adapter = told(lines)

    assert "Two files." in text_of(events)
    assert [e["value"]["sessionId"] for e in events if e["type"] == "CUSTOM"] == [session]
    assert [e["content"] for e in events if e["type"] == "TOOL_CALL_RESULT"] == ["a b"]
    assert [e["delta"] for e in events if e["type"] == "REASONING_MESSAGE_CONTENT"] == ["Hm."]
    assert (
        adapter.usage[0] | {"inputTokens": 7, "outputTokens": 3, "cachedInputTokens": 2} == adapter.usage[0]
    )


def test_partial_messages_are_said_once() -> None:
    def delta(text: str) -> Event:
        part = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
        return {"type": "stream_event", "event": part}

    lines = [
        {"type": "stream_event", "event": {"type": "message_start"}},
        delta("Two "),
        delta("files."),
        {"type": "assistant", "message": {"content": [{"type": "text", "text": "Two files."}]}},
        {"type": "stream_event", "event": {"type": "content_block_stop"}},
    ]

    assert text_of(told(lines)[0]) == "Two |files."


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"type": "result", "subtype": "error_max_turns", "is_error": True}, "error_max_turns"),
        ({"type": "turn.failed", "error": {"message": "no quota"}}, "no quota"),
        ({"type": "RUN_ERROR", "message": "broken", "code": "mine"}, "broken"),
    ],
)
def test_an_agents_own_error_is_kept(line: Event, words: str) -> None:
    format = {"result": "claude", "turn.failed": "codex", "RUN_ERROR": "agui"}[line["type"]]

    _, adapter = told([line], format)

    assert adapter.error is not None
    assert words in adapter.error.message


def test_agui_events_go_through_as_they_are_but_for_the_ends() -> None:
    event = {"type": "CUSTOM", "name": "mine", "value": {"x": [1]}}
    ends = [
        {"type": "RUN_STARTED", "threadId": "x", "runId": "y"},
        {"type": "RUN_FINISHED", "threadId": "x", "runId": "y", "usage": [{"inputTokens": 5}]},
    ]

    events, adapter = told([ends[0], event, ends[1]])

    assert events == [event]
    assert adapter.usage == [{"inputTokens": 5}]


@pytest.mark.parametrize("lines", [CLAUDE, CODEX, [{"type": "CUSTOM", "name": "n", "value": 1}]])
def test_a_line_that_is_not_understood_is_kept_raw(lines: list[Any]) -> None:
    events, _ = told([lines[0], "npm warn something", '{"type": "news from tomorrow"}', "[1]", ""])

    kept = json.dumps([e for e in events if e["type"] not in ("CUSTOM",)])
    assert "npm warn something" in kept
    assert "news from tomorrow" in kept


def test_plain_text_is_one_message_and_silence_none() -> None:
    assert text_of(told(["", "one", "{two", ""])[0]) == "one\n|{two\n|\n"
    assert told([""])[0] == []


def test_a_huge_result_is_cut_visibly() -> None:
    lines = [
        CODEX[0],
        {"type": "item.completed", "item": {**CODEX[4]["item"], "aggregated_output": "é" * 90_000}},
    ]

    (result,) = [e for e in told(lines)[0] if e["type"] == "TOOL_CALL_RESULT"]

    assert len(result["content"].encode()) < 64_000
    assert "180000 bytes in all" in result["content"]
