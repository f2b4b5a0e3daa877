"""Several changes of a notebook as one act, and the change that takes each of them back.

A change that was made is answered with ``back``, the step that takes it back; a change that had no effect has none::

    {"do": "edit" | "delete", …}                               as in model/notebooks.py
    {"do": "put_back", "cell": name, "content": nbformat cell, "after": name, "" for the first place}
    {"do": "move_back", "cell": name, "was": source, "after": name or "", "above": the cell that must be above it now}

The request ``{"do": "several", "steps": [step, …], "dry"?: true, "expect"?: [verdict, …]}`` makes steps in order, as
one step of the notebook's own undo. The answer is ``{"steps": [{"verdict", "number"?, "why"?, "back"?}, …], "done"}``.
A verdict is ``done``, ``same`` (the cell is as the step leaves it), ``changed``, ``gone``, ``place`` or ``locked``. A step
without an effect does not stop the others, but the other steps of its cell. Nothing is done with ``dry``, and nothing if
the verdicts are not those of ``expect``. The same rules for an open page: labextension/src/panel/lab/steps.ts.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

from .bounds import MAX_LIST, Name, Text
from .notebooks import CellId, Delete, Edit, Insert, Locked, SetOutputs, change, source_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notebooks import Change

MAX_BACK_BYTES = 256 * 1024
"""Bytes of a step that takes a change back. A larger cell comes back without its outputs, or not at all."""
TOO_BIG = "it is too big for the journal"
NO_ID = "the cell has no id of its own"


class PutBack(Struct, kw_only=True, tag_field="do", tag="put_back", forbid_unknown_fields=True):
    """A deleted cell, to be put back where it was."""

    cell: CellId
    content: dict[str, Any]
    after: Name = ""


class MoveBack(Struct, kw_only=True, tag_field="do", tag="move_back", forbid_unknown_fields=True):
    """A moved cell, to be moved back if it still is where it was moved to: below ``above``."""

    cell: CellId
    was: Text
    after: Name
    above: Name


Step = Edit | Delete | PutBack | MoveBack
Verdict = Literal["done", "same", "changed", "gone", "place", "locked"]


class Several(Struct, kw_only=True, tag_field="do", tag="several", omit_defaults=True):
    """Steps as one act. ``expect``: the verdicts without which nothing is done."""

    steps: Annotated[list[Step], Meta(max_length=MAX_LIST)]
    dry: bool = False
    expect: list[str] | None = None


class Stepping:
    """A notebook's cells on which steps are tried. ``make`` returns a cell of the notebook's own kind."""

    def __init__(
        self, cells: list[Any], names: list[str], make: Callable[[dict[str, Any]], Any] = dict
    ) -> None:
        self.cells = copy.deepcopy(cells)
        self.names = list(names)
        self.effective: list[Step] = []
        self._make = make
        self._stopped = set[str]()  # cells of which a step had no effect

    def answer(self, wish: Several) -> tuple[dict[str, Any], bool]:
        """Try all steps. Return the answer, and whether the cells may be written."""
        told = [self._take(step) for step in wish.steps]
        verdicts = [each["verdict"] for each in told]
        may = not wish.dry and (wish.expect is None or wish.expect == verdicts)
        return {"steps": told, "done": may}, may

    def _take(self, step: Step) -> dict[str, Any]:
        at = self.names.index(step.cell) if step.cell in self.names else None
        number: dict[str, Any] = {} if at is None else {"number": at + 1}
        if step.cell in self._stopped:
            return {"verdict": "changed", **number}
        try:
            verdict, back = self._made(step)
        except Locked as locked:
            verdict, back = "locked", None
            number["why"] = str(locked)
        if verdict not in ("done", "same"):
            self._stopped.add(step.cell)
        if verdict == "done":
            self.effective.append(step)
        if at is None and verdict == "done":
            number = {"number": self.names.index(step.cell) + 1}
        return {"verdict": verdict, **number, **({"back": back} if back else {})}

    def _made(self, step: Step) -> tuple[Verdict, dict[str, Any] | None]:
        if isinstance(step, PutBack):
            return self._put_back(step)
        if isinstance(step, MoveBack):
            return self._move_back(step)
        back = back_of(self.cells, step, self.names)
        conflict = change(self.cells, step, names=self.names)
        if conflict is not None:
            return conflict, None
        if back is not None and isinstance(step, Delete):
            self.names.remove(step.cell)
        return ("same", None) if back is None else ("done", back)

    def _move_back(self, step: MoveBack) -> tuple[Verdict, dict[str, Any] | None]:
        if step.cell not in self.names:
            return "gone", None
        at = self.names.index(step.cell)
        above = self.names[at - 1] if at else ""
        if above == step.after:
            return "same", None
        if above != step.above or source_of(self.cells[at]) != step.was:
            return "changed", None
        if step.after and step.after not in self.names:
            return "place", None
        back = {"do": "move_back", "cell": step.cell, "was": step.was, "after": above, "above": step.after}
        self.names.pop(at)
        place = self.names.index(step.after) + 1 if step.after else 0
        self.names.insert(place, step.cell)
        self.cells.insert(place, self.cells.pop(at))
        return "done", back

    def _put_back(self, step: PutBack) -> tuple[Verdict, dict[str, Any] | None]:
        if step.cell in self.names:
            return "same", None
        if step.after and step.after not in self.names:
            return "place", None
        place = self.names.index(step.after) + 1 if step.after else 0
        self.cells.insert(place, self._make(content_of(step)))
        self.names.insert(place, step.cell)
        return "done", {"do": "delete", "cell": step.cell, "was": source_of(step.content)}


def content_of(step: PutBack) -> dict[str, Any]:
    """Return the nbformat cell that is put back. Its outputs are not trusted, because they come from a record."""
    content = copy.deepcopy(step.content)
    kind = content.get("cell_type")
    metadata = content.get("metadata")
    kept: dict[str, Any] = {
        "id": step.cell,
        "cell_type": kind if kind in ("code", "markdown", "raw") else "raw",
        "source": source_of(content),
        "metadata": {k: v for k, v in metadata.items() if k != "trusted"}
        if isinstance(metadata, dict)
        else {},
    }
    if kind == "code":
        outputs = content.get("outputs")
        count = content.get("execution_count")
        kept["outputs"] = outputs if isinstance(outputs, list) else []
        kept["execution_count"] = count if isinstance(count, int) else None
    return kept


def back_of(cells: list[Any], wish: Change, names: list[str]) -> dict[str, Any] | None:
    """Return the step that takes a change back, before it is made. None: it has no effect, or is of outputs only.

    ``{"lost": why}``: no step can take it back.
    """
    if isinstance(wish, SetOutputs):
        return None
    known = wish.cell in names
    if isinstance(wish, Insert):
        return None if known else {"do": "delete", "cell": wish.cell, "was": wish.source}
    if not known:
        return None
    at = names.index(wish.cell)
    above = names[at - 1] if at else ""
    back: dict[str, Any]
    if isinstance(wish, Edit):
        was = source_of(cells[at])
        if was == wish.source:
            return None
        back = {"do": "edit", "cell": wish.cell, "was": wish.source, "source": was}
    elif isinstance(wish, Delete):
        back = {"do": "put_back", "cell": wish.cell, "content": _json(cells[at]), "after": above}
    else:
        rest = [name for name in names if name != wish.cell]
        then = (rest[-1] if rest else "") if wish.after is None else wish.after
        if then == above:
            return None
        back = {"do": "move_back", "cell": wish.cell, "was": wish.was, "after": above, "above": then}
    if any(name.startswith("#") for name in (wish.cell, back.get("after", ""), back.get("above", ""))):
        return {"lost": NO_ID}
    return bounded_back(back)


def bounded_back(back: dict[str, Any]) -> dict[str, Any]:
    """Return the step within its bound: a cell without its outputs if need be, else ``{"lost": why}``."""
    if _size(back) <= MAX_BACK_BYTES:
        return back
    content = back.get("content")
    if isinstance(content, dict) and "outputs" in content:
        back = {**back, "content": {**content, "outputs": []}}
    return back if _size(back) <= MAX_BACK_BYTES else {"lost": TOO_BIG}


def _size(value: Any) -> int:
    return len(json.dumps(value).encode())


def _json(cell: Any) -> dict[str, Any]:
    return json.loads(json.dumps(cell))
