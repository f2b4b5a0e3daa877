"""The person's notebook as a model reads it: in parts of bounded size, each of which says how to read on.

The server answers a read in parts (:mod:`lobu_jupyter.model.notebooks`). Only as many are fetched as the answer has
room for.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from lobu_jupyter.model.mime_text import text_of_data
from lobu_jupyter.model.notebooks import MAX_OUTPUT_CHARS, Read, described
from lobu_jupyter.model.terminal import screen_text
from lobu_jupyter.model.text import shorten

from .answers import MOST_BYTES, fitting, size_of_json
from .base import Call, Result, ToolError, Work
from .texts import lines_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOM = MOST_BYTES - 1000
"""Bytes of the cells in one answer, beside its first and last line."""
CELL_BYTES, CELL_OUTPUT_BYTES = 6_000, 6_000
"""Bytes of one cell's source and of its outputs, where several cells are read."""
MAX_MATCHES, MAX_MATCH_CHARS = 100, 300

Cell = dict[str, Any]


async def read_notebook(work: Work, call: Call) -> Result:
    """Read cells from a number on, as many as fit, or one cell from a line on."""
    args = call.args
    if "cell" in args:
        return await _read_cell(work, args["cell"], args.get("line", 1))
    start, told, room, total, where = args.get("start", 1), list[str](), ROOM, 0, ""
    async for answer, cell in parts(work, start):
        total, where = answer["total"], answer["where"]
        if cell is None:
            break
        text = _told(cell)
        room -= size_of_json(text) + 4
        if told and room < 0:
            break
        told.append(text)
        work.cells[cell["id"]] = cell["source"]
    last = start + len(told) - 1
    if not told and start > 1:
        raise ToolError(f"There is no cell {start}: the notebook has {total}.")
    which = f"all of its {total} cells" if len(told) == total else f"cells {start} to {last} of {total}"
    more = [f"[read on with start={last + 1}]"] if last < total else []
    return Result("\n\n".join([f"{work.task.notebook_path}, {which}, {_WHERE[where]}.", *told, *more]))


async def search_notebook(work: Work, call: Call) -> Result:
    """Find the lines of sources and outputs that have a text."""
    wanted, found, room = call.args["query"].casefold(), list[str](), ROOM
    async for _, cell in parts(work, call.args.get("start", 1)):
        if cell is None:
            break
        lines = await asyncio.to_thread(_matches, cell, wanted)
        if not lines:
            continue
        text = "\n".join([_title(cell), *lines[:MAX_MATCHES]])
        if len(lines) > MAX_MATCHES:
            text += f"\n[… {len(lines) - MAX_MATCHES} more lines of this cell]"
        room -= size_of_json(text) + 4
        if found and room < 0:
            found.append(f"[there is more: search on with start={cell['number']}]")
            break
        found.append(text)
    return Result("\n\n".join(found) or f"No cell has {call.args['query']!r}.")


