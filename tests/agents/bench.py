"""A run of an agent without a gateway: its events are checked as the gateway and AG-UI would check them."""

from __future__ import annotations

import ast
import contextlib
import io
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from ag_ui.core import Event as AgUiEvent
from nbformat.v4 import new_code_cell
from pydantic import TypeAdapter

from lobu_jupyter.model.events import Event, encode, parse, run_error, run_finished
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.interrupts import Decision, Interrupt, event_of_interrupt, held_calls
from lobu_jupyter.model.notebooks import (
    Insert,
    Locked,
    Read,
    Request,
    change,
    described,
    is_absent,
    metadata_of,
    names_of,
)
from lobu_jupyter.model.policy import Layer, Policy, Rules
from lobu_jupyter.model.ports import (
    AgentError,
    AgentPort,
    Executed,
    KernelInfo,
    KernelPort,
    Output,
    Pause,
    Resumption,
    Task,
    ToolSpec,
)
from lobu_jupyter.model.slice import Slice
from lobu_jupyter.notebook.guest import looks

_AG_UI: TypeAdapter[Any] = TypeAdapter(AgUiEvent)
Taker = Callable[[Any], Awaitable[None]]


class FakeKernel:
    """Runs code in a namespace of its own; what it ran is in ``ran``."""

    def __init__(self, **names: Any) -> None:
        self.names: dict[str, Any] = dict(names)
        self.ran: list[str] = []
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.changed: dict[str, Any] | None = None  # the function that it has now, if it is another one

    async def run_code(
        self, code: str, on_output: Taker, on_waiting: Taker, *, as_cell: bool = False
    ) -> Executed:
        self.ran.append(code)
        count = len(self.ran) if as_cell else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            error, value = self._evaluate(code)
        if printed.getvalue():
            await on_output({"output_type": "stream", "name": "stdout", "text": printed.getvalue()})
        if error is not None:
            await on_output({"output_type": "error", **error})
            return Executed(ok=False, error=error, count=count)
        if value is not None:
            plain: Output = {
                "output_type": "execute_result",
                "data": {"text/plain": repr(value)},
                "metadata": {},
            }
            await on_output(plain)
        return Executed(ok=True, count=count)

    def _evaluate(self, code: str) -> tuple[dict[str, Any] | None, Any]:
        try:
            tree = ast.parse(code)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, "<cell>", "exec"), self.names)
            if isinstance(last, ast.Expr):
                return None, eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.names)
        except Exception as error:  # noqa: BLE001 -- whatever the code raises is its outcome
            trace = traceback.format_exc().splitlines()
            return {"ename": type(error).__name__, "evalue": str(error), "traceback": trace}, None
        return None, None

    async def look(self, expression: str) -> Executed:
        bound = SimpleNamespace(
            list_variables=partial(looks.list_variables, self._visible()),
            describe_variable=partial(looks.describe_variable, names=self._visible()),
            read_document=looks.read_document,
        )
        space = {
            "lobu_jupyter": SimpleNamespace(notebook=SimpleNamespace(guest=SimpleNamespace(looks=bound)))
        }
        try:
            return Executed(ok=True, value=eval(expression, space))
        except NameError as error:
            return Executed(ok=False, error={"ename": "NameError", "evalue": str(error), "traceback": []})

    def _visible(self) -> dict[str, Any]:
        return {name: value for name, value in self.names.items() if not name.startswith("_")}

    async def call_tool(
        self,
        name: str,
        args: dict[str, Any],
        on_output: Taker,
        on_waiting: Taker,
        *,
        approved: str | None = None,
    ) -> Executed:
        if self.changed is not None and approved != self.changed["fingerprint"]:
            return Executed(ok=False, changed=self.changed)
        self.called.append((name, args))
        return Executed(ok=True, value={"called": name})


@dataclass
class Ended:
    """A run's events and how it ended."""

    events: list[Event] = field(default_factory=list)
    pause: Pause | None = None
    error: AgentError | None = None
    usage: list[dict[str, Any]] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def text(self) -> str:
        return "".join(e["delta"] for e in self.events if e["type"] == "TEXT_MESSAGE_CONTENT")

    @property
    def results(self) -> dict[str, str]:
        return {e["toolCallId"]: e["content"] for e in self.events if e["type"] == "TOOL_CALL_RESULT"}

    @property
    def calls(self) -> dict[str, str]:
        """Names of the calls that this run began, by id."""
        return {e["toolCallId"]: e["toolCallName"] for e in self.events if e["type"] == "TOOL_CALL_START"}

    @property
    def interrupts(self) -> list[Interrupt]:
        assert self.pause is not None, self.events
        return self.pause.interrupts

    def customs(self, name: str) -> list[Any]:
        return [e["value"] for e in self.events if e["type"] == "CUSTOM" and e["name"] == name]


def task_for(prompt: str, **more: Any) -> Task:
    """A first run on a thread, with a kernel."""
    fields: dict[str, Any] = {
        "run_id": new_id("run"),
        "thread_id": "thread_1",
        "incarnation": 1,
        "agent": "script",
        "messages": ({"id": "m1", "role": "user", "content": prompt},),
        "kernel": KernelInfo(kernel_id="k1", incarnation=1),
    }
    return Task(**{**fields, **more})


