"""The conversation as AG-UI messages, read off the folded state: what a model is told of the past.

A partial answer is in it once, as far as it came; a call without result gets one that says so, for
no provider takes a history with open calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fold import Item, State

NO_RESULT = "This call did not run to its end."


def messages_of(state: State) -> list[dict[str, Any]]:
    """AG-UI messages (user, assistant with toolCalls, tool) of the parent agent, in order."""
    messages: list[dict[str, Any]] = []
    for item in state["items"]:
        if item.get("subagentRunId"):
            continue
        if item["kind"] == "message" and item["content"]:
            messages.append({"id": item["id"], "role": item["role"], "content": item["content"]})
        elif item["kind"] == "tool":
            _add_call(messages, item)
    return messages


def _add_call(messages: list[dict[str, Any]], item: Item) -> None:
    call = {
        "id": item["id"],
        "type": "function",
        "function": {"name": item["name"], "arguments": _args(item)},
    }
    if item["status"] == "waiting":
        return  # undecided: it lives in the checkpoint
    result = {
        "id": f"result_{item['id']}",
        "role": "tool",
        "toolCallId": item["id"],
        "content": item.get("result", NO_RESULT),
    }
    messages.append({"id": f"calls_{item['id']}", "role": "assistant", "toolCalls": [call]})
    messages.append(result)


def _args(item: Item) -> str:
    edited = ((item.get("decision") or {}).get("decision") or {}).get("editedArgs")
    if edited is None:
        return item["args"] or "{}"
    import json

    return json.dumps(edited, ensure_ascii=False)
