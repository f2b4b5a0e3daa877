"""The run that an AG-UI client asks for: a new message, a result of its tools, a decision, or an older message again.

A client sends its whole conversation, and the journal has it already. Messages are matched by their ids:

- A new last message continues the thread. If the messages before it stop short of the thread's, because an earlier
  message was edited, the run goes into a fork that begins where they stop.
- A last message that the journal has is wanted again. The run goes into a fork that begins before it. If its run is
  still under way, the client gets that run.
- Results of the client's tools resume the run that waits for them.

A fork takes the thread's name, so the client's next request finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.bounds import MAX_PAGE
from lobu_jupyter.model.client_tools import CLIENT_TOOL, MAX_RESULT, ClientSide
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.requests import NewThread, RunsQuery, StartRun
from lobu_jupyter.model.runs import RunStatus, Started
from lobu_jupyter.model.text import shorten

if TYPE_CHECKING:
    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.fold import Item, State
    from lobu_jupyter.model.runs import RunInfo
    from lobu_jupyter.model.tracing import RemoteSpan

Message = dict[str, Any]
NOTHING = "(The client's tool returned nothing.)"


@dataclass(frozen=True)
class Asked:
    """The run for a client, or None and the questions that are still open.

    ``known``: the calls whose results the client has given itself.
    """

    started: Started | None
    known: frozenset[str] = frozenset()
    open: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Conversation:
    """A client's thread. ``name``: by which it is found. ``messages``: the client's own."""

    def __init__(
        self,
        gateway: Gateway,
        by: Caller,
        name: str,
        messages: list[Message],
        remote: RemoteSpan | None = None,
    ) -> None:
        self._gateway, self._by, self._name, self._messages = gateway, by, name, messages
        self._remote = remote
        self._results = {
            str(m.get("toolCallId")): _result_of(m, f"messages[{n}]")
            for n, m in enumerate(messages)
            if m.get("role") == "tool"
        }

    async def begin(self, request: StartRun, resume: list[dict[str, Any]] | None) -> Asked:
        """Start, resume or find the run."""
        thread = await self._gateway.threads.create(self._by, NewThread(name=self._name, reuse=True))
        state = await self._gateway.runs.snapshot(self._by, thread.thread_id)
        last = self._messages[-1] if self._messages else {}
        if resume or last.get("role") == "tool":
            client = ClientSide(tools=request.tools, state=request.state)
            return await self._resume(thread.thread_id, state, resume or [], client)
        known = frozenset(self._results)
        run = await self._again(thread.thread_id, state, request, str(last.get("id")))
        if run is not None:
            started = Started(run_id=run.run_id, thread_id=run.thread_id, cursor=max(run.start_cursor - 1, 0))
            return Asked(started, known)
        thread_id = await self._place(thread.thread_id, state, str(last.get("id")))
        started = await self._gateway.runs.start(
            self._by, thread_id, request, answered=self._results, remote=self._remote
        )
        return Asked(started, known)

    # -- results and decisions

    async def _resume(
        self, thread_id: str, state: State, resume: list[dict[str, Any]], client: ClientSide
    ) -> Asked:
        waiting: list[dict[str, Any]] = state["interrupts"]
        decided = {
            str(entry.get("interruptId")) for entry in resume
        }  # another type is refused with its name below
        mine = [i for i in waiting if i["reason"] == CLIENT_TOOL and i["id"] not in decided]
        found = [i for i in mine if i.get("toolCallId") in self._results]
        entries = [*resume, *(_entry(i["id"], self._results[i["toolCallId"]]) for i in found)]
        if resume:  # the client has decided: a call that it has no result of gets none
            entries += [{"interruptId": i["id"], "status": "cancelled"} for i in mine if i not in found]
        else:
            entries = entries or self._repeated(state)
            left = [i for i in waiting if i not in found]
            if waiting and left:
                return Asked(None, frozenset(self._results), left)
        started, _ = await self._gateway.policy.resume(self._by, thread_id, entries, client=client)
        return Asked(started, frozenset(self._results))

    def _repeated(self, state: State) -> list[dict[str, Any]]:
        """Return the entries of results that were given before, because a client may repeat its request."""
        tools = {item["id"]: item for item in state["items"] if item["kind"] == "tool"}
        entries: list[dict[str, Any]] = []
        for message in reversed(self._messages):
            if message.get("role") != "tool":
                break
            call = str(message.get("toolCallId"))
            decided: dict[str, Any] = (tools.get(call, {}).get("decision") or {}).get("decision") or {}
            if decided.get("kind") == "respond":
                entries.append(_entry(decided["interruptId"], self._results[call]))
        if not entries:
            where = f"messages[{len(self._messages) - 1}].toolCallId"
            raise InvalidField("no call of the client waits for this result", field=where)
        return entries

    # -- messages that exist

    async def _again(self, thread_id: str, state: State, request: StartRun, last: str) -> RunInfo | None:
        """Return the run that this request started before, or the live run of the message that it repeats."""
        run_of = _runs_of_messages(state)
        if last not in run_of:
            return None  # a repeated start is found by its client's request id
        runs = await self._gateway.runs.list(
            self._by, RunsQuery(thread_id=thread_id, status=None, limit=MAX_PAGE)
        )
        same = next((run for run in runs if run.client_request_id == request.client_request_id), None)
        live = next((run for run in runs if run.status is RunStatus.RUNNING), None)
        if same is None and live is not None and _root(state, live.run_id) == _root(state, run_of[last]):
            return live
        return same

    async def _place(self, thread_id: str, state: State, last: str) -> str:
        """Return the thread for the new run: the client's own, or a fork of it."""
        run_of = _runs_of_messages(state)
        if last in run_of:
            before: str | None = run_of[last]
        else:
            seen = [run_of[str(m.get("id"))] for m in self._messages[:-1] if str(m.get("id")) in run_of]
            before = _next_root(state, seen[-1]) if seen else None
        if before is None:
            return thread_id
        return (await self._gateway.threads.fork(self._by, thread_id, before, name=self._name)).thread_id


