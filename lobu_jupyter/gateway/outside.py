"""The questions of outside workers, with the gateway's own findings about them.

A worker of this server finds the risks of its code and makes the diff of a change itself. An outside worker
is trusted with neither. The gateway searches all texts of the arguments for risks, in addition to the
reported ones. It drops the diff of a notebook's cell, because the arguments say what is and what will be. It
marks a function that agent code registered in the run's kernel, and binds the question to the registered function.
An approval is refused once the kernel has announced another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.agents.tools.risks import MAX_CHARS, risks_of, risks_of_call
from lobu_jupyter.gateway.runs.lease import lease_of

from .registrations import tools_of_kernel
from .rows import interrupt_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobu_jupyter.agents.tools.risks import Risk
    from lobu_jupyter.model.interrupts import Decision, Interrupt
    from lobu_jupyter.store.tx import Row, Tx

_CHECKED = "checkedByGateway"  # no kernel compares the function: the worker calls it in its own way
NOTEBOOK_TOOLS = frozenset(["insert_cell", "edit_cell", "delete_cell", "move_cell", "run_cell"])


async def as_seen(tx: Tx, run: Row, interrupt: Interrupt) -> Interrupt:
    """Return the question, with the gateway's own findings if an outside worker asks it."""
    lease = await lease_of(tx, run["run_id"])
    worker = lease and await tx.one("worker", worker_id=lease["worker_id"])
    if worker is None or worker["child"]:
        return interrupt
    found = _risks(interrupt)  # a transaction runs in the store's own thread, not on the event loop
    risks = tuple(dict.fromkeys([*interrupt.risks, *found]))
    diff = None if interrupt.tool_name in NOTEBOOK_TOOLS else interrupt.diff
    seen = msgspec.structs.replace(interrupt, risks=risks, diff=diff)
    return await _registered(tx, run, seen)


async def _registered(tx: Tx, run: Row, interrupt: Interrupt) -> Interrupt:
    """Return the question about a function of the kernel with what the gateway knows of its registration."""
    for tool in await tools_of_kernel(tx, run["kernel_id"]):
        if tool.name == interrupt.tool_name:
            binds = {"function": tool.name, "fingerprint": tool.fingerprint, _CHECKED: True}
            marked = interrupt.by_agent or tool.by_agent
            return msgspec.structs.replace(
                interrupt, by_agent=marked, no_grant=interrupt.no_grant or marked, binds=binds
            )
    return interrupt


async def changed_functions(
    tx: Tx, kernel_id: str | None, rows: Sequence[Row], decisions: Sequence[Decision]
) -> list[Interrupt]:
    """Return the approved questions of outside workers about a function that the kernel has no more, or another of."""
    now = {tool.name: tool.fingerprint for tool in await tools_of_kernel(tx, kernel_id)}
    approved = [
        interrupt_of(row)
        for row, decision in zip(rows, decisions, strict=True)
        if decision.kind in ("approve", "edit")
    ]
    checked = [(one, one.binds) for one in approved if one.binds and one.binds.get(_CHECKED)]
    return [one for one, binds in checked if now.get(binds["function"]) != binds["fingerprint"]]


def _risks(interrupt: Interrupt) -> list[Risk]:
    """Return the risks of all texts of a call, whatever their names."""
    texts = _texts(interrupt.args)
    if sum(map(len, texts)) > MAX_CHARS:
        return ["unseen"]
    found: list[Risk] = [risk for text in texts for risk in risks_of(text, runs=False)]
    return [*found, *risks_of_call(interrupt.tool_name, interrupt.args)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list):
        parts = value
    return [text for part in parts for text in _texts(part)]
