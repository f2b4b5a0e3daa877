"""The live documents of jupyter-collaboration: a notebook that people share is changed in its room, never behind it.

The room belongs to the server extension `jupyter_server_ydoc`, if it is installed. Its `get_document` gives the shared
document itself, so that a change is seen by everyone at once, and the room saves the file. Nothing is imported here
unless there is a room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.notebook_steps import PutBack, Several, Step, Stepping, back_of, content_of
from lobu_jupyter.model.notebooks import (
    Change,
    Delete,
    Edit,
    Insert,
    Move,
    Read,
    Request,
    change,
    described,
    is_absent,
    names_of,
    source_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EXTENSIONS = ("jupyter_server_ydoc", "jupyter_collaboration")
Answer = dict[str, Any]
_EMPTY: dict[str, Any] = {"cell_type": "code", "source": "", "metadata": {}, "outputs": []}


class Rooms:
    """The rooms of this server. ``extensions``: the server's extension apps by name."""

    def __init__(self, extensions: Callable[[], dict[str, Any]]) -> None:
        self._extensions = extensions

    async def document(self, path: str) -> Any:
        """Return the live document of a notebook, None if nobody has it open in a room."""
        extensions = self._extensions()
        for name in EXTENSIONS:
            for app in extensions.get(name) or ():
                if hasattr(app, "get_document"):
                    return await app.get_document(
                        path=path, content_type="notebook", file_format="json", copy=False
                    )
        return None


def act_in_room(document: Any, request: Request | Several, new: dict[str, Any] | None) -> Answer:
    """Read or change a live document. model/notebooks.py and model/notebook_steps.py describe the answers.

    Raises:
        Locked: the cell's metadata forbids the change.
    """
    cells = [document.get_cell(index) for index in range(document.cell_number)]
    names = names_of(cells)
    if isinstance(request, Several):
        stepping = Stepping(cells, names)
        answer, may = stepping.answer(request)
        if may:
            with document.ydoc.transaction():
                for step in stepping.effective:
                    _take(document, step)
        return answer
    if isinstance(request, Read):
        return {**described(cells, request, names), "where": "room"}
    if is_absent(names, request):
        return {"done": True, "absent": True}
    at = names.index(request.cell) if request.cell in names else len(cells)
    unchanged = isinstance(request, Edit) and at < len(cells) and source_of(cells[at]) == request.source
    back = back_of(cells, request, names)
    after = list(cells)
    conflict = change(after, request, new, names)
    if conflict is not None:
        return {"conflict": conflict}
    if not unchanged and not (isinstance(request, Insert) and request.cell in names):
        with document.ydoc.transaction():
            _apply(document, request, at, after, new or cells[at])
    return {"done": True, **({"back": back} if back else {})}


def _take(document: Any, step: Step) -> None:
    """Make one step, which was found to have an effect."""
    names = names_of([document.get_cell(index) for index in range(document.cell_number)])
    if isinstance(step, Edit):
        _set_source(document.ycells[names.index(step.cell)]["source"], step.source)
        return
    cell = content_of(step) if isinstance(step, PutBack) else document.get_cell(names.index(step.cell))
    if not isinstance(step, PutBack):
        del document.ycells[names.index(step.cell)]
        names.remove(step.cell)
    if isinstance(step, Delete):
        if not names:
            document.append_cell(dict(_EMPTY))
        return
    place = names.index(step.after) + 1 if step.after else 0
    document.ycells.insert(place, document.create_ycell(cell))


def _apply(document: Any, wish: Change, at: int, after: list[dict[str, Any]], moved: dict[str, Any]) -> None:
    """Repeat in the document what was done to its cells.

    ``after``: the cells as they are then. ``moved``: the one of them that has a new place, or is new.
    """
    ycells = document.ycells
    if isinstance(wish, Insert):
        place = next(index for index, cell in enumerate(after) if cell is moved)
        ycells.insert(place, document.create_ycell(dict(moved)))
    elif isinstance(wish, Edit):
        _set_source(ycells[at]["source"], wish.source)
    elif isinstance(wish, Delete):
        del ycells[at]
        if not len(ycells):
            document.append_cell(dict(_EMPTY))
    elif isinstance(wish, Move):
        place = next(index for index, cell in enumerate(after) if cell is moved)
        if place != at:
            del ycells[at]
            ycells.insert(place, document.create_ycell(moved))
    else:
        cell = dict(after[at])
        document.set_ycell(at, document.create_ycell(cell))


def _set_source(text: Any, source: str) -> None:
    """Write only the part that differs, so that the cursors of those who type elsewhere stay."""
    old = str(text)
    start = 0
    while start < min(len(old), len(source)) and old[start] == source[start]:
        start += 1
    end = 0
    while end < min(len(old), len(source)) - start and old[-1 - end] == source[-1 - end]:
        end += 1
    # pycrdt counts in bytes of UTF-8
    first, last = len(old[:start].encode()), len(old[: len(old) - end].encode())
    if last > first:
        del text[first:last]
    if put := source[start : len(source) - end]:
        text.insert(first, put)
