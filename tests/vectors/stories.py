"""The stories behind the fold vectors: each is a list of events; its state is what the Python fold says."""

from __future__ import annotations

from typing import Any

from lobu_jupyter.model import events as ev
from lobu_jupyter.model.cut import cut
from lobu_jupyter.model.events import Event

T = 1_800_000_000_000


def begun(run: str, prompt: str | None = "go", **more: Any) -> Event:
    messages = [] if prompt is None else [{"id": f"user-{run}", "role": "user", "content": prompt}]
    return {**ev.run_started("t", run, messages, **more), "timestamp": T}


def ended(run: str, kind: str = "success", **more: Any) -> Event:
    return {
        **ev.run_finished("t", run, {"type": kind, **more.pop("outcome", {})}, **more),
        "timestamp": T + 9,
    }


def text(name: str, *deltas: str, **more: Any) -> list[Event]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": name, "role": "assistant", **more},
        *({"type": "TEXT_MESSAGE_CONTENT", "messageId": name, "delta": d, **more} for d in deltas),
        {"type": "TEXT_MESSAGE_END", "messageId": name, **more},
    ]


def call(name: str, tool: str = "run_code", *deltas: str, **more: Any) -> list[Event]:
    return [
        {"type": "TOOL_CALL_START", "toolCallId": name, "toolCallName": tool, "timestamp": T + 1, **more},
        *({"type": "TOOL_CALL_ARGS", "toolCallId": name, "delta": d, **more} for d in deltas or ("{}",)),
        {"type": "TOOL_CALL_END", "toolCallId": name, **more},
    ]


def result(name: str, content: Any = "2") -> Event:
    return {**ev.tool_result(name, content, f"r-{name}"), "timestamp": T + 2}


def output(call: str, index: int, /, **member: Any) -> Event:
    return ev.custom("lobu.output", {"toolCallId": call, "index": index, "output": member})


def stream(name: str, index: int, words: str) -> Event:
    return output(name, index, output_type="stream", name="stdout", text=words)


def asks(run: str, *calls: str) -> Event:
    interrupts = [
        {"id": f"ask-{c}", "reason": "tool_call", "toolCallId": c, "message": "May it?"} for c in calls
    ]
    return ended(run, "interrupt", outcome={"interrupts": interrupts})


def decided(name: str, kind: str, **more: Any) -> Event:
    decision = {"interruptId": f"ask-{name}", "kind": kind, "reason": "", **more}
    return ev.custom(
        "lobu.decision", {"toolCallId": name, "decision": decision, "by": "ada", "via": "page", "at": "now"}
    )


def changed(name: str, run: str, **more: Any) -> Event:
    """A cell that a run changed, or whose change was taken back."""
    return ev.custom(
        "lobu.change", {"changeId": name, "runId": run, "what": "cell", "path": "a.ipynb", **more}
    )


def closed(why: str, *calls: str, **more: Any) -> Event:
    value = {"interruptIds": [f"ask-{c}" for c in calls], "toolCallIds": list(calls), "why": why}
    return ev.custom("lobu.closed", {**value, "message": f"Not run: {why}.", **more})


USAGE = [{"inputTokens": 3, "outputTokens": 4, "model": "m", "cached": True}]
PAUSE = [
    ev.custom("lobu.title", {"title": "T"}),
    begun("r1"),
    *text("m1", "Let me "),
    *call("c"),
    asks("r1", "c"),
]

DELEGATED = [
    begun("r1"),
    *call("c", "delegate"),
    {"type": "SUBAGENT_STARTED", "subagentRunId": "a", "name": "helper", "parentToolCallId": "c"},
    *text("m1", "I ask.", subagentRunId="a"),
    *call("d", subagentRunId="a"),
    {"type": "SUBAGENT_FINISHED", "subagentRunId": "a", "outcome": {"type": "suspended"}},
    ended(
        "r1",
        "interrupt",
        outcome={
            "interrupts": [
                {
                    "id": "ask-d",
                    "reason": "tool_call",
                    "toolCallId": "d",
                    "subagentRunId": "a",
                    "metadata": {"lobu": {"parentToolCallIds": ["c"]}},
                }
            ]
        },
    ),
]

