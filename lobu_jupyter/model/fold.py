"""The state of a thread, folded from its journal: transcript, tool cards, open interrupts, usage, title.

``fold(all) == fold(snapshot) + fold(tail)``. The TypeScript core folds the same way. The vectors in
``tests/vectors/fold`` hold both together. A run's ``changes`` is the number of
those in cells and files that were not taken back. The state is plain JSON::

    {"cursor", "title", "status": idle|running|waiting,
     "items":      [Item, …]           in order of first appearance
     "runs":       [{"runId", "parentRunId"?, "status", "error"?, "cut"?, "usage"?, "startedAt"?, "endedAt"?,
                     "context"?: the descriptions of what was sent beside the message, "changes"?}],
     "interrupts": [AG-UI Interrupt + "runId", …]        open ones
     "usage":      {"inputTokens": n, …}                  sums over all runs
     "state":      the agent's shared state, as of its last STATE_SNAPSHOT}

Item, by ``kind``:

- ``message``   id, runId, role, content (text or AG-UI parts), done
- ``reasoning`` id, runId, content, done
- ``tool``      id, runId, name, args (JSON text as streamed), status, outputs, note?, result?, ok?,
  interruptId?, decision?, diff? (that a person was last asked about), startedAt?, endedAt?. Status is streaming,
  running, waiting or done.
  ``ok``: whether its code ran without an error, false also for a call that was refused or could not be done.
  It is set only if the worker reported it (``metadata.lobu.ok`` of the result).
  ``outputs`` are nbformat outputs, with the parts of one index joined.
- ``activity``  id, runId, activityType, content
- ``step``      id (its name), runId, done
- ``subagent``  id, runId, name, description?, parentToolCallId?, status, message?. Status is running, waiting
  (for a person), done or failed
- ``error``     runId, code, message
- ``cancelled`` runId
- ``notice``    name, value: a ``lobu.*`` CUSTOM that is for the person (kernel, expiry …)
- ``custom``    name, value: any other CUSTOM
- ``raw``       event: RAW, state deltas and snapshots, all that has no card of its own

Items of a sub-agent carry ``subagentRunId``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .events import Event, decode
from .fold_values import descriptions, patched
from .usage import add_usage, usages_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .runs import Entry

State = dict[str, Any]
Item = dict[str, Any]

_OUTCOME_STATUS = {"success": "succeeded", "interrupt": "interrupted", "cancelled": "cancelled"}


def empty() -> State:
    """Return the state of a thread without events."""
    return {
        "cursor": 0,
        "title": "",
        "status": "idle",
        "items": [],
        "runs": [],
        "interrupts": [],
        "usage": {},
        "state": None,
    }


def fold(entries: Iterable[Entry], snapshot: State | None = None) -> State:
    """Return the state after `entries`, which follow `snapshot` (taken over, not copied) without a gap."""
    folding = Fold(snapshot)
    for entry in entries:
        folding.apply(entry.seq, decode(entry.body))
    return folding.state()


class Fold:
    """A state under construction. Streamed text is gathered in parts and joined by :meth:`state`."""

    def __init__(self, snapshot: State | None = None) -> None:
        self._state = snapshot if snapshot is not None else empty()
        self._items: dict[tuple[str, str], Item] = {}
        self._suspended: dict[str, Item] = {}  # call -> the sub-agent that waits in it
        self._parts: dict[tuple[int, str], tuple[dict[str, Any], str, list[str]]] = {}
        self._runs: dict[str, dict[str, Any]] = {run["runId"]: run for run in self._state["runs"]}
        self._run: str = self._state["runs"][-1]["runId"] if self._state["runs"] else ""
        for run in self._state["runs"]:
            if run["status"] == "running":
                self._run = run["runId"]
        for item in self._state["items"]:
            if "id" in item:
                self._items[(item["kind"], item["id"])] = item
            if item["kind"] == "subagent" and item["status"] == "waiting" and "parentToolCallId" in item:
                self._suspended[item["parentToolCallId"]] = item

    @property
    def cursor(self) -> int:
        return self._state["cursor"]

    def state(self) -> State:
        """Return the state so far. More events may be applied to it."""
        for holder, member, parts in self._parts.values():
            holder[member] = "".join(parts)
        self._parts.clear()
        return self._state

    def apply(self, seq: int, event: Event) -> None:
        """Apply the event at `seq`. An event that was applied before changes nothing."""
        if seq <= self._state["cursor"]:
            return
        self._state["cursor"] = seq
        handler = getattr(self, "_on_" + str(event.get("type", "")).lower(), None)
        if handler is None:
            self._add("raw", None, event, event=event)
        else:
            handler(event)

    # -- runs ---------------------------------------------------------------------------------

    def _on_run_started(self, event: Event) -> None:
        self._run = event["runId"]
        run: dict[str, Any] = {"runId": self._run, "status": "running"}
        if event.get("parentRunId"):
            run["parentRunId"] = event["parentRunId"]
        if event.get("timestamp"):
            run["startedAt"] = event["timestamp"]
        if context := descriptions((event.get("input") or {}).get("context")):
            run["context"] = context
        self._state["runs"].append(run)
        self._runs[self._run] = run
        self._state["status"] = "running"
        for message in (event.get("input") or {}).get("messages") or []:
            self._add(
                "message", message["id"], event, role=message["role"], content=message["content"], done=True
            )

    def _on_run_finished(self, event: Event) -> None:
        outcome: dict[str, Any] = event.get("outcome") or {"type": "success"}
        self._end(event, _OUTCOME_STATUS.get(outcome["type"], "succeeded"))
        if outcome["type"] == "cancelled":
            self._add("cancelled", None, event)
        for interrupt in outcome.get("interrupts") or []:
            self._state["interrupts"].append({**interrupt, "runId": self._run})
            lobu: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
            tool = self._items.get(("tool", interrupt.get("toolCallId") or ""))
            if tool is not None:
                diff = {"diff": lobu["diff"]} if lobu.get("diff") else {}
                tool |= {"status": "waiting", "interruptId": interrupt["id"], **diff}
            for call in lobu.get("parentToolCallIds") or []:
                self._set("tool", call, status="waiting")
        self._rest()

    def _on_run_error(self, event: Event) -> None:
        code = event.get("code") or "internal"
        self._end(event, "failed")
        self._runs[self._run]["error"] = {"code": code, "message": event["message"]}
        self._add("error", None, event, code=code, message=event["message"])
        self._rest()

    def _rest(self) -> None:
        """Set the status after a run's end. A run cancelled in the queue leaves the one before it running."""
        running = [run["runId"] for run in self._state["runs"] if run["status"] == "running"]
        if running:
            self._run = running[-1]
            self._state["status"] = "running"
        else:
            self._state["status"] = "waiting" if self._state["interrupts"] else "idle"

    def _end(self, event: Event, status: str) -> None:
        run = self._runs[self._run]
        run["status"] = status
        if event.get("timestamp"):
            run["endedAt"] = event["timestamp"]
        if usages := usages_of(event):
            run["usage"] = usages
            add_usage(self._state["usage"], usages)

    # -- text and reasoning -------------------------------------------------------------------

    def _on_text_message_start(self, event: Event) -> None:
        role = event.get("role") or "assistant"
        self._add("message", event["messageId"], event, role=role, content="", done=False)

    def _on_text_message_content(self, event: Event) -> None:
        self._append(self._items.get(("message", event["messageId"])), "content", event["delta"])

    def _on_text_message_end(self, event: Event) -> None:
        self._set("message", event["messageId"], done=True)

    def _on_reasoning_start(self, event: Event) -> None:
        """Ignore the span, which has no card of its own. Its messages have one."""

    def _on_reasoning_end(self, event: Event) -> None:
        """Ignore the span, as ``_on_reasoning_start`` does."""

    def _on_reasoning_message_start(self, event: Event) -> None:
        self._add("reasoning", event["messageId"], event, content="", done=False)

    def _on_reasoning_message_content(self, event: Event) -> None:
        self._append(self._items.get(("reasoning", event["messageId"])), "content", event["delta"])

    def _on_reasoning_message_end(self, event: Event) -> None:
        self._set("reasoning", event["messageId"], done=True)

    # -- tool calls ---------------------------------------------------------------------------

    def _on_tool_call_start(self, event: Event) -> None:
        tool = self._add("tool", event["toolCallId"], event, name=event["toolCallName"], args="")
        tool |= {"status": "streaming", "outputs": []}
        if event.get("timestamp"):
            tool["startedAt"] = event["timestamp"]

    def _on_tool_call_args(self, event: Event) -> None:
        self._append(self._items.get(("tool", event["toolCallId"])), "args", event["delta"])

    def _on_tool_call_end(self, event: Event) -> None:
        self._set("tool", event["toolCallId"], status="running")

    def _on_tool_call_result(self, event: Event) -> None:
        self._result(event["toolCallId"], event["content"], event)
        lobu: dict[str, Any] = (event.get("metadata") or {}).get("lobu") or {}
        if "ok" in lobu:
            self._set("tool", event["toolCallId"], ok=lobu["ok"])

    def _result(self, call: str, content: Any, event: Event) -> None:
        tool = self._items.get(("tool", call))
        if tool is None:
            self._add("raw", None, event, event=event)
            return
        tool["status"] = "done"
        tool["result"] = content
        if (item := self._suspended.pop(call, None)) is not None:  # it did not resume
            item |= {"status": "failed", "message": content}
        tool.pop("note", None)
        if event.get("timestamp"):
            tool["endedAt"] = event["timestamp"]

    # -- steps, sub-agents, activities ----------------------------------------------------------

    def _on_step_started(self, event: Event) -> None:
        step = self._add("step", event["stepName"], event, done=False)
        self._items[("step", event["stepName"])] = step

    def _on_step_finished(self, event: Event) -> None:
        self._set("step", event["stepName"], done=True)

    def _on_subagent_started(self, event: Event) -> None:
        if ("subagent", event["subagentRunId"]) in self._items:  # it resumes after a pause
            self._set("subagent", event["subagentRunId"], status="running")
            call = event.get("parentToolCallId") or ""
            self._set("tool", call, status="running")
            self._suspended.pop(call, None)
            return
        more = {k: event[k] for k in ("description", "parentToolCallId") if event.get(k)}
        item = self._add(
            "subagent", event["subagentRunId"], event, name=event["name"], status="running", **more
        )
        item.pop("subagentRunId", None)
        if event.get("parentSubagentRunId"):
            item["subagentRunId"] = event["parentSubagentRunId"]

    def _on_subagent_finished(self, event: Event) -> None:
        suspended = (event.get("outcome") or {}).get("type") == "suspended"
        self._set("subagent", event["subagentRunId"], status="waiting" if suspended else "done")
        item = self._items.get(("subagent", event["subagentRunId"]))
        if suspended and item is not None and "parentToolCallId" in item:
            self._suspended[item["parentToolCallId"]] = item

    def _on_subagent_error(self, event: Event) -> None:
        self._set("subagent", event["subagentRunId"], status="failed", message=event["message"])

    def _on_activity_snapshot(self, event: Event) -> None:
        kind, content = event["activityType"], event["content"]
        known = self._items.get(("activity", event["messageId"]))
        if known is None:
            self._add("activity", event["messageId"], event, activityType=kind, content=content)
        elif event.get("replace", True):
            known |= {"activityType": kind, "content": content}

    def _on_activity_delta(self, event: Event) -> None:
        known = self._items.get(("activity", event["messageId"]))
        content = None if known is None else patched(known["content"], event["patch"])
        if known is None or content is None:
            self._add("raw", None, event, event=event)
        else:
            known["content"] = content

    def _on_state_snapshot(self, event: Event) -> None:
        self._state["state"] = event["snapshot"]

    # -- ours -----------------------------------------------------------------------------------

    def _on_custom(self, event: Event) -> None:
        name, value = event["name"], event["value"]
        if name == "lobu.title":
            self._state["title"] = value["title"]
        elif name == "lobu.output":
            self._output(value)
        elif name == "lobu.note":
            self._note(value)
        elif name == "lobu.decision":
            self._decided(value)
        elif name == "lobu.closed":
            self._closed(value, event)
        elif name == "lobu.change":
            run = self._runs.get(value["runId"])
            if run is not None:
                run["changes"] = run.get("changes", 0) + (-1 if value.get("undone") else 1)
        elif name.startswith("lobu."):
            item = self._add("notice", None, event, name=name, value=value)
            if name == "lobu.still_running":  # after the run's end, perhaps in another one
                item["runId"] = value["runId"]
            if name == "lobu.cut" and not event.get("subagentRunId") and self._run in self._runs:
                self._runs[self._run]["cut"] = value["reason"]
            if name == "lobu.kernel":
                for interrupt in self._state["interrupts"]:
                    interrupt["kernelLost"] = True
        else:
            self._add("custom", None, event, name=name, value=value)

    def _output(self, value: dict[str, Any]) -> None:
        tool = self._items.get(("tool", value["toolCallId"]))
        if tool is None:
            return
        outputs: list[dict[str, Any]] = tool["outputs"]
        if value.get("clear"):
            outputs.clear()
            return
        index: int = value["index"]
        if index >= len(outputs):
            outputs.append(value["output"])
            return
        if value.get("replace"):
            outputs[index] = value["output"]
            return
        known, new = outputs[index], value["output"]
        if "text" in new:
            self._append(known, "text", new["text"])
        for mime, data in (new.get("data") or {}).items():
            if isinstance(known["data"].get(mime), str) and isinstance(data, str):
                self._append(known["data"], mime, data)
            else:
                known["data"][mime] = data

    def _note(self, value: dict[str, Any]) -> None:
        tool = self._items.get(("tool", value["toolCallId"]))
        if tool is not None and value.get("text"):
            tool["note"] = value["text"]
        elif tool is not None:
            tool.pop("note", None)

    def _decided(self, value: dict[str, Any]) -> None:
        self._drop([value["decision"]["interruptId"]])
        tool = self._items.get(("tool", value.get("toolCallId") or ""))
        if tool is not None:
            tool["decision"] = {k: v for k, v in value.items() if k != "toolCallId"}
            tool["status"] = "running"

    def _closed(self, value: dict[str, Any], event: Event) -> None:
        """Drop interrupts that expired or were cancelled. Their calls get `value.results`, or else `value.message`."""
        self._drop(value["interruptIds"])
        results: dict[str, Any] = value.get("results") or {}
        for call in value.get("toolCallIds") or []:
            self._result(call, results.get(call, value["message"]), event)
        self._add("notice", None, event, name="lobu.closed", value=value)
        if self._state["status"] == "waiting" and not self._state["interrupts"]:
            self._state["status"] = "idle"

    def _drop(self, interrupt_ids: list[str]) -> None:
        left = [i for i in self._state["interrupts"] if i["id"] not in interrupt_ids]
        self._state["interrupts"] = left

    # -- building ---------------------------------------------------------------------------------

    def _add(self, kind: str, name: str | None, event: Event, /, **members: Any) -> Item:
        item: Item = {"kind": kind, "runId": self._run, **members}
        if event.get("subagentRunId"):
            item["subagentRunId"] = event["subagentRunId"]
        if name is not None:
            item["id"] = name
            self._items[(kind, name)] = item
        self._state["items"].append(item)
        return item

    def _set(self, kind: str, name: str, /, **members: Any) -> None:
        item = self._items.get((kind, name))
        if item is not None:
            item |= members

    def _append(self, holder: dict[str, Any] | None, member: str, text: str) -> None:
        if holder is None:
            return
        key = (id(holder), member)
        if key not in self._parts:
            self._parts[key] = (holder, member, [holder[member]])
        self._parts[key][2].append(text)
