"""Taking back what agents changed in cells and files: a preview, and then exactly what it showed.

Cells are taken back in the page, room or file of their notebook, all at once. Each file is written only if it still is
as it was for the preview. What a person changed since the agent is a conflict, and stays.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import msgspec

from lobu_jupyter.agents.tools.base import ToolError
from lobu_jupyter.agents.tools.diffs import unified
from lobu_jupyter.agents.tools.disk import Disk
from lobu_jupyter.model.applied import (
    SECRET,
    AppliedChange,
    UndoTarget,
    data_of,
    digest_of,
    state_of,
    step_digest,
)
from lobu_jupyter.model.errors import Conflict, PreviewChanged
from lobu_jupyter.model.ids import new_id
from lobu_jupyter.model.notebook_steps import Several, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobu_jupyter.gateway import Gateway
    from lobu_jupyter.model.applied import Applied
    from lobu_jupyter.model.callers import Caller

    from .notebooks import Notebooks

VARIABLES = "Variables, outputs and what code did outside of these files are not turned back."
GONE = "It is not there any more."
CHANGED = "You changed it since. It stays as it is."
PLACE = "The cell that it stood below is gone. It stays as it is."
EARLIER = "You had changed it in between: it goes back to your text."
_WHY = {"changed": CHANGED, "gone": GONE, "place": PLACE}
_DOES = {"edit": "change", "delete": "remove", "put_back": "put back", "move_back": "move"}


@dataclass
class _Item:
    """One cell or file. ``make``: writes it, and returns the records of what it did."""

    what: str
    path: str
    cell: str = ""
    number: int = 0
    does: str = ""
    state: str = "same"  # restore, same, conflict, lost
    why: str = ""
    diff: str = ""
    covers: str = ""  # a digest of what is written
    make: Callable[[str], list[AppliedChange]] | None = None

    def wire(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in ("cell", "number", "does", "why", "diff")}
        return {"what": self.what, "path": self.path, "state": self.state} | {
            k: v for k, v in kept.items() if v
        }


@dataclass
class _Cells:
    """The steps in one notebook, with the verdicts of a trial."""

    path: str
    changes: list[AppliedChange] = field(default_factory=list[AppliedChange])
    steps: list[Step] = field(default_factory=list["Step"])
    verdicts: list[str] = field(default_factory=list[str])


class Undo:
    """The restorer of one server. ``root``: the directory that file tools may reach, None for none."""

    def __init__(self, notebooks: Notebooks, root: str | None, *, hidden: bool) -> None:
        self._notebooks = notebooks
        self._disk = None if root is None else Disk(Path(root).resolve(), hidden)
        self._locks = WeakValueDictionary[str, asyncio.Lock]()

    async def ask(
        self, gateway: Gateway, by: Caller, thread_id: str, target: UndoTarget, digest: str | None
    ) -> dict[str, Any]:
        """Return the preview, or do what the preview of this digest showed and return what was done.

        Raises:
            PreviewChanged: something changed since the preview. Nothing was done.
        """
        found = await gateway.threads.applied(by, thread_id, target)
        if digest is not None and found.last.get("digest") == digest:
            return {"done": True, **found.last}
        lock = self._locks.setdefault(thread_id, asyncio.Lock())
        async with lock:
            items, cells = await self._plan(found)
            preview = _preview(target, items)
            if digest is None:
                return preview
            if digest != preview["digest"]:
                raise PreviewChanged(preview=preview)
            # the journal must get what was done, also when the client goes away
            return await asyncio.shield(
                self._make(gateway, by, thread_id, target, found, items, cells, digest)
            )

    async def _plan(self, found: Applied) -> tuple[list[_Item], list[_Cells]]:
        items: list[_Item] = []
        cells: dict[str, _Cells] = {}
        files: dict[str, list[AppliedChange]] = {}
        for change in found.changes:
            if change.what == "file":
                files.setdefault(change.path, []).append(change)
                continue
            step = _step_of(change)
            if isinstance(step, str):
                items.append(_Item("cell", change.path, change.cell, state="lost", why=step))
                continue
            group = cells.setdefault(change.path, _Cells(change.path))
            group.changes.append(change)
            group.steps.append(step)
        for group in cells.values():
            items += await self._try(found.owner, group)
        for path, changes in files.items():
            items.append(await asyncio.to_thread(self._file, path, changes))
        return items, list(cells.values())

    # -- cells

    async def _try(self, owner: str, group: _Cells) -> list[_Item]:
        answer = await self._notebooks.act(owner, group.path, Several(steps=group.steps, dry=True))
        told: list[dict[str, Any]] = answer.get("steps", [])
        if len(told) != len(group.steps):
            why = str(answer.get("refused") or "It could not be read.")
            group.verdicts = []
            names = dict.fromkeys(change.cell for change in group.changes)
            return [_Item("cell", group.path, name, state="conflict", why=why) for name in names]
        group.verdicts = [str(each.get("verdict")) for each in told]
        by_cell: dict[str, list[tuple[Step, dict[str, Any]]]] = {}
        for step, verdict in zip(group.steps, told, strict=True):
            by_cell.setdefault(step.cell, []).append((step, verdict))
        return [_cell_item(group.path, name, steps) for name, steps in by_cell.items()]

    async def _make_cells(self, owner: str, group: _Cells, undo_id: str) -> list[AppliedChange]:
        if "done" not in group.verdicts:
            return []
        wish = Several(steps=group.steps, expect=group.verdicts)
        answer = await self._notebooks.act(owner, group.path, wish)
        if not answer.get("done"):
            raise Conflict(
                str(answer.get("refused") or "The notebook changed at this moment. Nothing was restored.")
            )
        made: list[AppliedChange] = []
        for change, told in zip(group.changes, answer["steps"], strict=True):
            if isinstance(back := told.get("back"), dict):
                made.append(
                    _again(change, undo_id, path=group.path, back=back, back_digest=step_digest(back))
                )
        return made

    # -- files

    def _file(self, path: str, changes: list[AppliedChange]) -> _Item:
        """Return what becomes of a file. ``changes``: those of it, the newest first."""
        item = _Item("file", path)
        try:
            data = None if self._disk is None else self._disk.read(path)
            if self._disk is not None and self._disk.place(path) != path:
                raise ToolError(f"{path} leads to another file now. It stays as it is.")
        except ToolError as error:
            item.state, item.why = "conflict", str(error)
            return item
        records: list[tuple[AppliedChange, bytes | None, str]] = []
        then = data
        for change in changes:
            if change.file is None or digest_of(then) == change.file.digest:
                continue  # it is so already
            if digest_of(then) != change.now:
                item.state, item.why = "conflict", CHANGED if not records else EARLIER
                break
            try:
                before = data_of(change.file)
            except ValueError as error:
                item.state, item.why = "lost", f"It cannot be taken back: {error}."
                break
            records.append((change, then, change.file.digest))
            then = before
        if digest_of(then) == digest_of(data):
            return item
        item.state, item.does = (
            "restore",
            "remove" if then is None else "put back" if data is None else "change",
        )
        item.diff, item.covers = _file_diff(path, data, then), digest_of(then)
        item.make = lambda undo_id: self._write(path, data, then, records, undo_id)
        return item

    def _write(
        self,
        path: str,
        was: bytes | None,
        then: bytes | None,
        records: list[tuple[AppliedChange, bytes | None, str]],
        undo_id: str,
    ) -> list[AppliedChange]:
        """Write a file, or remove it, and return the records of what was done."""
        assert self._disk is not None, "it was read"
        if digest_of(self._disk.read(path)) != digest_of(was):
            raise ToolError(f"{path} changed at this moment. It stays as it is.")
        if then is None:
            self._disk.remove(path, place=path)
        else:
            self._disk.write(path, then, place=path)
        return [_again(change, undo_id, file=state_of(now), now=before) for change, now, before in records]

    # -- the act

    async def _make(
        self,
        gateway: Gateway,
        by: Caller,
        thread_id: str,
        target: UndoTarget,
        found: Applied,
        items: list[_Item],
        cells: list[_Cells],
        digest: str,
    ) -> dict[str, Any]:
        undo_id = new_id("undo")
        made: list[AppliedChange] = []
        for group in cells:
            try:
                made += await self._make_cells(found.owner, group, undo_id)
            except Conflict as error:
                if not made:
                    raise
                for item in items:
                    if item.what == "cell" and item.path == group.path and item.state == "restore":
                        item.state, item.why = "conflict", error.message
        for item in items:
            if item.make is None:
                continue
            try:
                made += await asyncio.to_thread(item.make, undo_id)
            except ToolError as error:
                item.state, item.why = "conflict", str(error)
        told = _told(undo_id, target, items, digest)
        await gateway.threads.note_undone(by, thread_id, made, told)
        return {"done": True, **told}


def _step_of(change: AppliedChange) -> Step | str:
    """Return the step that takes a cell's change back, or why there is none."""
    if change.lost or change.back is None:
        return f"It cannot be taken back: {change.lost}."
    if step_digest(change.back) != change.back_digest:
        return f"It cannot be taken back: {SECRET}."
    try:
        return msgspec.convert(change.back, Step)  # pyright: ignore[reportArgumentType, reportCallIssue]
    except msgspec.ValidationError as error:
        return f"It cannot be taken back: {error}."


