"""Tools that read and change the person's notebook: in the page that has it open, else in its file.

Each change requires that the cell still reads as it did for the diff that the person saw, or, if nobody is asked, as
the agent last read it. If the cell has changed since, nothing is done. The person who approved is then asked again,
with a fresh diff.
"""

from __future__ import annotations

import secrets
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from lobu_jupyter.model.notebooks import lock_message
from lobu_jupyter.model.text import clip

from . import specs
from .base import BoundTool, Call, Outdated, Preview, Result, ToolError, Work
from .diffs import unified
from .kernel import run_source
from .notebook_reading import cell_of, no_cell, outline_of, read_notebook, search_notebook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

MAX_LINE = 80

Cell = dict[str, Any]


async def insert_cell(work: Work, call: Call) -> Result:
    """Insert a new cell."""
    kind, name = call.args.get("type", "code"), secrets.token_hex(4)
    wish = {"do": "insert", "cell": name, "type": kind, "source": call.args["code"]}
    await _do(work, call, wish | _after(call.args), preview_insert)
    _renamed(work, name)
    work.cells[name] = call.args["code"]
    return Result(f"Inserted a {kind} cell with the id {name}; it was not run.")


async def edit_cell(work: Work, call: Call) -> Result:
    """Replace a cell's source."""
    was = await _was(work, call)
    wish = {"do": "edit", "cell": call.args["cell"], "was": was, "source": call.args["code"]}
    await _do(work, call, wish, preview_edit)
    work.cells[call.args["cell"]] = call.args["code"]
    return Result(f"Changed the cell {call.args['cell']}; it was not run.")


async def delete_cell(work: Work, call: Call) -> Result:
    """Delete a cell."""
    was = await _was(work, call)
    name = call.args["cell"]
    answer = await _do(work, call, {"do": "delete", "cell": name, "was": was}, preview_delete)
    if answer.get("absent"):
        return Result(f"The cell {name} is not in the notebook any more; there was nothing to delete.")
    return Result(f"Deleted the cell {name}.{_renamed(work, name)}")


async def move_cell(work: Work, call: Call) -> Result:
    """Move a cell to another place."""
    was = await _was(work, call, changes=False)
    wish = {"do": "move", "cell": call.args["cell"], "was": was}
    await _do(work, call, wish | _after(call.args), preview_move)
    return Result(f"Moved the cell {call.args['cell']}.{_renamed(work, call.args['cell'])}")


async def run_cell(work: Work, call: Call) -> Result:
    """Run a cell under the agent's own header, and put the outputs below it."""
    _check_kernel(work)
    name, was = call.args["cell"], await _was(work, call, changes="code" in call.args)
    code: str = call.args.get("code", was)
    await _do(work, call, {"do": "edit", "cell": name, "was": was, "source": code}, preview_run)
    work.cells[name] = code
    return await run_source(work, call, code, name)


