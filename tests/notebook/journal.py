"""Journals for tests: events given seqs, as a reader of the gateway gets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lobu_jupyter.model.events import custom, encode, run_error, run_finished, run_started, tool_result
from lobu_jupyter.model.interrupts import Interrupt, event_of_interrupt
from lobu_jupyter.model.runs import Entry
from lobu_jupyter.notebook.chain import Chain

T = "thread_1"
Event = dict[str, Any]


def started(run_id: str = "run_1", prompt: str = "plot sales by month", **more: Any) -> Event:
    message = {"id": f"user_{run_id}", "role": "user", "content": prompt}
    return run_started(T, run_id, [message] if prompt else [], **more)


def said(text: str, message_id: str = "m1") -> list[Event]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": message_id, "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": message_id, "delta": text},
        {"type": "TEXT_MESSAGE_END", "messageId": message_id},
    ]


def called(call: str = "c1", name: str = "run_code", args: str = '{"code": "1 + 1"}') -> list[Event]:
    return [
        {"type": "TOOL_CALL_START", "toolCallId": call, "toolCallName": name},
        {"type": "TOOL_CALL_ARGS", "toolCallId": call, "delta": args},
        {"type": "TOOL_CALL_END", "toolCallId": call},
    ]


def result(content: Any, call: str = "c1") -> Event:
    return tool_result(call, content, f"r_{call}")


def output(data: Event, call: str = "c1", index: int = 0) -> Event:
    return custom("lobu.output", {"toolCallId": call, "index": index, "output": data})


def asked(id_: str = "i1", call: str = "c1", **more: Any) -> Event:
    fields: Event = {"tool_name": "run_code", "args": {"code": "1 + 1"}, "message": "Run this code?", **more}
    interrupt = Interrupt(
        id=id_,
        thread_id=T,
        run_id="run_1",
        reason=fields.pop("reason", "tool_call"),
        tool_call_id=call,
        **fields,
    )
    return event_of_interrupt(interrupt)


def paused(*interrupts: Event, run_id: str = "run_1") -> Event:
    return run_finished(T, run_id, {"type": "interrupt", "interrupts": list(interrupts or (asked(),))})


def decided(id_: str = "i1", call: str = "c1", **decision: Any) -> Event:
    value = {"interruptId": id_, "kind": "approve", **decision}
    return custom(
        "lobu.decision", {"toolCallId": call, "decision": value, "by": "owner", "via": "kernel", "at": "now"}
    )


def finished(run_id: str = "run_1", outcome: str = "success") -> Event:
    return run_finished(T, run_id, {"type": outcome})


def failed(code: str, message: str) -> Event:
    return run_error(code, message)


def entries(events: Iterable[Event], first: int = 1) -> list[Entry]:
    return [Entry(seq, encode(event)) for seq, event in enumerate(events, first)]


def chain_of(*events: Event, run_id: str = "run_1") -> Chain:
    chain = Chain(run_id, 0)
    for entry in entries(events):
        chain.feed(entry)
    return chain
