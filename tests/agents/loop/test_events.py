"""From a model's stream to AG-UI events: nothing dropped, nothing doubled, nothing left open."""

from __future__ import annotations

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
)

from lobu_jupyter.agents.loop import history
from lobu_jupyter.agents.loop.events import EventMapper
from lobu_jupyter.model.events import MAX_EVENT_BYTES, Event, encode
from tests.agents.bench import Ended, check


def fed(mapper: EventMapper, *events: object) -> list[Event]:
    return [mapped for event in events for mapped in mapper.feed(event)]  # pyright: ignore[reportArgumentType]


@pytest.mark.scenario("E29")
def test_each_kind_of_part_reaches_the_person() -> None:
    mapper = EventMapper()
    call = ToolCallPart("run_code", "", tool_call_id="c1")
    file = FilePart(BinaryContent(b"x", media_type="image/png"))

    events = fed(
        mapper,
        PartStartEvent(index=0, part=ThinkingPart("hm")),
        PartEndEvent(index=0, part=ThinkingPart("hm")),
        PartStartEvent(index=1, part=TextPart("")),
        PartDeltaEvent(index=1, delta=TextPartDelta("hello")),
        PartEndEvent(index=1, part=TextPart("hello")),
        PartStartEvent(index=2, part=file),
        PartEndEvent(index=2, part=file),
        PartStartEvent(index=3, part=call),
        PartDeltaEvent(index=3, delta=ToolCallPartDelta(args_delta='{"code"')),
        PartDeltaEvent(index=3, delta=ToolCallPartDelta(args_delta=': "1"}')),
        PartEndEvent(index=3, part=call),
        FunctionToolResultEvent(ToolReturnPart("run_code", "1", tool_call_id="c1")),
    )

    check(Ended(events), owed=[])
    types = [event["type"] for event in events]
    assert types == [
        "REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT",
        "REASONING_MESSAGE_END", "REASONING_END",
        "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
        "RAW",
        "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT",
    ]  # fmt: skip
    text = next(e for e in events if e["type"] == "TEXT_MESSAGE_START")
    assert next(e for e in events if e["type"] == "TOOL_CALL_START")["parentMessageId"] == text["messageId"]


def test_text_that_goes_on_after_another_part_opens_a_message_of_its_own() -> None:
    mapper = EventMapper()

    events = fed(
        mapper,
        PartStartEvent(index=0, part=TextPart("a")),
        PartStartEvent(index=1, part=ThinkingPart("b")),
        PartDeltaEvent(index=0, delta=TextPartDelta("c")),
    )

    check(Ended(events + mapper.settle()), owed=[])
    assert [e["delta"] for e in events if "delta" in e] == ["a", "b", "c"]


def test_an_empty_message_never_shows() -> None:
    mapper = EventMapper()

    events = fed(mapper, PartStartEvent(index=0, part=TextPart("")), PartEndEvent(index=0, part=TextPart("")))

    assert events + mapper.close() == []


def test_a_failing_run_leaves_nothing_open_and_no_call_without_result() -> None:
    mapper = EventMapper()
    events = fed(mapper, PartStartEvent(index=0, part=ToolCallPart("run_code", '{"co', tool_call_id="c1")))

    closing = mapper.close()

    check(Ended(events + closing), owed=[])
    assert closing[-1]["type"] == "TOOL_CALL_RESULT"
    assert mapper.close() == []


def test_long_text_arguments_and_results_fit_into_events() -> None:
    mapper = EventMapper()
    long = "é" * 200_000

    events = fed(
        mapper,
        PartStartEvent(index=0, part=TextPart(long)),
        PartStartEvent(index=1, part=ToolCallPart("t", {"x": long}, tool_call_id="c1")),
        PartEndEvent(index=1, part=ToolCallPart("t", {"x": long}, tool_call_id="c1")),
        FunctionToolResultEvent(ToolReturnPart("t", long, tool_call_id="c1")),
    )

    check(Ended(events), owed=[])
    assert max(len(encode(event)) for event in events) <= MAX_EVENT_BYTES
    assert "".join(e["delta"] for e in events if e["type"] == "TEXT_MESSAGE_CONTENT") == long
    assert "characters are left out here" in events[-1]["content"]


def test_the_conversation_so_far_reaches_the_model() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "run_code", "arguments": '{"code":'}}
    messages = (
        {"id": "1", "role": "user", "content": "first"},
        {"id": "2", "role": "assistant", "content": "I try", "toolCalls": [call]},
        {"id": "3", "role": "tool", "toolCallId": "c1", "content": "42"},
        {"id": "4", "role": "tool", "toolCallId": "nobody", "content": "stray"},
        {"id": "5", "role": "reasoning", "content": "hm"},
        {
            "id": "6",
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "data", "value": "aGk=", "mimeType": "image/png"}},
                {"type": "audio", "source": {"type": "data", "value": "aGk=", "mimeType": "audio/mp3"}},
            ],
        },
    )

    past, prompt = history.split(messages)

    kinds = [type(part).__name__ for message in past for part in message.parts]
    assert kinds == ["UserPromptPart", "TextPart", "ToolCallPart", "ToolReturnPart"]
    assert past[1].parts[1].args == {"invalid": '{"code":'}  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(prompt, list)
    assert prompt[0] == "look"
    assert isinstance(prompt[1], BinaryContent)
    assert "audio/mp3" in str(prompt[2])