def policy(*, answerable: bool = True, max_mode: Any = "allow", **layers: dict[str, Any]) -> Policy:
    made = tuple(Layer(name=name, rules=Rules(**rules)) for name, rules in layers.items())
    return Policy(layers=made, answerable=answerable, max_mode=max_mode)


class FakeNotebook:
    """Cells that nobody has open, and the rules of model/notebooks.py."""

    def __init__(self, *sources: str) -> None:
        self.cells: list[dict[str, Any]] = [new_code_cell(text, id=f"c{n}") for n, text in enumerate(sources)]

    @property
    def sources(self) -> list[str]:
        return [cell["source"] for cell in self.cells]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        wish = msgspec.convert(request, Request)
        if isinstance(wish, Read):
            return {**described(self.cells, wish), "where": "file"}
        new = (
            new_code_cell(wish.source, id=wish.cell, metadata=metadata_of(wish))
            if isinstance(wish, Insert)
            else None
        )
        if is_absent(names_of(self.cells), wish):
            return {"done": True, "absent": True}
        try:
            conflict = change(self.cells, wish, new)
        except Locked as locked:
            return {"refused": str(locked)}
        return {"done": True} if conflict is None else {"conflict": conflict}


Budget = Callable[[dict[str, Any]], dict[str, Any]]


async def said(
    agent: AgentPort,
    task: Task,
    kernel: KernelPort | None = None,
    notebook: FakeNotebook | None = None,
    budget: Budget | None = None,
) -> AsyncIterator[Event]:
    """What the agent says, to a host that has everything durable at once."""
    async with aclosing(cast("AsyncGenerator[Event]", agent.run(task, kernel))) as events:
        async for event in events:
            if event["type"] == "lobu.sync":
                event["done"].set_result(None)
            elif event["type"] == "lobu.spend":
                assert budget is not None, event
                event["done"].set_result(budget(event["request"]))
            elif event["type"] == "lobu.change":
                event["done"].set_result("")
            elif event["type"] == "lobu.notebook":
                assert notebook is not None, event
                event["done"].set_result(notebook.answer(event["request"]))
            else:
                yield event


async def run(
    agent: AgentPort,
    task: Task,
    kernel: KernelPort | None = None,
    notebook: FakeNotebook | None = None,
    budget: Budget | None = None,
) -> Ended:
    """Run to the end; every event passes the gateway's slice and AG-UI's own models."""
    ended = Ended()
    try:
        async for event in said(agent, task, kernel, notebook, budget):
            if event["type"] == "lobu.usage":
                ended.usage = event["usage"]
            else:
                ended.events.append(event)
    except Pause as pause:
        ended.pause = pause
        ended.usage = pause.usage
    except AgentError as error:
        ended.error = error
        ended.usage = error.usage
    check(
        ended, [call for i in task.resumption.interrupts for call in held_calls(i)] if task.resumption else []
    )
    return ended


def check(ended: Ended, owed: list[str]) -> None:
    """Raise if the gateway or an AG-UI client would refuse the run."""
    sliced = Slice(owed)
    for number, event in enumerate([*ended.events, _terminal(ended)]):
        _AG_UI.validate_python(event)
        known, body = parse(encode(event), f"events[{number}]")
        sliced.feed(known, body, f"events[{number}]")
    assert sliced.ended


def _terminal(ended: Ended) -> Event:
    if ended.error is not None:
        return run_error(ended.error.code, ended.error.message)
    outcome: dict[str, Any] = {"type": "success"}
    if ended.pause is not None:
        outcome = {"type": "interrupt", "interrupts": [event_of_interrupt(i) for i in ended.interrupts]}
    return run_finished("thread_1", "run_1", outcome, usage=ended.usage)


async def resume(
    agent: AgentPort,
    task: Task,
    ended: Ended,
    kernel: KernelPort | None,
    *kinds: Any,
    notebook: FakeNotebook | None = None,
    budget: Budget | None = None,
) -> Ended:
    """Go on after a pause, with one decision per interrupt: a kind, or the fields of a Decision."""
    assert ended.pause is not None
    decisions = tuple(
        Decision(interrupt_id=interrupt.id, **({"kind": kind} if isinstance(kind, str) else kind))
        for interrupt, kind in zip(ended.interrupts, kinds, strict=True)
    )
    resumption = Resumption(
        checkpoint=ended.pause.checkpoint, interrupts=tuple(ended.interrupts), decisions=decisions
    )
    next_task = Task(
        run_id=new_id("run"),
        thread_id=task.thread_id,
        incarnation=1,
        agent=task.agent,
        model=task.model,
        context=task.context,
        policy=task.policy,
        kernel=task.kernel,
        root=task.root,
        notebook_path=task.notebook_path,
        resumption=resumption,
        budgeted=task.budgeted,
        messages=task.messages,
        work_in=task.work_in,
        below_cell=task.below_cell,
    )
    return await run(agent, next_task, kernel, notebook, budget)


def registered(*specs: ToolSpec) -> KernelInfo:
    return KernelInfo(kernel_id="k1", incarnation=1, tools=specs)
