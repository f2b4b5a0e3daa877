"""The export of a thread: a notebook of the code that ran, as decided, or JSON.

Texts show hidden characters as escapes, as cards do. Code does not: it stays as it ran, because an escape in it
could make it do something else. A cell above such code names its hidden characters and shows their lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lobu_jupyter.gateway.journal.follow import follow
from lobu_jupyter.model.errors import InvalidField
from lobu_jupyter.model.events import decode
from lobu_jupyter.model.mime_text import joined
from lobu_jupyter.model.recording import recording_of
from lobu_jupyter.model.replay import code_that_ran
from lobu_jupyter.model.terminal import screen_text, settled, with_colours
from lobu_jupyter.model.visible import hidden, visible, visible_line

from .threads import get_thread

if TYPE_CHECKING:
    from lobu_jupyter.model.callers import Caller
    from lobu_jupyter.model.fold import Item, State

    from .context import Context


MAX_LINES = 20  # of code with hidden characters that its notice shows
TEXTS = frozenset(["text/plain", "text/markdown", "text/latex"])


async def export(
    ctx: Context, by: Caller, thread_id: str, format: Literal["notebook", "json", "recording"] = "notebook"
) -> dict[str, Any]:
    """Return a notebook (nbformat 4) of the code that ran, a recording, or JSON: the thread, its state, its events.

    Raises:
        InvalidField: there is no such format, or no model has answered on the thread that is to be a recording.
    """
    if format not in ("notebook", "json", "recording"):
        raise InvalidField("must be notebook, json or recording", field="format")
    thread = await get_thread(ctx, by, thread_id)
    state = await ctx.snapshots.state(thread_id)
    if format == "notebook":
        return _notebook(state)
    events: list[dict[str, Any]] = []
    async for page in follow(ctx, by, thread_id, 0, run_id=None, follow=False):
        events += [{"seq": entry.seq, "event": decode(entry.body)} for entry in page]
    if format == "recording":
        return recording_of((entry["event"] for entry in events), thread.title)
    return {"thread": msgspec.to_builtins(thread), "state": state, "events": events}


def _notebook(state: State) -> dict[str, Any]:
    cells = [_markdown("title", f"# {visible_line(state['title'])}")] if state["title"] else []
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
    if code is None:
        return []
    found = hidden(code)
    notice = [_markdown(f"{name}-hidden", _notice(code, found))] if found else []
    return [*notice, _code(name, code, item["outputs"])]


def _notice(code: str, found: dict[str, int]) -> str:
    """Return the text that stands above code with hidden characters."""
    counts = ", ".join(
        f"`{name}`" + (f" ({count} times)" if count > 1 else "") for name, count in found.items()
    )
    lines = [(number, visible(line)) for number, line in enumerate(code.split("\n"), 1) if hidden(line)]
    shown = [f"    {number}: {line}" for number, line in lines[:MAX_LINES]]
    more = [f"    … and {len(lines) - MAX_LINES} more lines"] if len(lines) > MAX_LINES else []
    told = (
        f"> **Hidden characters in the next cell:** {counts}. Its code is as it ran. These lines have them:"
    )
    return "\n".join([told, "", *shown, *more])


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(str(part["text"]) for part in content if part.get("text"))


def _markdown(name: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": visible(source)}


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
    if output.get("output_type") in ("execute_result", "display_data"):
        kept = {name: value for name, value in output.items() if name != "transient"}
        kept = {"metadata": {}, **kept, "data": _data(output.get("data") or {})}
        if output["output_type"] == "execute_result":
            kept["execution_count"] = output.get("execution_count")
        return kept
    if output.get("output_type") == "error":
        lines = [visible(screen_text(str(line))) for line in output.get("traceback", [])]
        said = {name: visible(str(output.get(name) or "")) for name in ("ename", "evalue")}
        return {**output, **said, "traceback": lines}
    return {**output, "text": with_colours(settled(joined(output.get("text"))), visible)}


def _data(data: dict[str, Any]) -> dict[str, Any]:
    return {
        mime: with_colours(joined(value), visible) if mime in TEXTS else value for mime, value in data.items()
    }
