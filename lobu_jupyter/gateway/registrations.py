"""The owner of a function that a kernel registers: the person, or agent code.

A kernel announces its tools while a cell of its person runs. It marks the tools that were registered while
agent code ran. If no such cell runs, or agent code ran inside it, every new or changed tool is agent code's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lobu_jupyter.model.callers import KernelCaller
from lobu_jupyter.model.errors import Conflict
from lobu_jupyter.model.ports import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.store.tx import Tx


def judged(
    by: Caller, tools: Iterable[ToolSpec], known: dict[str, ToolSpec], taken: Container[str]
) -> list[ToolSpec]:
    """Return the tools of a kernel as the gateway keeps them. ``known``: the tools that it kept before.

    Raises:
        Conflict: agent code takes the name of another tool. The message names it.
    """
    persons = not isinstance(by, KernelCaller) or by.decides
    kept = {tool.name: _judged(tool, known.get(tool.name), persons=persons) for tool in tools}
    if persons:
        return list(kept.values())
    for name, tool in kept.items():
        before = known.get(name)
        if tool.by_agent and (name in taken or (before is not None and not before.by_agent)):
            whose = "a tool of this server" if name in taken else "a tool that the person registered"
            raise Conflict(f"{name} is the name of {whose}. Register the function under another name.")
    theirs = {name: tool for name, tool in known.items() if not tool.by_agent}
    return list((theirs | kept).values())  # agent code takes none of the person's away


def _judged(tool: ToolSpec, before: ToolSpec | None, *, persons: bool) -> ToolSpec:
    same = before is not None and msgspec.structs.replace(before, by_agent=tool.by_agent) == tool
    if before is not None and same:
        return msgspec.structs.replace(tool, by_agent=tool.by_agent or before.by_agent)
    return msgspec.structs.replace(tool, by_agent=tool.by_agent or not persons)


async def tools_of_kernel(tx: Tx, kernel_id: str | None) -> list[ToolSpec]:
    """Return the tools that a kernel's incarnation has registered."""
    row = await tx.one("kernel", kernel_id=kernel_id) if kernel_id else None
    return msgspec.json.decode(row["tools"], type=list[ToolSpec]) if row is not None else []