def _again(change: AppliedChange, undo_id: str, **more: Any) -> AppliedChange:
    """Return the record of a change that was taken back, or made again."""
    return msgspec.structs.replace(
        change,
        change_id=new_id("change"),
        root=change.origin,
        undone=not change.undone,
        undo_id=undo_id,
        **more,
    )


def _cell_item(path: str, cell: str, steps: list[tuple[Step, dict[str, Any]]]) -> _Item:
    item = _Item("cell", path, cell)
    made = [step for step, told in steps if told["verdict"] == "done"]
    for _, told in steps:
        item.number = item.number or int(told.get("number") or 0)
        if told["verdict"] not in ("done", "same"):
            item.why = str(told.get("why") or _WHY.get(told["verdict"], CHANGED))
            item.state = "conflict"
            break
    if not made:
        return item
    if item.why:
        item.why = EARLIER if item.why == CHANGED else item.why
    item.state = "restore"
    kinds = [_kind(step) for step in made]
    item.does = next((_DOES[kind] for kind in ("delete", "put_back", "edit") if kind in kinds), "move")
    before, after = _text_before(made[0]), _text_after(made[-1])
    item.diff = unified(_ended(before), _ended(after), f"cell {item.number}", f"cell {item.number}")
    item.covers = hashlib.sha256(msgspec.json.encode(made)).hexdigest()
    return item