STORIES: dict[str, list[Event]] = {
    "nothing": [],
    "text": [begun("r1"), *text("m1", "Hel", "lo", " ", "wörld 👋"), *text("m2"), ended("r1", usage=USAGE)],
    "in the middle": [begun("r1"), *text("m1", "Hel", "lo")[:-1]],
    "equal deltas": [begun("r1"), *text("m1", "ha", "ha", "ha"), ended("r1")],
    "parts": [
        begun("r1", None),
        ended("r1"),
        {
            **begun("r2"),
            "input": {"messages": [{"id": "u", "role": "user", "content": [{"type": "text", "text": "x"}]}]},
        },
        ended("r2"),
    ],
    "context": [
        {
            **begun("r1"),
            "input": {"context": [{"description": "The variable sales (DataFrame)", "value": "x"}]},
        },
        ended("r1"),
        {
            **begun("r2"),
            "input": {
                "context": [
                    {"description": "👋" * 300, "value": ""},
                    {"description": "", "value": "x"},
                    *[{"description": f"file {n}", "value": "x"} for n in range(30)],
                ]
            },
        },
        ended("r2"),
    ],
    "tool": [
        begun("r1"),
        *call("c", "run_code", '{"co', 'de": "1"}'),
        ev.custom("lobu.note", {"toolCallId": "c", "text": "waiting for your cell"}),
        stream("c", 0, "a"),
        stream("c", 0, "b\n"),
        output("c", 1, output_type="display_data", data={"text/plain": "<F", "image/png": "AA"}, metadata={}),
        output(
            "c", 1, output_type="display_data", data={"text/plain": "ig>", "image/png": "BB"}, metadata={}
        ),
        output("c", 1, output_type="display_data", data={"application/json": {"a": 1}}, metadata={}),
        result("c"),
        ended("r1"),
    ],
    "note cleared": [
        begun("r1"),
        *call("c"),
        ev.custom("lobu.note", {"toolCallId": "c", "text": "waiting"}),
        ev.custom("lobu.note", {"toolCallId": "c", "text": ""}),
    ],
    "outputs cleared and updated": [
        begun("r1"),
        *call("c1"),
        stream("c1", 0, "secret draft"),
        output("c1", 1, output_type="display_data", data={"text/plain": "old"}, metadata={}),
        ev.custom("lobu.output", {"toolCallId": "c1", "clear": True}),
        output("c1", 0, output_type="display_data", data={"text/plain": "0%"}, metadata={}),
        stream("c1", 1, "kept"),
        ev.custom(
            "lobu.output",
            {
                "toolCallId": "c1",
                "index": 0,
                "replace": True,
                "output": {"output_type": "display_data", "data": {"text/plain": "100%"}, "metadata": {}},
            },
        ),
        result("c1"),
        ended("r1"),
    ],
    "output of no call": [begun("r1"), stream("nobody", 0, "x"), result("nobody"), ended("r1")],
    "reasoning": [
        begun("r1"),
        {"type": "REASONING_START", "messageId": "s"},
        {"type": "REASONING_MESSAGE_START", "messageId": "q", "role": "reasoning"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "q", "delta": "hm"},
        {"type": "REASONING_MESSAGE_CONTENT", "messageId": "q", "delta": "m"},
        {"type": "REASONING_MESSAGE_END", "messageId": "q"},
        {"type": "REASONING_END", "messageId": "s"},
        ended("r1"),
    ],
    "subagent and steps": [
        begun("r1"),
        {"type": "STEP_STARTED", "stepName": "s"},
        {"type": "SUBAGENT_STARTED", "subagentRunId": "a", "name": "helper", "parentToolCallId": "c"},
        {
            "type": "SUBAGENT_STARTED",
            "subagentRunId": "b",
            "name": "h2",
            "parentSubagentRunId": "a",
            "description": "d",
        },
        *text("m1", "in b", subagentRunId="b"),
        {"type": "SUBAGENT_ERROR", "subagentRunId": "b", "message": "no"},
        *call("d", subagentRunId="a"),
        result("d"),
        {"type": "SUBAGENT_FINISHED", "subagentRunId": "a"},
        {"type": "STEP_FINISHED", "stepName": "s"},
        {"type": "STEP_STARTED", "stepName": "s"},
        {"type": "STEP_FINISHED", "stepName": "s"},
        ended("r1"),
    ],
    "code ended well and badly": [
        begun("r1"),
        *call("a"),
        {**result("a"), "metadata": {"lobu": {"ok": True}}},
        *call("b"),
        {**result("b", "boom"), "metadata": {"lobu": {"ok": False}}},
        ended("r1"),
    ],
    "a sub-agent waits": DELEGATED,
    "a sub-agent goes on": [
        *DELEGATED,
        begun("r2", None, parentRunId="r1", resume=[]),
        decided("d", "approve"),
        {"type": "SUBAGENT_STARTED", "subagentRunId": "a", "name": "helper", "parentToolCallId": "c"},
        {**result("d"), "subagentRunId": "a"},
        *text("m2", "Done.", subagentRunId="a"),
        {"type": "SUBAGENT_FINISHED", "subagentRunId": "a"},
        result("c", "Done."),
        ended("r2"),
    ],
    "a sub-agent is closed": [*DELEGATED, closed("expired", "d", "c")],
    "a sub-agent could not go on": [
        *DELEGATED,
        begun("r2", None, parentRunId="r1"),
        decided("d", "approve"),
        result("d", "Cancelled."),
        result("c", "Cancelled."),
        ended("r2", "cancelled"),
    ],
    "state, activity, custom and raw": [
        begun("r1"),
        {"type": "STATE_SNAPSHOT", "snapshot": {"a": [1]}},
        {"type": "STATE_DELTA", "delta": [{"op": "replace", "path": "/a", "value": 2}]},
        {"type": "MESSAGES_SNAPSHOT", "messages": []},
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "v", "activityType": "plan", "content": {"x": 1}},
        {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": "v",
            "activityType": "plan",
            "content": {"x": 2},
            "replace": False,
        },
        {"type": "ACTIVITY_SNAPSHOT", "messageId": "v", "activityType": "plan", "content": {"x": 3}},
        {"type": "ACTIVITY_DELTA", "messageId": "v", "activityType": "plan", "patch": []},
        ev.custom("mine", {"b": None, "a": 1}),
        ev.custom("lobu.instructions", {"path": "AGENTS.md", "bytes": 12}),
        {"type": "RAW", "event": {"type": "NEW"}, "source": "unknown"},
        {"type": "REASONING_ENCRYPTED_VALUE", "subtype": "message", "entityId": "m", "encryptedValue": "x"},
        ended("r1"),
    ],
    "a plan ticks": [
        begun("r1"),
        {
            "type": "ACTIVITY_SNAPSHOT",
            "messageId": "p",
            "activityType": "PLAN",
            "content": {
                "steps": [{"description": "look", "status": "pending"}, {"description": "draw"}],
                "a/b": 1,
            },
        },
        {
            "type": "ACTIVITY_DELTA",
            "messageId": "p",
            "activityType": "PLAN",
            "patch": [
                {"op": "replace", "path": "/steps/0/status", "value": "completed"},
                {
                    "op": "replace",
                    "path": "/steps/1",
                    "value": {"description": "plot", "status": "in_progress"},
                },
                {"op": "replace", "path": "/a~1b", "value": 2},
            ],
        },
        *(
            {"type": "ACTIVITY_DELTA", "messageId": message, "activityType": "PLAN", "patch": [step]}
            for message, step in [
                ("other", {"op": "add", "path": "/x", "value": 1}),
                ("p", {"op": "replace", "path": "/steps/9/status", "value": "completed"}),
                ("p", {"op": "replace", "path": "/gone", "value": 1}),
                ("p", {"op": "replace", "path": "/__proto__/x", "value": 1}),
                ("p", {"op": "replace", "path": "/steps/length", "value": 1}),
                ("p", {"op": "replace", "path": "/steps/-", "value": 1}),
                ("p", {"op": "add", "path": "/steps/0", "value": {}}),
                ("p", {"op": "move", "path": "/steps/0", "from": "/steps/1"}),
                ("p", {"op": "replace", "path": "", "value": {}}),
                ("p", {"op": "replace", "path": "/steps/01", "value": {}}),
                ("p", {"op": "replace", "path": "/steps/0"}),
                ("p", {"op": "remove", "path": "/steps/0"}),
            ]
        ),
        ended("r1"),
    ],
    "error": [
        begun("r1"),
        *text("m1", "par"),
        ev.run_error("kernel_died", "The kernel died."),
        begun("r2"),
        ended("r2"),
    ],
    "an answer is cut": [
        begun("r1"),
        *text("m1", "half of"),
        cut("length"),
        ended("r1"),
        begun("r2", "Continue where you stopped."),
        *text("m2", " it"),
        ended("r2"),
    ],
    "an answer of a sub-agent is cut": [
        begun("r1"),
        *call("c", "delegate"),
        {"type": "SUBAGENT_STARTED", "subagentRunId": "a", "name": "helper", "parentToolCallId": "c"},
        *text("m1", "half", subagentRunId="a"),
        {**cut("content_filter"), "subagentRunId": "a"},
        {"type": "SUBAGENT_FINISHED", "subagentRunId": "a"},
        result("c", "half"),
        ended("r1"),
    ],
    "error without code": [begun("r1"), {"type": "RUN_ERROR", "message": "oops", "usage": USAGE}],
    "cancelled": [begun("r1"), *text("m1", "par"), ended("r1", "cancelled")],
    "usage with more than tokens": [
        begun("r1"),
        ended(
            "r1", usage=USAGE * 2, metadata={"lobu": {"usage": [{"cost": 0.5, "contextWindow": 1000}, {}]}}
        ),
        begun("r2"),
        ended("r2", usage=[{**USAGE[0], "metadata": {"cost": 0.25}}], metadata={"other": 1}),
    ],
    "code runs on after its end": [
        begun("r1"),
        ended("r1", "cancelled"),
        begun("r2"),
        ev.custom("lobu.still_running", {"runId": "r1", "kernelId": "k", "message": "It is still running."}),
        ended("r2"),
    ],
    "usage over runs": [begun("r1"), ended("r1", usage=USAGE * 2), begun("r2"), ended("r2", usage=USAGE)],
    "pause": PAUSE,
    "approved": [
        *PAUSE,
        begun("r2", None, parentRunId="r1", resume=[]),
        decided("c", "approve"),
        result("c"),
        *text("m2", "Done."),
        ended("r2"),
    ],
    "a diff stays with its decision": [
        begun("r1"),
        *call("c", "delete_cell", '{"cell": "a"}'),
        ended(
            "r1",
            "interrupt",
            outcome={
                "interrupts": [
                    {
                        "id": "ask-c",
                        "reason": "tool_call",
                        "toolCallId": "c",
                        "metadata": {"lobu": {"toolName": "delete_cell", "diff": "@@ -1 +0,0 @@\n-gone\n"}},
                    }
                ]
            },
        ),
        begun("r2", None, parentRunId="r1", resume=[]),
        decided("c", "approve"),
        result("c", "Deleted the cell a."),
        ended("r2"),
    ],
    "edited and rejected": [
        begun("r1"),
        *call("a"),
        *call("b"),
        asks("r1", "a", "b"),
        begun("r2", None, parentRunId="r1"),
        decided("a", "edit", editedArgs={"code": "2"}),
        decided("b", "reject", reason="no"),
        result("a"),
        result("b", "Refused: no"),
        ended("r2"),
    ],
    "expired": [*PAUSE, closed("expired", "c")],
    "the client went on": [*PAUSE, closed("client", "c", results={"c": "shown", "x": "of no call"})],
    "cancelled while waiting, then on": [*PAUSE, closed("cancelled", "c"), begun("r2"), ended("r2")],
    "kernel lost while waiting": [
        *PAUSE,
        ev.custom(
            "lobu.kernel", {"what": "restarted", "kernelId": "k", "incarnation": 2, "message": "Restarted."}
        ),
    ],
    "error while another pause is open": [*PAUSE, begun("r2"), ev.run_error("internal", "x")],
    "cancelled in the queue": [
        begun("r1"),
        *text("m1", "be")[:2],
        begun("r2", "later"),
        ended("r2", "cancelled"),
        *text("m1", "fore")[1:],
        ended("r1"),
    ],
    "changes are taken back": [
        begun("r1"),
        changed("c1", "r1"),
        changed("c2", "r1"),
        ended("r1"),
        changed("c3", "r1", root="c1", undone=True, undoId="u1"),
        ev.custom("lobu.undone", {"undoId": "u1", "runId": "r1", "items": [], "message": "Restored."}),
        begun("r2"),
        changed("c4", "r2"),
        changed("c5", "r9"),
        ended("r2"),
        changed("c6", "r1", root="c1", undoId="u2"),
    ],
    "title changed in a run": [begun("r1"), ev.custom("lobu.title", {"title": "New"}), ended("r1")],
}
