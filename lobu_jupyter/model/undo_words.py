"""The preview of what is taken back, and what was done, as lines of text for terminals and notebooks."""

from __future__ import annotations

from typing import Any

from .visible import visible, visible_line

_DOES = {
    "change": "goes back to its earlier text",
    "remove": "is removed",
    "put back": "is put back",
    "move": "is moved back",
}
_STAYS = {"conflict": "stays as it is", "lost": "cannot be restored"}
NOTHING = "Nothing to restore: all of it is as it was."


def undo_lines(answer: dict[str, Any]) -> list[str]:
    """Return the lines of an answer of ``POST threads/{t}/undo``, the diffs of a preview with them."""
    items = [item for item in answer["items"] if item["state"] != "same"]
    lines: list[str] = []
    for item in items:
        fate = _STAYS.get(item["state"]) or _DOES[item.get("does", "change")]
        why = f" ({visible_line(item['why'])})" if item.get("why") else ""
        lines.append(f"{_title(item)} {fate}.{why}")
        lines += [f"  {visible(line)}" for line in str(item.get("diff", "")).splitlines()]
    return [*(lines or [NOTHING]), visible_line(answer["message"])]


def restores(answer: dict[str, Any]) -> bool:
    """Return whether a preview has anything that would be restored."""
    return any(item["state"] == "restore" for item in answer["items"])


def _title(item: dict[str, Any]) -> str:
    path = visible_line(item["path"])
    if item["what"] == "file":
        return path
    return f"Cell {item['number']} of {path}" if item.get("number") else f"A cell of {path}"