def _kind(step: Step) -> str:
    return str(type(step).__struct_config__.tag)


def _text_before(step: Step) -> str:
    return getattr(step, "was", "")


def _text_after(step: Step) -> str:
    kind = _kind(step)
    if kind == "put_back":
        return str(getattr(step, "content", {}).get("source", ""))
    return "" if kind == "delete" else getattr(step, "source", getattr(step, "was", ""))


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _file_diff(path: str, data: bytes | None, then: bytes | None) -> str:
    try:
        before, after = (data or b"").decode(), (then or b"").decode()
    except UnicodeDecodeError:
        return ""
    names = f"a/{path}" if data is not None else "/dev/null", f"b/{path}" if then is not None else "/dev/null"
    return unified(before, after, *names)


def _preview(target: UndoTarget, items: list[_Item]) -> dict[str, Any]:
    shown = [item.wire() for item in items]
    covered = [msgspec.to_builtins(target), shown, [item.covers for item in items]]
    digest = hashlib.sha256(json.dumps(covered, sort_keys=True).encode()).hexdigest()
    return {"done": False, "digest": digest, "items": shown, "message": VARIABLES}


def _told(undo_id: str, target: UndoTarget, items: list[_Item], digest: str) -> dict[str, Any]:
    """Return the value of ``lobu.undone``: what was taken back, without its content."""
    shown = [{k: v for k, v in item.wire().items() if k != "diff"} for item in items if item.state != "same"]
    count = sum(item["state"] == "restore" for item in shown)
    what = "Nothing was" if not count else "1 change was" if count == 1 else f"{count} changes were"
    how = "restored" if target.undo_id is None else "made again"
    left = sum(item["state"] != "restore" for item in shown)
    kept = f" {left} kept as you left {'it' if left == 1 else 'them'}." if left else ""
    message = f"{what} {how}.{kept} {VARIABLES}"
    more = {"runId": target.run_id} if target.run_id is not None else {"of": target.undo_id}
    return {"undoId": undo_id, **more, "items": shown, "digest": digest, "message": message}
