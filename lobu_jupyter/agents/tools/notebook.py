"""Tools that read and change the person's notebook: in the page that has it open, else in its file.

Each change is made only while the cell still reads as it did when the person was shown the diff. Where they
changed it meanwhile nothing is done, and they are asked anew about what the change would be now.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.events import encode

from . import specs
from .base import BoundTool, Call, Outdated, Preview, Result, ToolError, Work
from .diffs import unified
from .kernel import run_source
from .outputs import shorten

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lobu_jupyter.model.ports import Output

MAX_READ_CHARS = 60_000
MAX_LINE = 80
KEPT_BYTES = 2 * 1024 * 1024
CUT = "[The rest of the outputs is on the agent's card; it is too large to be kept here.]\n"

Cell = dict[str, Any]


async def read_notebook(work: Work, call: Call) -> Result:
    """All cells, or one."""
    name = call.args.get("cell")
    answer = await _read(work, name)
    cells: list[Cell] = answer["cells"]
    if name is not None and not cells:
        raise ToolError(_no_cell(name))
    where = "as in the open page" if answer["where"] == "page" else "as in its file; no page has it open"
    head = f"{work.task.notebook_path}, {len(cells)} of its cells, {where}."
    return Result(shorten("\n\n".join([head, *map(_told, cells)]), MAX_READ_CHARS))


async def insert_cell(work: Work, call: Call) -> Result:
    """A new cell."""
    kind, name = call.args.get("type", "code"), secrets.token_hex(4)
    wish = {"do": "insert", "cell": name, "type": kind, "source": call.args["code"]}
    await _do(work, call, wish | _after(call.args), preview_insert)
    return Result(f"Inserted a {kind} cell with the id {name}; it was not run.")


async def edit_cell(work: Work, call: Call) -> Result:
    """Another source."""
    was = await _was(work, call)
    wish = {"do": "edit", "cell": call.args["cell"], "was": was, "source": call.args["code"]}
    await _do(work, call, wish, preview_edit)
    return Result(f"Changed the cell {call.args['cell']}; it was not run.")


async def delete_cell(work: Work, call: Call) -> Result:
    """One cell less."""
    was = await _was(work, call)
    await _do(work, call, {"do": "delete", "cell": call.args["cell"], "was": was}, preview_delete)
    return Result(f"Deleted the cell {call.args['cell']}.")


async def move_cell(work: Work, call: Call) -> Result:
    """Another place."""
    was = await _was(work, call)
    wish = {"do": "move", "cell": call.args["cell"], "was": was}
    await _do(work, call, wish | _after(call.args), preview_move)
    return Result(f"Moved the cell {call.args['cell']}.")


async def run_cell(work: Work, call: Call) -> Result:
    """Run it under the agent's own header, and put the outputs below it."""
    _check_kernel(work)
    name, was = call.args["cell"], await _was(work, call)
    code: str = call.args.get("code", was)
    await _do(work, call, {"do": "edit", "cell": name, "was": was, "source": code}, preview_run)
    kept = _Kept()
    result = await run_source(work, call, code, kept.take)
    answer = await work.at_notebook({"do": "outputs", "cell": name, "was": code, "outputs": kept.outputs})
    if "conflict" not in answer:
        return result
    told = "[The cell was changed while it ran; its outputs were not put below it.]"
    return Result(f"{result.text}\n{told}", result.images, result.ok)


async def preview_insert(work: Work, args: dict[str, Any]) -> Preview:
    """The new cell, below the one that it comes after."""
    cells = (await _read(work))["cells"]
    place = _place(cells, args.get("after"))
    kind = args.get("type", "code")
    return Preview(f"Insert a {kind} cell {_where(cells, place)}?", _diff("", args["code"], "new cell"))


async def preview_edit(work: Work, args: dict[str, Any]) -> Preview:
    """What changes in the cell."""
    cells = (await _read(work))["cells"]
    index = _find(cells, args["cell"])
    was = cells[index]["source"]
    if was == args["code"]:
        raise ToolError(f"The cell {args['cell']} reads like that already.")
    return Preview(
        f"Change cell {index + 1}?", _diff(was, args["code"], f"cell {index + 1}"), guard={"was": was}
    )


async def preview_delete(work: Work, args: dict[str, Any]) -> Preview:
    """What goes."""
    cells = (await _read(work))["cells"]
    index = _find(cells, args["cell"])
    was = cells[index]["source"]
    return Preview(f"Delete cell {index + 1}?", _diff(was, "", f"cell {index + 1}"), guard={"was": was})


async def preview_move(work: Work, args: dict[str, Any]) -> Preview:
    """The order of the cells, before and after."""
    cells = (await _read(work))["cells"]
    index = _find(cells, args["cell"])
    rest = [cell for cell in cells if cell["id"] != args["cell"]]
    place = _place(rest, args.get("after"))
    after = [*rest[:place], cells[index], *rest[place:]]
    if after == cells:
        raise ToolError(f"The cell {args['cell']} is there already.")
    return Preview(
        f"Move cell {index + 1} {_where(rest, place)}?",
        _diff(_order(cells), _order(after), "order of the cells"),
        guard={"was": cells[index]["source"]},
    )


