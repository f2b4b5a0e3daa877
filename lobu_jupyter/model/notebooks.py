"""A thread's notebook as agents reach it: requests, their answers and their effect on a list of cells.

Requests are JSON. A cell's name is its nbformat id, or ``#3`` for a third cell whose id is missing, empty, not unique
or no id (:func:`names_of`)::

    {"do": "read", "cell"?: name, "start"?: number of the first cell, from 1, "outline"?: true}
    {"do": "insert", "cell": new id, "type": "code" | "markdown", "source": …, "after"?: name, "" for the first place,
     "made"?: the call whose code the cell shows}
    {"do": "edit", "cell": name, "was": source, "source": …}
    {"do": "delete", "cell": name, "was": source}
    {"do": "move", "cell": name, "was": source, "after"?: …}
    {"do": "outputs", "cell": name, "was": source, "outputs": [nbformat output, …], "count"?: number in the prompt}

The answer to a read is ``{"cells": [Cell, …], "total": number of all cells, "where": "page" | "room" | "file"}``. It ends
after :data:`MAX_ANSWER_CHARS`, with at least one cell, and the next read starts there. An outline has no outputs, and
only the beginning of each source. Other answers are ``{"done": true, "absent"?: true}``, ``{"refused": why}`` and
``{"conflict": "changed" | "gone" | "place"}``. ``absent``: there is no cell to delete. After a conflict nothing was
done: the cell's source is not ``was``, or the cell is gone, or the cell before the new place is.

A Cell is ``{"id", "number", "type", "source", "outputs", "count"?, "locked"?}``. ``count`` is the number in its
prompt. An output is the text of a stream or an error, or a MIME bundle in which values that no model can read, such as
pixels, are empty. The transcripts below `%lobu` cells are the person's, and are left out. ``locked`` has the reasons why the cell may not be edited or deleted. A request may
be repeated and takes effect once. A ``made`` cell comes below those that the same message made, else at the end if the
cell before it is gone. The same rules for an open page: labextension/src/panel/lab/edits.ts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from msgspec import Meta, Struct, to_builtins

from .bounds import Id, Name, Objects, Ordinal, Text
from .mime_text import joined
from .text import shorten

if TYPE_CHECKING:
    from typing_extensions import TypeIs

MAX_OUTPUT_CHARS = 4_000
MAX_STREAM_CHARS = 100_000
"""Characters of a stream as it was written. A screen shows fewer."""
MAX_DATA_CHARS = 100_000
"""Characters of one value of a MIME bundle. A larger one is named by its type alone."""
MAX_ANSWER_CHARS = 400_000
"""Characters of sources and outputs after which the answer to a read ends."""
MAX_OUTLINE_CHARS = 200
"""Characters of a source in an outline."""
MAX_ID_CHARS = 64
MARK = "lobu"
"""The member of a cell's metadata that names the call whose code it shows."""
TRANSCRIPT_MIME = "application/vnd.lobu.thread+json"
TRANSCRIPT = "[the transcript of a chat with an agent, not repeated here]"

CellId = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARS)]


class _NotebookRequest(Struct, kw_only=True, tag_field="do", forbid_unknown_fields=True, omit_defaults=True):
    """The base of requests to a notebook."""


class Read(_NotebookRequest, tag="read"):
    cell: CellId | None = None
    start: Ordinal = 1
    outline: bool = False


