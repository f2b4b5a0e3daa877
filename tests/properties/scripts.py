"""Random but valid event scripts, as a worker may send them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lobu_jupyter.model.events import Event

TEXT = st.text(max_size=8)


@st.composite
def scripts(draw: st.DrawFn, prefix: str = "") -> list[Event]:
    """Whole pieces in random order: messages, reasoning, calls with outputs, steps, sub-agents, others."""
    events: list[Event] = []
    for number in range(draw(st.integers(0, 6))):
        events += draw(PIECES)(draw, f"{prefix}{number}")
    return events


def _message(draw: st.DrawFn, name: str) -> list[Event]:
    deltas = draw(st.lists(TEXT, max_size=3))
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": f"m{name}", "role": "assistant"},
        *({"type": "TEXT_MESSAGE_CONTENT", "messageId": f"m{name}", "delta": d} for d in deltas),
        {"type": "TEXT_MESSAGE_END", "messageId": f"m{name}"},
    ]


def _reasoning(draw: st.DrawFn, name: str) -> list[Event]:
    return [
        {"type": "REASONING_START", "messageId": f"s{name}"},
        {"type": "REASONING_MESSAGE_START", "messageId": f"q{name}", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": f"q{name}", "delta": draw(TEXT)},
        {"type": "REASONING_MESSAGE_END", "messageId": f"q{name}"},
        {"type": "REASONING_END", "messageId": f"s{name}"},
    ]


def _call(draw: st.DrawFn, name: str) -> list[Event]:
    outputs = draw(st.lists(TEXT, max_size=3))
    index = 0 if draw(st.booleans()) else None
    return [
        {"type": "TOOL_CALL_START", "toolCallId": f"c{name}", "toolCallName": "run_code"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": f"c{name}", "delta": '{"code": "1"}'},
        {"type": "TOOL_CALL_END", "toolCallId": f"c{name}"},
        _custom("lobu.note", {"toolCallId": f"c{name}", "text": draw(TEXT)}),
        *(_output(f"c{name}", n if index is None else index, text) for n, text in enumerate(outputs)),
        {
            "type": "TOOL_CALL_RESULT",
            "messageId": f"r{name}",
            "toolCallId": f"c{name}",
            "content": draw(TEXT),
        },
    ]


def _output(call: str, index: int, text: str) -> Event:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return _custom("lobu.output", {"toolCallId": call, "index": index, "output": output})


def _step(draw: st.DrawFn, name: str) -> list[Event]:
    step = {"stepName": f"step {name}"}
    return [{"type": "STEP_STARTED", **step}, *_message(draw, f"{name}s"), {"type": "STEP_FINISHED", **step}]


def _subagent(draw: st.DrawFn, name: str) -> list[Event]:
    sub: dict[str, Any] = {"subagentRunId": f"a{name}"}
    end = (
        {"type": "SUBAGENT_ERROR", "message": "no"} if draw(st.booleans()) else {"type": "SUBAGENT_FINISHED"}
    )
    inner = [{**event, **sub} for event in _message(draw, f"{name}a")]
    return [{"type": "SUBAGENT_STARTED", "name": "helper", **sub}, *inner, {**end, **sub}]


def _others(draw: st.DrawFn, name: str) -> list[Event]:
    return draw(
        st.sampled_from(
            [
                [{"type": "STATE_SNAPSHOT", "snapshot": {"n": name}}],
                [{"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/x", "value": 1}]}],
                [_custom("mine", [1, name])],
                [{"type": "RAW", "event": {"any": "thing"}, "source": "x"}],
                [{"type": "SOMETHING_NEW", "n": name}],
                [
                    {
                        "type": "ACTIVITY_SNAPSHOT",
                        "messageId": f"v{name}",
                        "activityType": "plan",
                        "content": {"a": 1},
                    }
                ],
            ]
        )
    )


def _custom(name: str, value: Any) -> Event:
    return {"type": "CUSTOM", "name": name, "value": value}


PIECES = st.sampled_from([_message, _reasoning, _call, _step, _subagent, _others])