def text_of_file(text: str) -> str:
    """Return a notebook's file as its cells and what their outputs say, or as it is if it holds no cells."""
    try:
        cells: Any = json.loads(text)["cells"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return text
    if not isinstance(cells, list):
        return text
    found, told = cast("list[Any]", cells), list[str]()
    while len(told) < len(found):
        for cell in described(found, Read(start=len(told) + 1))["cells"]:
            outputs = _outputs_told(cell, ROOM, MAX_OUTPUT_CHARS)
            told.append("\n".join([_title(cell), _ended(cell["source"]), *outputs]))
    return "[the cells of a notebook, in place of its JSON]\n\n" + "\n\n".join(told)


async def parts(
    work: Work, start: int = 1, *, outline: bool = False
) -> AsyncIterator[tuple[Cell, Cell | None]]:
    """Yield each cell from a number on with the answer that it came in, and None for a cell after the last one."""
    while True:
        wish = {"do": "read", "start": start, **({"outline": True} if outline else {})}
        answer = await work.at_notebook(wish)
        for cell in answer["cells"]:
            yield answer, cell
        start += len(answer["cells"])
        if not answer["cells"] or start > answer["total"]:
            yield answer, None
            return


async def outline_of(work: Work) -> list[Cell]:
    """Return all cells with the beginnings of their sources."""
    return [cell async for _, cell in parts(work, outline=True) if cell is not None]


async def cell_of(work: Work, name: str) -> Cell:
    """Return one cell.

    Raises:
        ToolError: there is none of that name.
    """
    answer = await work.at_notebook({"do": "read", "cell": name})
    if not answer["cells"]:
        raise ToolError(no_cell(name))
    return answer["cells"][0]


def no_cell(name: str) -> str:
    return f"There is no cell {name!r} in the notebook, or not any more. Nothing was done; read the notebook again."


_WHERE = {
    "page": "as in the open page",
    "room": "as in the document that several people have open",
    "file": "as in its file; no page has it open",
}


async def _read_cell(work: Work, name: str, line: int) -> Result:
    cell = await cell_of(work, name)
    work.cells[cell["id"]] = cell["source"]
    lines: list[str] = lines_of(cell["source"]) or [""]
    if line > len(lines):
        raise ToolError(f"The cell {name} has {len(lines)} lines.")
    text, last = fitting(lines, line, ROOM)
    head = _title(cell)
    if line > 1 or last < len(lines):
        head += f"\n[lines {line} to {last} of {len(lines)}]"
    if last < len(lines):
        return Result(f"{head}\n{_ended(text)}\n[read on with cell={name!r}, line={last + 1}]")
    room = ROOM - size_of_json(text)
    return Result("\n".join([head, _ended(text), *_outputs_told(cell, room, 3 * MAX_OUTPUT_CHARS)]))


def _told(cell: Cell) -> str:
    """Return a cell among others."""
    lines = lines_of(cell["source"]) or [""]
    text, last = fitting(lines, 1, CELL_BYTES)
    parts = [_title(cell), _ended(text)]
    if last < len(lines):
        parts.append(
            f"[lines {last + 1} to {len(lines)} are left out; read them with cell={cell['id']!r}, line={last + 1}]"
        )
    return "\n".join([*parts, *_outputs_told(cell, CELL_OUTPUT_BYTES, MAX_OUTPUT_CHARS)])


def _title(cell: Cell) -> str:
    locked: dict[str, str] = cell.get("locked") or {}
    why = "".join(f"; no {deed}: {reason}" for deed, reason in locked.items())
    return f"[{cell['type']} cell {cell['number']}, id {cell['id']}{why}]"


def _ended(text: str) -> str:
    """Return lines without the last line end, which the next line brings."""
    return text.removesuffix("\n").removesuffix("\r")


def _outputs_told(cell: Cell, room: int, each: int) -> list[str]:
    told: list[str] = []
    for index, output in enumerate(cell["outputs"]):
        text = shorten(_output_told(output), each)
        room -= size_of_json(text)
        if room < 0:
            left = len(cell["outputs"]) - index
            told.append(
                f"[{left} more outputs are left out; read them with cell={cell['id']!r}, or run code]"
            )
            break
        told += [text] if text else []
    return ["[its outputs]", *told] if told else []


def _output_told(output: str | dict[str, Any]) -> str:
    """Return an output of a cell as a screen shows it, or the content of its MIME bundle."""
    if isinstance(output, str):
        return screen_text(output).rstrip("\n")
    return text_of_data(output) or f"[{', '.join(sorted(output))}]"


def _matches(cell: Cell, wanted: str) -> list[str]:
    return list(_matching(cell, wanted))


def _matching(cell: Cell, wanted: str) -> Iterator[str]:
    for number, line in enumerate(lines_of(cell["source"]), 1):
        if (at := line.casefold().find(wanted)) >= 0:
            yield f"line {number}: {_around(line.rstrip(), at)}"
    for output in cell["outputs"]:
        for line in _output_told(output).split("\n"):
            if (at := line.casefold().find(wanted)) >= 0:
                yield f"output: {_around(line, at)}"


def _around(line: str, at: int) -> str:
    """Return a line, or the part of it around a match."""
    if len(line) <= MAX_MATCH_CHARS:
        return line
    start = max(0, at - MAX_MATCH_CHARS // 3)
    return f"…{line[start : start + MAX_MATCH_CHARS]}…"