class Made(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The call whose code a cell shows, as the cell's metadata keeps it. ``message_id``: the person's message."""

    thread_id: Id
    run_id: Id
    tool_call_id: Id
    message_id: Id


class Insert(_NotebookRequest, tag="insert"):
    cell: CellId
    source: Text
    type: Literal["code", "markdown"] = "code"
    after: Name | None = None
    made: Made | None = None


class Edit(_NotebookRequest, tag="edit"):
    cell: CellId
    was: Text
    source: Text


class Delete(_NotebookRequest, tag="delete"):
    cell: CellId
    was: Text


class Move(_NotebookRequest, tag="move"):
    cell: CellId
    was: Text
    after: Name | None = None


class SetOutputs(_NotebookRequest, tag="outputs"):
    cell: CellId
    was: Text
    outputs: Objects
    count: Ordinal | None = None


class Ping(_NotebookRequest, tag="ping"):
    """A request to a page before a change.

    A page that sleeps must not make the change when it wakes up, long after.
    """


Request = Read | Insert | Edit | Delete | Move | SetOutputs
Change = Insert | Edit | Delete | Move | SetOutputs
Conflict = Literal["changed", "gone", "place"]


_TOOLS: dict[type[Request], tuple[str, ...]] = {
    Read: ("read_notebook", "search_notebook"),
    Insert: ("insert_cell",),
    Edit: ("edit_cell", "run_cell"),
    Delete: ("delete_cell",),
    Move: ("move_cell",),
    SetOutputs: ("run_cell",),
}


_READING = {
    "read_notebook": {"cell", "start", "line"},
    "search_notebook": {"query", "start"},
}


def tools_for(request: Request) -> tuple[str, ...]:
    """Return the tools whose calls may mean this request."""
    return _TOOLS[type(request)]


def is_meant(request: Request, tool: str, args: dict[str, Any]) -> bool:
    """Return whether a call of `tool` with these arguments means exactly this request.

    The arguments are the request's members, with the code as ``code``. A call that reads one cell means that one,
    and any other call that reads means all parts of the notebook. An insertion leaves the new cell's id out, and no
    call means one of a ``made`` cell. Outputs belong to any ``run_cell`` with this code, because its arguments do not say what comes out.
    """
    if tool not in tools_for(request):
        return False
    given = {name: value for name, value in args.items() if value is not None}
    if isinstance(request, Read):
        return given.get("cell", request.cell) == request.cell and given.keys() <= _READING[tool]
    if isinstance(request, Insert):
        wanted = _given(code=request.source, type=request.type, after=request.after)
        return request.made is None and {"type": "code", **given} == wanted
    if isinstance(request, SetOutputs):
        given.pop("was", None)
        return given == {"cell": request.cell, "code": request.was}
    if isinstance(request, Edit):
        return given == {"cell": request.cell, "was": request.was, "code": request.source}
    after = request.after if isinstance(request, Move) else None
    return given == _given(cell=request.cell, was=request.was, after=after)


def _given(**members: str | None) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class Locked(Exception):
    """A change that the cell's own metadata forbids. The message is a sentence for people and models."""


def names_of(cells: list[Any], ids: list[str] | None = None) -> list[str]:
    """Return a name for each cell: its id, or its place where the id cannot tell it from the others.

    Args:
        ids: the ids of another reading of the same file. An id that differs was made up by the reader.
    """
    found: list[Any] = [cell.get("id") if isinstance(cell, dict) else None for cell in cells]
    counts: dict[str, int] = {}
    for each in found:
        if isinstance(each, str):
            counts[each] = counts.get(each, 0) + 1
    return [
        each
        if _is_name(each) and counts[each] == 1 and (ids is None or ids[index] == each)
        else f"#{index + 1}"
        for index, each in enumerate(found)
    ]


def _is_name(name: Any) -> TypeIs[str]:
    return isinstance(name, str) and 0 < len(name) <= MAX_ID_CHARS and not name.startswith("#")


def described(cells: list[Any], wish: Read, names: list[str] | None = None) -> dict[str, Any]:
    """Return the answer to a read, without ``where``."""
    names = names_of(cells) if names is None else names
    told: list[dict[str, Any]] = []
    room = MAX_ANSWER_CHARS
    for index, cell in enumerate(cells):
        if (index + 1 < wish.start) if wish.cell is None else names[index] != wish.cell:
            continue
        one = _described(cell if isinstance(cell, dict) else {}, names[index], index, outline=wish.outline)
        room -= len(one["source"]) + sum(len(str(output)) for output in one["outputs"])
        if told and room < 0:
            break
        told.append(one)
    return {"cells": told, "total": len(cells)}


def change(
    cells: list[dict[str, Any]],
    wish: Change,
    new: dict[str, Any] | None = None,
    names: list[str] | None = None,
) -> Conflict | None:
    """Make a change, or return the conflict and do nothing. ``new``: the cell to insert, in nbformat.

    A cell that is not there is deleted already, so that a repeated request succeeds (:func:`is_absent`).

    Raises:
        Locked: the cell's metadata forbids it.
    """
    names = names_of(cells) if names is None else names
    if isinstance(wish, Insert):
        assert new is not None, "an insertion has a cell"
        return _insert(cells, wish, new, names)
    if wish.cell not in names:
        return None if isinstance(wish, Delete) else "gone"
    at = names.index(wish.cell)
    cell = cells[at]
    if isinstance(wish, Edit) and source_of(cell) == wish.source:
        return None
    if source_of(cell) != wish.was:
        return "changed"
    if isinstance(wish, Move):
        return _move(cells, at, wish.after, names)
    if isinstance(wish, Edit | Delete):
        _check_lock(cell, at, "edit" if isinstance(wish, Edit) else "delete")
    if isinstance(wish, Edit):
        cell["source"] = wish.source
    elif isinstance(wish, Delete):
        del cells[at]
    elif cell["cell_type"] != "code":
        return "changed"
    else:
        cell["outputs"] = wish.outputs
        cell["execution_count"] = wish.count
        _metadata(cell).pop("trusted", None)  # or they would be signed with the rest of the notebook
    return None


def metadata_of(wish: Insert) -> dict[str, Any]:
    """Return the metadata of a cell to insert."""
    return {} if wish.made is None else {MARK: to_builtins(wish.made)}


def is_absent(names: list[str], wish: Request) -> bool:
    """Return whether a cell is to be deleted that is not there."""
    return isinstance(wish, Delete) and wish.cell not in names


def locks_of(cell: dict[str, Any]) -> dict[str, str]:
    """Return why a cell may not be edited or deleted, by ``edit`` and ``delete``. Empty: it may be."""
    metadata = _metadata(cell)
    graded: Any = metadata.get("nbgrader")
    graded = cast("dict[str, Any]", graded) if isinstance(graded, dict) else {}
    locks: dict[str, str] = {}
    if metadata.get("editable") is False:
        locks["edit"] = 'it is locked ("editable": false)'
    elif graded.get("locked") or (graded.get("grade") and not graded.get("solution")):
        locks["edit"] = "it is a locked cell of an nbgrader assignment"
    if metadata.get("deletable") is False:
        locks["delete"] = 'it is locked ("deletable": false)'
    elif any(graded.get(name) for name in ("locked", "grade", "solution", "task")):
        locks["delete"] = "it is a cell of an nbgrader assignment"
    elif "edit" in locks:
        locks["delete"] = locks["edit"]
    return locks


def lock_message(number: int, deed: Literal["edit", "delete"], why: str) -> str:
    """Return the sentence that refuses to edit or delete a cell."""
    done = "changed" if deed == "edit" else "deleted"
    return f"Cell {number} cannot be {done}: {why}. Nothing was done."


def _check_lock(cell: dict[str, Any], at: int, deed: Literal["edit", "delete"]) -> None:
    if why := locks_of(cell).get(deed):
        raise Locked(lock_message(at + 1, deed, why))


def _metadata(cell: dict[str, Any]) -> dict[str, Any]:
    metadata: Any = cell.get("metadata")
    return cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {}


def _insert(
    cells: list[dict[str, Any]], wish: Insert, new: dict[str, Any], names: list[str]
) -> Conflict | None:
    if wish.cell in names:
        return None
    place = _place(names, wish.after) if wish.made is None else _place_of_made(cells, names, wish)
    if place is None:
        return "place"
    cells.insert(place, new)
    return None


def _move(cells: list[dict[str, Any]], at: int, after: str | None, names: list[str]) -> Conflict | None:
    place = _place([name for index, name in enumerate(names) if index != at], after)
    if place is None:
        return "place"
    cells.insert(place, cells.pop(at))
    return None


def _place_of_made(cells: list[dict[str, Any]], names: list[str], wish: Insert) -> int:
    """Return the index below the last cell of the same message, else below ``after``, else at the end."""
    assert wish.made is not None, "only such cells have this place"
    marks = [_metadata(cell).get(MARK) for cell in cells]
    for index in reversed(range(len(marks))):
        mark: Any = marks[index]
        if isinstance(mark, dict) and mark.get("messageId") == wish.made.message_id:
            return index + 1
    place = _place(names, wish.after)
    return len(names) if place is None else place


def _place(names: list[str], after: str | None) -> int | None:
    """Return the index for a cell after that one, or None if that one is gone."""
    if not after:
        return len(names) if after is None else 0
    return names.index(after) + 1 if after in names else None


def source_of(cell: Any) -> str:
    """Return a cell's source, which nbformat may keep as lines. Anything that is no text is empty."""
    source: Any = cell.get("source") if isinstance(cell, dict) else None
    return joined(source) if isinstance(source, str | list) else ""


def _described(cell: dict[str, Any], name: str, index: int, *, outline: bool) -> dict[str, Any]:
    source, kind = source_of(cell), cell.get("cell_type")
    outputs: Any = cell.get("outputs")
    listed = cast("list[Any]", outputs) if isinstance(outputs, list) and not outline else []
    locked, count = locks_of(cell), cell.get("execution_count")
    return {
        "id": name,
        "number": index + 1,
        "type": kind if isinstance(kind, str) else "raw",
        "source": source[:MAX_OUTLINE_CHARS] if outline else source,
        "outputs": [said for said in map(_said, listed) if said],
        **({"count": count} if isinstance(count, int) and count else {}),
        **({"locked": locked} if locked else {}),
    }


def _said(output: Any) -> str | dict[str, Any]:
    """Return an nbformat output as a text, or as the readable part of its MIME bundle."""
    if not isinstance(output, dict):
        return ""
    known = cast("dict[str, Any]", output)
    kind = known.get("output_type")
    if kind == "stream":
        return shorten(joined(known.get("text", "")), MAX_STREAM_CHARS)
    if kind == "error":
        return f"{known.get('ename', 'Error')}: {known.get('evalue', '')}"[:MAX_OUTPUT_CHARS]
    data: Any = known.get("data")
    if not isinstance(data, dict):
        return ""
    bundle = cast("dict[str, Any]", data)
    if TRANSCRIPT_MIME in bundle:
        return TRANSCRIPT
    return {mime: value if _readable(mime, value) else "" for mime, value in bundle.items()}


def _readable(mime: str, value: Any) -> bool:
    """Return whether a model can read a value: text or JSON of a bounded size, not pixels."""
    return not mime.startswith(("image/", "audio/", "video/")) and len(str(value)) <= MAX_DATA_CHARS
