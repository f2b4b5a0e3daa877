"""Write tests/vectors/fold: journals and the state that the Python fold makes of them.

The TypeScript fold is held to the same states. Run it after the fold has gained a rule:
``python -m tests.vectors.make_fold``; the diff then shows what the rule changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.fold import Fold

FOLDER = Path(__file__).parent / "fold"
Event = dict[str, Any]


def started(run: str, prompt: str | None = None, at: int = 1_800_000_000_000, **more: Any) -> Event:
    said = [] if prompt is None else [{"id": f"m_{run}", "role": "user", "content": prompt}]
    return {**ev.run_started("t", run, said, **more), "timestamp": at}


def finished(run: str, kind: str = "success", **more: Any) -> Event:
    outcome = {"type": kind, **more}
    usage = [{"model": "demo", "inputTokens": 7, "outputTokens": 3}]
    return {**ev.run_finished("t", run, outcome, usage=usage), "timestamp": 1_800_000_009_000}


def said(name: str, *deltas: str, role: str | None = "assistant") -> list[Event]:
    start = {"type": "TEXT_MESSAGE_START", "messageId": name} | ({"role": role} if role else {})
    parts = [{"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": d} for d in deltas]
    return [start, *parts, {"type": "TEXT_MESSAGE_END", "messageId": name}]


def called(call: str, name: str, *args: str, at: int | None = None) -> list[Event]:
    start: Event = {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": name}
    if at is not None:
        start["timestamp"] = at
    parts = [{"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": a} for a in args]
    return [start, *parts, {"type": "TOOL_CALL_END", "toolCallId": call}]


def output(call: str, index: int, **out: Any) -> Event:
    return ev.custom("lobu.output", {"toolCallId": call, "index": index, "output": out})


def asked(name: str, call: str | None) -> Event:
    wire: Event = {"id": name, "reason": "tool_call", "message": "Run code?"}
    wire["metadata"] = {"lobu": {"toolName": "run_code", "args": {"code": "x"}}}
    return wire if call is None else {**wire, "toolCallId": call}


def decided(interrupt: str, call: str | None, kind: str, **more: Any) -> Event:
    decision = {"interruptId": interrupt, "kind": kind, **more}
    return ev.custom(
        "lobu.decision",
        {
            "toolCallId": call,
            "decision": decision,
            "by": "owner",
            "via": "page",
            "at": "2027-01-15T08:00:00.000Z",
        },
    )


JOURNALS: dict[str, list[Event]] = {
    "text": [
        started("r1", "hello"),
        *said("a1", "Hi", " the", "re", " the", "re"),
        *said("a2", role=None),
        finished("r1"),
        started("r2", "again", parentRunId="r1"),
        *said("a3", "Yes."),
        finished("r2"),
        ev.custom("lobu.title", {"title": "Greetings"}),
    ],
    "reasoning_steps_and_subagents": [
        started("r1", "think"),
        {"type": "REASONING_START", "messageId": "s"},
        {"type": "REASONING_MESSAGE_START", "messageId": "q", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "q", "delta": "hm"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "q", "delta": "m"},
        {"type": "REASONING_MESSAGE_END", "messageId": "q"},
        {"type": "REASONING_END", "messageId": "s"},
        {"type": "STEP_STARTED", "stepName": "look"},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "u", "name": "helper", "description": "helps"},
        {"type": "TEXT_MESSAGE_START", "messageId": "w", "role": "assistant", "subagentRunId": "u"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "w", "delta": "mine", "subagentRunId": "u"},
        {"type": "TEXT_MESSAGE_END", "messageId": "w", "subagentRunId": "u"},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "v", "name": "inner", "parentSubagentRunId": "u"},
        {"type": "SUBAGENT_ERROR", "subagentRunId": "v", "message": "lost"},
        {"type": "SUBAGENT_FINISHED", "subagentRunId": "u"},
        {"type": "STEP_FINISHED", "stepName": "look"},
        finished("r1"),
    ],
    "a_call_with_outputs": [
        started("r1", "plot"),
        *called("c1", "run_code", '{"code": "pr', 'int(1)"}', at=1_800_000_001_000),
        ev.custom("lobu.note", {"toolCallId": "c1", "text": "waiting for your cell"}),
        output("c1", 0, output_type="stream", name="stdout", text="a\n"),
        output("c1", 0, output_type="stream", name="stdout", text="b\n"),
        output(
            "c1", 1, output_type="display_data", data={"image/png": "AAA", "text/plain": "<F"}, metadata={}
        ),
        output(
            "c1", 1, output_type="display_data", data={"image/png": "BBB", "text/plain": "ig>"}, metadata={}
        ),
        output("c1", 1, output_type="display_data", data={"application/json": {"n": 1}}, metadata={}),
        output("gone", 0, output_type="stream", name="stdout", text="nowhere"),
        {**ev.tool_result("c1", "ok", "m1"), "timestamp": 1_800_000_002_500},
        ev.tool_result("unknown", "whose?", "m2"),
        finished("r1"),
    ],
    "a_pause_and_a_decision": [
        started("r1", "change it"),
        *called("c1", "run_code", '{"code": "x"}'),
        *called("c2", "run_code", '{"code": "y"}'),
        finished("r1", "interrupt", interrupts=[asked("i1", "c1"), asked("i2", "c2"), asked("i3", None)]),
        ev.custom("lobu.kernel", {"what": "restarted", "kernelId": "k", "incarnation": 2, "message": "gone"}),
        started("r2", None, parentRunId="r1", resume=[]),
        decided("i1", "c1", "edit", editedArgs={"code": "z"}),
        decided("i2", "c2", "reject", reason="no"),
        decided("i3", None, "approve", grant="thread"),
        ev.tool_result("c1", "done", "m1"),
        ev.tool_result("c2", "refused: no", "m2"),
        *said("a1", "Done."),
        finished("r2"),
    ],
    "ends": [
        started("r1", "one"),
        *said("a1", "part"),
        {
            "type": "RUN_ERROR",
            "code": "kernel_died",
            "message": "The kernel died.",
            "timestamp": 1_800_000_004_000,
        },
        started("r2", "two"),
        finished("r2", "cancelled"),
        started("r3", "three"),
        *called("c1", "write_file", '{"path": "a"}'),
        finished("r3", "interrupt", interrupts=[asked("i1", "c1")]),
        ev.custom(
            "lobu.closed",
            {"interruptIds": ["i1"], "toolCallIds": ["c1"], "why": "expired", "message": "Nobody answered."},
        ),
        started("r4", "four"),
        {"type": "RUN_ERROR", "message": "no code"},
    ],
    "nothing_is_dropped": [
        started("r1", "odd"),
        {"type": "RAW", "event": {"type": "NEW", "n": 1}, "source": "unknown"},
        ev.custom("someone.else", {"x": [1, None]}),
        ev.custom("lobu.instructions", {"path": "AGENTS.md", "bytes": 12}),
        {"type": "STATE_SNAPSHOT", "snapshot": {"a": 1}},
        {"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/b", "value": 2}]},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "x1", "activityType": "PLAN", "content": {"s": 1}},
        {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": "x1",
            "activityType": "PLAN",
            "content": {"s": 2},
            "replace": False,
        },
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "x1", "activityType": "PLAN", "content": {"s": 3}},
        {"type": "ACTIVITY_DELTA", "messageId": "x1", "activityType": "PLAN", "patch": []},
        {"type": "MESSAGES_SNAPSHOT", "messages": []},
        {"type": "REASONING_ENCRYPTED_VALUE", "subtype": "message", "entityId": "m", "encryptedValue": "?"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "never-opened", "delta": "lost?"},
        finished("r1"),
    ],
}


def vector(events: list[Event]) -> dict[str, Any]:
    """A journal and its state; both plain JSON. The journal is copied first, for a fold takes it over."""
    folding = Fold()
    for seq, event in enumerate(json.loads(json.dumps(events)), start=1):
        folding.apply(seq, event)
    return {"events": events, "state": json.loads(json.dumps(folding.state()))}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, events in JOURNALS.items():
        text = json.dumps(vector(events), indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
