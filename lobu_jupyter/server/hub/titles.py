"""A question in words: "Run this code?". The browser says the same (labextension/src/core/view/titles.ts)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.visible import visible_line

if TYPE_CHECKING:
    from lobu_jupyter.model.interrupts import Interrupt

_KNOWN = {
    "run_code": "Run this code?",
    "list_variables": "Look at variables?",
    "read_notebook": "Read the notebook?",
    "insert_cell": "Insert a cell?",
    "edit_cell": "Edit a cell?",
    "delete_cell": "Delete a cell?",
    "move_cell": "Move a cell?",
    "run_cell": "Run a cell?",
    "plan": "Plan first: approve this plan?",
    "ask_user": "Question",
}
_NAMED = {
    "describe_variable": ("Look at {}?", "name", "a variable"),
    "list_files": ("List {}?", "path", "files"),
    "read_file": ("Read {}?", "path", "a file"),
    "write_file": ("Write {}?", "path", "a file"),
    "edit_file": ("Edit {}?", "path", "a file"),
}


def title_of(asked: Interrupt) -> str:
    """Return the title of a question's card. It is made of the tool and its arguments, never of the question's own text."""
    tool = asked.tool_name
    if not tool:
        return "Needs approval"
    if tool in _KNOWN:
        return _KNOWN[tool]
    if tool in _NAMED:
        words, member, unnamed = _NAMED[tool]
        return words.format(_named(asked.args, member) or unnamed)
    return f"Call {visible_line(tool)}?"


def _named(args: dict[str, Any], member: str) -> str:
    value = args.get(member)
    return visible_line(value) if isinstance(value, str) else ""