def _entry(interrupt_id: str, result: str) -> dict[str, Any]:
    return {"interruptId": interrupt_id, "status": "resolved", "payload": {"response": result}}


def _result_of(message: Message, where: str) -> str:
    """Return a tool message's result as text, cut visibly if it is long."""
    content, error = message.get("content"), message.get("error")
    if isinstance(content, list):
        parts: list[Any] = content
        content = "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if content is not None and not isinstance(content, str):
        raise InvalidField("must be a string or a list of parts", field=f"{where}.content")
    if error is not None and not isinstance(error, str):
        raise InvalidField("must be a string", field=f"{where}.error")
    text = f"{content or ''}\nError: {error}".strip() if error else content or ""
    return shorten(text, MAX_RESULT) if text.strip() else NOTHING


def _runs_of_messages(state: State) -> dict[str, str]:
    """Return the run of each message of the conversation, by the message's id."""
    items: list[Item] = state["items"]
    return {i["id"]: i["runId"] for i in items if i["kind"] == "message" and not i.get("subagentRunId")}


def _root(state: State, run_id: str) -> str:
    """Return the first of the runs that this run resumes, or itself."""
    parents = {run["runId"]: run.get("parentRunId") for run in state["runs"]}
    while parent := parents.get(run_id):
        run_id = parent
    return run_id


def _next_root(state: State, run_id: str) -> str | None:
    """Return the run that began next after this one and those that resumed it, None if there is none."""
    root = _root(state, run_id)
    roots = [run["runId"] for run in state["runs"] if not run.get("parentRunId")]
    at = roots.index(root) if root in roots else len(roots)
    return roots[at + 1] if at + 1 < len(roots) else None