async def preview_insert(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question with the new cell and its place."""
    cells = await outline_of(work)
    place, kind = _place(cells, args.get("after")), args.get("type", "code")
    return Preview(
        f"Insert a {kind} cell into {_name(work)} {_where(cells, place, 'at ')}?",
        _diff("", args["code"], "new cell"),
        guard=_guard(work),
        args={**args, "after": _anchor(cells, place)},
    )


async def preview_edit(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question with the diff of the cell."""
    title, was, _, place = await _cell(work, args, "edit")
    if was == args["code"]:
        raise ToolError(f"The cell {args['cell']} reads like that already.")
    return Preview(f"Edit {title}?", _diff(was, args["code"], place), guard=_guard(work, was))


async def preview_delete(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question with the source to delete."""
    title, was, _, place = await _cell(work, args, "delete")
    return Preview(f"Delete {title}?", _diff(was, "", place), guard=_guard(work, was))


async def preview_move(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question with the order of the cells before and after."""
    cells = await outline_of(work)
    index = _find(cells, args["cell"])
    was = (await cell_of(work, args["cell"]))["source"]
    rest = [cell for cell in cells if cell["id"] != args["cell"]]
    place = _place(rest, args.get("after"))
    after = [*rest[:place], cells[index], *rest[place:]]
    if after == cells:
        raise ToolError(f"The cell {args['cell']} is there already.")
    return Preview(
        f"Move {_title(cells[index])} {_where(rest, place, 'to ')}?",
        _diff(_order(cells), _order(after), f"order of the cells of {_name(work)}"),
        guard=_guard(work, was),
        args={**args, "after": _anchor(rest, place)},
    )


async def preview_run(work: Work, args: dict[str, Any]) -> Preview:
    """Return the question with the code and its diff."""
    _check_kernel(work)
    title, was, kind, place = await _cell(work, args)
    if kind != "code":
        raise ToolError(f"The cell {args['cell']} is a {kind} cell; only code can run.")
    code = args.get("code", was)
    if not code.strip():
        raise ToolError(f"The cell {args['cell']} is empty.")
    if code != was:
        await _cell(work, args, "edit")
    question = f"Run {title}?" if code == was else f"Edit {title} and run it?"
    diff = None if code == was else _diff(was, code, place)
    return Preview(question, diff, guard=_guard(work, was), args={**args, "code": code})


BOUND: tuple[BoundTool, ...] = (
    BoundTool(specs.READ_NOTEBOOK, read_notebook, needs="notebook"),
    BoundTool(specs.SEARCH_NOTEBOOK, search_notebook, needs="notebook"),
    BoundTool(specs.INSERT_CELL, insert_cell, preview_insert, needs="notebook"),
    BoundTool(specs.EDIT_CELL, edit_cell, preview_edit, needs="notebook"),
    BoundTool(specs.DELETE_CELL, delete_cell, preview_delete, needs="notebook"),
    BoundTool(specs.MOVE_CELL, move_cell, preview_move, needs="notebook"),
    BoundTool(specs.RUN_CELL, run_cell, preview_run, needs="notebook"),
)


async def _cell(
    work: Work, args: dict[str, Any], deed: Literal["edit", "delete"] | None = None
) -> tuple[str, str, str, str]:
    """Return a cell's title for people, its source, its type, and its place for the head of a diff.

    Raises:
        ToolError: there is no such cell, or it is locked against the deed.
    """
    cell = await cell_of(work, args["cell"])
    if deed is not None and (why := cell.get("locked", {}).get(deed)):
        raise ToolError(lock_message(cell["number"], deed, why))
    return _title(cell), cell["source"], cell["type"], f"cell {cell['number']} of {_name(work)}"


def _title(cell: Cell) -> str:
    """Return `cell [7]`, by the number in its prompt, or `cell 2`, by its place, if it has not run."""
    count = cell.get("count")
    return f"cell [{count}]" if count else f"cell {cell['number']}"


async def _was(work: Work, call: Call, *, changes: bool = True) -> str:
    """Return the source that a change starts from: the one that the person saw, else the one that the agent read."""
    if call.guard:
        return call.guard["was"]
    name = call.args["cell"]
    if name in work.cells:
        return work.cells[name]
    if changes:
        raise ToolError(
            f"Read the cell {name} first: nobody is asked, so a change goes out from what you read."
        )
    return (await cell_of(work, name))["source"]


async def _do(
    work: Work,
    call: Call,
    wish: dict[str, Any],
    preview: Callable[[Work, dict[str, Any]], Awaitable[Preview]],
) -> dict[str, Any]:
    """Have a change made, and return the answer.

    Raises:
        Outdated: the person changed the cell after the question. Holds the new question.
        ToolError: the change cannot be made.
    """
    moved = bool(call.guard) and call.guard["path"] != work.task.notebook_path
    if not moved:
        answer = await work.at_notebook(wish)
        if "conflict" not in answer:
            return answer
    if not call.guard:
        raise ToolError(
            "The notebook is not as you read it any more; nothing was done. Read it again before you change it."
        )
    args = dict(call.args)
    if wish["do"] == "edit" and call.args.get("code") == call.guard["was"] and preview is preview_run:
        del args["code"]  # the approval was to run the cell unchanged, and so is the new question
    fresh = await preview(work, args)
    message = (
        f"The notebook was changed after you were asked, so nothing was done. As it is now: {fresh.message}"
    )
    raise Outdated(Preview(message, fresh.diff, fresh.guard), fresh.args or args)


def _renamed(work: Work, name: str) -> str:
    """Forget the cells that are named by their places, which a change has moved. Return the sentence for the model."""
    for known in [known for known in work.cells if known.startswith("#")]:
        del work.cells[known]
    return " Names like #2 mean other cells now: read the notebook again." if name.startswith("#") else ""


def _guard(work: Work, was: str = "") -> dict[str, Any]:
    """Return the facts that must still hold when an approved call runs."""
    return {"path": work.task.notebook_path, "was": was}


def _name(work: Work) -> str:
    return PurePosixPath(work.task.notebook_path or "").name


def _find(cells: list[Cell], name: str) -> int:
    for index, cell in enumerate(cells):
        if cell["id"] == name:
            return index
    raise ToolError(no_cell(name))


def _place(cells: list[Cell], after: str | None) -> int:
    if after is None:
        return len(cells)
    return 0 if not after else _find(cells, after) + 1


def _anchor(cells: list[Cell], place: int) -> str:
    """Return the id of the cell above the place, empty for the first place."""
    return cells[place - 1]["id"] if place else ""


def _after(args: dict[str, Any]) -> dict[str, Any]:
    return {"after": args["after"]} if "after" in args else {}


def _where(cells: list[Cell], place: int, preposition: str) -> str:
    if place == 0:
        return f"{preposition}the top"
    return f"below “{_first_line(cells[place - 1])}”"


def _first_line(cell: Cell) -> str:
    line = next((line.strip() for line in cell["source"].splitlines() if line.strip()), "(an empty cell)")
    return clip(line, MAX_LINE)


def _order(cells: list[Cell]) -> str:
    return "".join(f"{_first_line(cell)}\n" for cell in cells)


def _diff(before: str, after: str, title: str) -> str:
    return unified(_ended(before), _ended(after), title, title)


def _ended(text: str) -> str:
    """Return the text with a final line feed, because cells have none and a diff should not mention it."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _check_kernel(work: Work) -> None:
    BoundTool(specs.RUN_CELL, run_cell, needs="kernel").check_ready(work)
