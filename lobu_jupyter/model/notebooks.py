"""A thread's notebook as agents reach it: requests, their answers and their effect on a list of cells.

Requests are JSON. A cell's id is its nbformat id, or ``#3`` for the third cell of a file without ids, which
is read-only::

    {"do": "read", "cell"?: id}
    {"do": "insert", "cell": new id, "type": "code" | "markdown", "source": …, "after"?: id, "" for the first place}
    {"do": "edit", "cell": id, "was": source, "source": …}
    {"do": "delete", "cell": id, "was": source}
    {"do": "move", "cell": id, "was": source, "after"?: …}
    {"do": "outputs", "cell": id, "was": source, "outputs": [nbformat output, …]}

The answer to a read is ``{"cells": [Cell, …], "where": "page" | "file"}``. Other answers are
``{"done": true}``, ``{"refused": why}`` and ``{"conflict": "changed" | "gone" | "place"}``. After a conflict
nothing was done: the cell's source is not ``was``, or the cell is gone, or the cell before the new place is.
A Cell is ``{"id", "type", "source", "outputs", "count"?}``; the count is the number in its prompt. An output is the text of a stream or an error, or a MIME
bundle in which values that no model can read, such as pixels, are empty. A request may be repeated and takes
effect once. The same rules for an open page: labextension/src/panel/lab/edits.ts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .bounds import Name, Objects, Text
from .mime_text import joined
from .text import shorten

MAX_OUTPUT_CHARS = 4_000
MAX_STREAM_CHARS = 100_000
"""Characters of a stream as it was written. A screen shows fewer."""
MAX_DATA_CHARS = 100_000
"""Characters of one value of a MIME bundle. A larger one is named by its type alone."""

CellId = Annotated[str, Meta(min_length=1, max_length=64)]


class _Request(Struct, kw_only=True, tag_field="do", forbid_unknown_fields=True, omit_defaults=True):
    """The base of requests to a notebook."""


class Read(_Request, tag="read"):
    cell: CellId | None = None


class Insert(_Request, tag="insert"):
    cell: CellId
    source: Text
    type: Literal["code", "markdown"] = "code"
    after: Name | None = None


class Edit(_Request, tag="edit"):
    cell: CellId
    was: Text
    source: Text


class Delete(_Request, tag="delete"):
    cell: CellId
    was: Text


class Move(_Request, tag="move"):
    cell: CellId
    was: Text
    after: Name | None = None


class SetOutputs(_Request, tag="outputs"):
    cell: CellId
    was: Text
    outputs: Objects


class Ping(_Request, tag="ping"):
    """A request to a page before a change.

    A page that sleeps must not make the change when it wakes up, long after.
    """


Request = Read | Insert | Edit | Delete | Move | SetOutputs
Change = Insert | Edit | Delete | Move | SetOutputs
Conflict = Literal["changed", "gone", "place"]


_TOOLS: dict[type[Request], tuple[str, ...]] = {
    Read: ("read_notebook",),
    Insert: ("insert_cell",),
    Edit: ("edit_cell", "run_cell"),
    Delete: ("delete_cell",),
    Move: ("move_cell",),
    SetOutputs: ("run_cell",),
}


def tools_for(request: Request) -> tuple[str, ...]:
    """Return the tools whose calls may mean this request."""
    return _TOOLS[type(request)]


def is_meant(request: Request, tool: str, args: dict[str, Any]) -> bool:
    """Return whether a call of `tool` with these arguments means exactly this request.

    The arguments are the request's members, with the code as ``code``. An insertion leaves the new cell's id
    out. Outputs belong to any ``run_cell`` with this code, because its arguments do not say what comes out.
    """
    if tool not in tools_for(request):
        return False
    given = {name: value for name, value in args.items() if value is not None}
    if isinstance(request, Read):
        return given == _given(cell=request.cell)
    if isinstance(request, Insert):
        wanted = _given(code=request.source, type=request.type, after=request.after)
        return {"type": "code", **given} == wanted
    if isinstance(request, SetOutputs):
        given.pop("was", None)
        return given == {"cell": request.cell, "code": request.was}
    if isinstance(request, Edit):
        return given == {"cell": request.cell, "was": request.was, "code": request.source}
    after = request.after if isinstance(request, Move) else None
    return given == _given(cell=request.cell, was=request.was, after=after)


def _given(**members: str | None) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def id_of(cell: dict[str, Any], index: int) -> str:
    """Return the name of the cell at `index`, from 0."""
    return cell.get("id") or f"#{index + 1}"


def find(cells: list[dict[str, Any]], name: str) -> int | None:
    """Return the index of a cell, from 0."""
    return next((index for index, cell in enumerate(cells) if id_of(cell, index) == name), None)


def described(cells: list[dict[str, Any]], name: str | None = None) -> list[dict[str, Any]]:
    """Return the cells of a notebook, or the one of that id, for an agent."""
    return [_described(cell, index) for index, cell in enumerate(cells) if name in (None, id_of(cell, index))]


def change(cells: list[dict[str, Any]], wish: Change, new: dict[str, Any] | None = None) -> Conflict | None:
    """Make a change, or return the conflict and do nothing. ``new``: the cell to insert, in nbformat."""
    if isinstance(wish, Insert):
        assert new is not None, "an insertion has a cell"
        return _insert(cells, wish, new)
    at = find(cells, wish.cell)
    if at is None:
        return None if isinstance(wish, Delete) else "gone"
    cell = cells[at]
    if isinstance(wish, Edit) and source_of(cell) == wish.source:
        return None
    if source_of(cell) != wish.was:
        return "changed"
    if isinstance(wish, Move):
        return _move(cells, at, wish.after)
    if isinstance(wish, Edit):
        cell["source"] = wish.source
    elif isinstance(wish, Delete):
        del cells[at]
    elif cell["cell_type"] != "code":
        return "changed"
    else:
        cell["outputs"] = wish.outputs
        cell["execution_count"] = None
        cell.get("metadata", {}).pop("trusted", None)  # or they would be signed with the rest of the notebook
    return None


def _insert(cells: list[dict[str, Any]], wish: Insert, new: dict[str, Any]) -> Conflict | None:
    if find(cells, wish.cell) is not None:
        return None
    place = _place(cells, wish.after)
    if place is None:
        return "place"
    cells.insert(place, new)
    return None


def _move(cells: list[dict[str, Any]], at: int, after: str | None) -> Conflict | None:
    moved = cells.pop(at)
    place = _place(cells, after)
    cells.insert(at if place is None else place, moved)
    return "place" if place is None else None


def _place(cells: list[dict[str, Any]], after: str | None) -> int | None:
    """Return the index for a cell after that one, or None if that one is gone."""
    if not after:
        return len(cells) if after is None else 0
    at = find(cells, after)
    return None if at is None else at + 1


def source_of(cell: dict[str, Any]) -> str:
    """Return a cell's source, which nbformat may keep as lines."""
    source: str | list[str] = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _described(cell: dict[str, Any], index: int) -> dict[str, Any]:
    outputs: list[dict[str, Any]] = cell.get("outputs") or []
    return {
        "id": id_of(cell, index),
        "type": cell.get("cell_type", "raw"),
        "source": source_of(cell),
        "outputs": [said for said in map(_said, outputs) if said],
        **({"count": cell["execution_count"]} if cell.get("execution_count") else {}),
    }


def _said(output: dict[str, Any]) -> str | dict[str, Any]:
    """Return an nbformat output as a text, or as the readable part of its MIME bundle."""
    kind = output.get("output_type")
    if kind == "stream":
        return shorten(joined(output.get("text", "")), MAX_STREAM_CHARS)
    if kind == "error":
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"[:MAX_OUTPUT_CHARS]
    data: dict[str, Any] = output.get("data") or {}
    return {mime: value if _readable(mime, value) else "" for mime, value in data.items()}


def _readable(mime: str, value: Any) -> bool:
    """Return whether a model can read a value: text or JSON of a bounded size, not pixels."""
    return not mime.startswith(("image/", "audio/", "video/")) and len(str(value)) <= MAX_DATA_CHARS
