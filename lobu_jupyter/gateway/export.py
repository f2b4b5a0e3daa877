"""The export of a thread: a notebook of the code that ran, as decided, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lobu_jupyter.gateway.journal.follow import follow
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.mime_text import joined
from lobu_jupyter.model.replay import code_that_ran
from lobu_jupyter.model.terminal import screen_text, settled

from .threads import get_thread

if TYPE_CHECKING:
    from lobu_jupyter.gateway.journal.snapshots import Snapshots
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.fold import Item, State

    from .context import Context


async def export(
    ctx: Context, snapshots: Snapshots, by: Caller, thread_id: str, format: str
) -> dict[str, Any]:
    """See :meth:`Gateway.export`."""
    if format not in ("notebook", "json"):
        raise InvalidField("must be notebook or json", field="format")
    thread = await get_thread(ctx, by, thread_id)
    state = await snapshots.state(thread_id)
    if format == "notebook":
        return _notebook(state)
    events: list[dict[str, Any]] = []
    async for page in follow(ctx, by, thread_id, 0, run_id=None, follow=False):
        events += [{"seq": entry.seq, "event": decode(entry.body)} for entry in page]
    return {"thread": msgspec.to_builtins(thread), "state": state, "events": events}


def _notebook(state: State) -> dict[str, Any]:
    cells = [_markdown("title", f"# {state['title']}")] if state["title"] else []
    for item in state["items"]:
        cells += _cells(item, len(cells))
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "cells": cells,
    }


def _cells(item: Item, index: int) -> list[dict[str, Any]]:
    name = f"lobu-{index}"
    if item["kind"] == "message" and item["role"] == "user":
        return [_markdown(name, "**You:** " + _text(item["content"]))]
    if item["kind"] == "message" and item["content"]:
        return [_markdown(name, _text(item["content"]))]
    if item["kind"] == "error":
        return [_markdown(name, f"> **Error** `{item['code']}`: {item['message']}")]
    code = code_that_ran(item)
    return [] if code is None else [_code(name, code, item["outputs"])]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(str(part["text"]) for part in content if part.get("text"))


def _markdown(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def _code(name: str, source: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "execution_count": None,
        "source": source,
        "outputs": [_output(output) for output in outputs],
    }


def _output(output: dict[str, Any]) -> dict[str, Any]:
    if output.get("output_type") == "execute_result":
        return {"metadata": {}, **output, "execution_count": output.get("execution_count")}
    if output.get("output_type") == "display_data":
        return {"metadata": {}, **{k: v for k, v in output.items() if k != "transient"}}
    if output.get("output_type") == "error":
        return {**output, "traceback": [screen_text(str(line)) for line in output.get("traceback", [])]}
    return {**output, "text": settled(joined(output.get("text")))}