async def preview_run(work: Work, args: dict[str, Any]) -> Preview:
    """The code, and what changes in it."""
    _check_kernel(work)
    cells = (await _read(work))["cells"]
    index = _find(cells, args["cell"])
    cell = cells[index]
    if cell["type"] != "code":
        raise ToolError(f"The cell {args['cell']} is a {cell['type']} cell; only code can run.")
    was, code = cell["source"], args.get("code", cell["source"])
    if not code.strip():
        raise ToolError(f"The cell {args['cell']} is empty.")
    title = f"cell {index + 1}"
    if code == was:
        question, diff = f"Run {title}?", _unchanged(was, title)
    else:
        question, diff = f"Change {title} and run it?", _diff(was, code, title)
    return Preview(question, diff, guard={"was": was}, args={**args, "code": code})


BOUND: tuple[BoundTool, ...] = (
    BoundTool(specs.READ_NOTEBOOK, read_notebook, needs="notebook"),
    BoundTool(specs.INSERT_CELL, insert_cell, preview_insert, needs="notebook"),
    BoundTool(specs.EDIT_CELL, edit_cell, preview_edit, needs="notebook"),
    BoundTool(specs.DELETE_CELL, delete_cell, preview_delete, needs="notebook"),
    BoundTool(specs.MOVE_CELL, move_cell, preview_move, needs="notebook"),
    BoundTool(specs.RUN_CELL, run_cell, preview_run, needs="notebook"),
)


class _Kept:
    """A call's nbformat outputs for its cell: what was printed in one piece, all of it bounded."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self._room = KEPT_BYTES

    def take(self, output: Output) -> None:
        if self._room <= 0:
            return
        self._room -= len(encode(output))
        if self._room <= 0:
            output = {"output_type": "stream", "name": "stderr", "text": CUT}
        last = self.outputs[-1] if self.outputs else {}
        if output["output_type"] == "stream" == last.get("output_type") and output["name"] == last["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(dict(output))


async def _read(work: Work, name: str | None = None) -> dict[str, Any]:
    return await work.at_notebook({"do": "read", **({"cell": name} if name is not None else {})})


async def _was(work: Work, call: Call) -> str:
    """The source that the person was shown; of a call that nobody was asked about: as it is now."""
    if call.guard:
        return call.guard["was"]
    cells = (await _read(work, call.args["cell"]))["cells"]
    return cells[_find(cells, call.args["cell"])]["source"]


async def _do(
    work: Work,
    call: Call,
    wish: dict[str, Any],
    preview: Callable[[Work, dict[str, Any]], Awaitable[Preview]],
) -> None:
    """Have a change made.

    Raises:
        Outdated: the person changed what they had been shown; the question to ask them now.
        ToolError: it cannot be made.
    """
    answer = await work.at_notebook(wish)
    if "conflict" not in answer:
        return
    if not call.guard and wish["do"] != "insert":
        raise ToolError(
            f"The cell {wish['cell']} was changed at that moment; nothing was done. Read it again."
        )
    was = (call.guard or {}).get("was")
    args = {name: value for name, value in call.args.items() if (name, value) != ("code", was)}
    fresh = await preview(work, args)
    message = (
        f"The notebook was changed after you were asked, so nothing was done. As it is now: {fresh.message}"
    )
    raise Outdated(Preview(message, fresh.diff, fresh.guard), fresh.args or args)


def _find(cells: list[Cell], name: str) -> int:
    for index, cell in enumerate(cells):
        if cell["id"] == name:
            return index
    raise ToolError(_no_cell(name))


def _no_cell(name: str) -> str:
    return f"There is no cell {name!r} in the notebook, or not any more. Nothing was done; read the notebook again."


def _place(cells: list[Cell], after: str | None) -> int:
    if after is None:
        return len(cells)
    return 0 if not after else _find(cells, after) + 1


def _after(args: dict[str, Any]) -> dict[str, Any]:
    return {"after": args["after"]} if "after" in args else {}


def _where(cells: list[Cell], place: int) -> str:
    if place == 0:
        return "at the top"
    return f"below “{_first_line(cells[place - 1])}”"


def _first_line(cell: Cell) -> str:
    line = next((line.strip() for line in cell["source"].splitlines() if line.strip()), "(an empty cell)")
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def _order(cells: list[Cell]) -> str:
    return "".join(f"{_first_line(cell)}\n" for cell in cells)


def _diff(before: str, after: str, title: str) -> str:
    return unified(_ended(before), _ended(after), title, title)


def _ended(text: str) -> str:
    """Cells do not end in a new line, and that is no news in a diff."""
    return text if not text or text.endswith("\n") else f"{text}\n"


def _unchanged(code: str, title: str) -> str:
    """Code that runs as it is, in the form of a diff."""
    lines = code.splitlines()
    return "\n".join(
        [
            f"--- {title}",
            f"+++ {title}",
            f"@@ -1,{len(lines)} +1,{len(lines)} @@",
            *[f" {line}" for line in lines],
        ]
    )


def _told(cell: Cell) -> str:
    parts = [f"[{cell['type']} cell, id {cell['id']}]", cell["source"]]
    if cell["outputs"]:
        parts += ["[its outputs]", *cell["outputs"]]
    return "\n".join(parts)


def _check_kernel(work: Work) -> None:
    BoundTool(specs.RUN_CELL, run_cell, needs="kernel").check_ready(work)
