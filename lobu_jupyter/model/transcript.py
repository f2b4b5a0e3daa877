"""The conversation as AG-UI messages, read from the folded state: the history that a model gets.

A partial answer appears once, as far as it came. A call without a result gets one that says so, because no
provider accepts a history with open calls. Messages that an agent has summarised, because its model's context
was full (``lobu.compacted {upTo: message id, summary}``), appear as the summary. The state itself is never
cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fold import Item, State

COMPACTED = "lobu.compacted"
UNDONE = "lobu.undone"
NO_RESULT = "This call did not run to its end."


def messages_of(state: State) -> list[dict[str, Any]]:
    """Return the AG-UI messages (user, assistant with toolCalls, tool) of the parent agent, in order."""
    messages: list[dict[str, Any]] = []
    for item in state["items"]:
        if item.get("subagentRunId"):
            continue
        if item["kind"] == "message" and item["content"]:
            messages.append({"id": item["id"], "role": item["role"], "content": item["content"]})
        elif item["kind"] == "tool":
            _add_call(messages, item)
        elif item.get("name") == UNDONE:
            messages.append(_undone(item["value"]))
    return _after_summary(messages, state["items"])


def summary_text(summary: str) -> str:
    """Return a summary of older turns as a model gets it."""
    return f"[What came before, in summary]\n{summary}"


def _undone(value: dict[str, Any]) -> dict[str, Any]:
    """Return what the model is told of an act that took changes back."""
    lines = [
        f"- {item['what']} {item.get('cell') or ''} of {item['path']}: {_FATES[item['state']]}"
        for item in value.get("items") or []
        if item.get("state") in _FATES
    ]
    how = "took back changes of yours" if value.get("runId") else "made changes again that were taken back"
    text = "\n".join([f"[The person {how}. Read cells and files again before you change them.", *lines])
    return {"id": value["undoId"], "role": "user", "content": f"{text}]"}


_FATES = {"restore": "restored", "conflict": "kept as the person changed it", "lost": "could not be restored"}


def _after_summary(messages: list[dict[str, Any]], items: list[Item]) -> list[dict[str, Any]]:
    """Return the messages, with the parent agent's newest ``lobu.compacted`` in place of those it covers."""
    compacted = [i["value"] for i in items if i.get("name") == COMPACTED and not i.get("subagentRunId")]
    if not compacted:
        return messages
    value: dict[str, Any] = compacted[-1]
    place = next((n for n, message in enumerate(messages) if message["id"] == value["upTo"]), None)
    if place is None:
        return messages
    text = summary_text(value["summary"])
    return [{"id": f"summary_{value['upTo']}", "role": "user", "content": text}, *messages[place + 1 :]]


def _add_call(messages: list[dict[str, Any]], item: Item) -> None:
    call = {
        "id": item["id"],
        "type": "function",
        "function": {"name": item["name"], "arguments": _args(item)},
    }
    if item["status"] == "waiting":
        return  # undecided: it is in the checkpoint
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
