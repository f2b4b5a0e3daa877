"""A waiting call as lines of text: every argument, the diff in addition, hidden characters as escapes.

A long text is shown whole, with line numbers. The browser shows the same parts:
labextension/src/core/text/shown.ts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .plan import exact_lines
from .visible import visible, visible_json, visible_line

LONGEST_LINE = 120
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
RISKS = {
    "deletes": "deletes files",
    "shell": "runs shell commands",
    "network": "uses the network",
    "installs": "installs packages",
    "scripts": "shows HTML or JavaScript that may act in this page",
    "unseen": "could not be checked",
}
_QUOTED = ('"', "[", "{")


@dataclass(frozen=True)
class CardPart:
    """One argument. ``block``: it has several lines, or one that is long."""

    name: str
    text: str
    block: bool


def parts_of(args: dict[str, Any]) -> list[CardPart]:
    """Return one part for each argument, in their order."""
    return [_part(str(name), value) for name, value in args.items()]


def card_lines(interrupt: dict[str, Any]) -> list[str]:
    """Return the lines of an AG-UI interrupt of ours: arguments, then the diff, then long arguments."""
    ours: dict[str, Any] = (interrupt.get("metadata") or {}).get("lobu") or {}
    args: dict[str, Any] = dict(ours.get("args") or {})
    if ours.get("questions"):
        args.pop("questions", None)  # they are asked one by one
    parts = parts_of(args)
    lines = [f"{visible_line(part.name)}: {visible_line(part.text)}" for part in parts if not part.block]
    if ours.get("diff"):
        lines += ["changes:", *diff_lines(ours["diff"])]
    for part in parts:
        if part.block:
            lines += [f"{visible_line(part.name)} ({_count(part.text)}):", *numbered(part.text)]
    for question in ours.get("questions") or []:
        lines += [f"- {visible(str(option))}" for option in question.get("options") or []]
    if ours.get("agentMode"):
        lines.append(f"The agent's mode: {visible_line(str(ours['agentMode']))}")
    for option in ours.get("options") or []:
        kept = ", remembered by the agent" if str(option["kind"]).endswith("always") else ""
        lines.append(
            f"- {visible_line(str(option['name']))} (option {visible_line(str(option['id']))}{kept})"
        )
    if ours.get("byAgent"):
        lines.append("Registered by agent code: it may do anything that code in this kernel can do.")
    if ours.get("risks"):
        lines.append(
            f"This code {risk_words(ours['risks'])}. (A hint from its syntax: it may do more, or less.)"
        )
    if ours.get("unshown"):
        lines.append(f"This cannot be approved: {visible(ours['unshown'])}")
    return lines


def risk_words(risks: list[Any]) -> str:
    """Return what a call's code does, in words: `deletes files and uses the network`."""
    words = [RISKS.get(str(risk), visible_line(str(risk))) for risk in risks]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def numbered(text: str) -> list[str]:
    """Return the lines of `text`, each after its number."""
    lines = text.removesuffix("\n").split("\n")
    width = len(str(len(lines)))
    return [f"{n:>{width}} |{' ' if line else ''}{visible(line)}" for n, line in enumerate(lines, 1)]


def diff_lines(diff: str) -> list[str]:
    """Return the lines of a unified diff, with its headers in plain words. No line is left out."""
    found: list[str] = []
    before = after = 0  # lines that the hunk still owes
    every = diff.removesuffix("\n").split("\n")
    for i, line in enumerate(every):
        hunk = _HUNK.match(line)
        if before > 0 or after > 0:
            before -= line[:1] not in ("+", "\\")
            after -= line[:1] not in ("-", "\\")
            found.append(_note(line))
        elif hunk:
            before, after = int(hunk[2] or 1), int(hunk[4] or 1)
            found.append(_place(int(hunk[3 if after else 1]), after or before))
        elif line.startswith("+++ ") and i and every[i - 1].startswith("--- "):
            found[-1] = visible_line(_files(every[i - 1][4:], line[4:]))
        else:
            found.append(_note(line))
    return found


def _part(name: str, value: Any) -> CardPart:
    steps = exact_lines(value) if name == "steps" else None
    text = (
        "\n".join(steps)
        if steps is not None
        else _one_text(value)
        if isinstance(value, str)
        else visible_json(value)
    )
    return CardPart(name, text, name == "code" or "\n" in text or len(text) > LONGEST_LINE)


def _one_text(value: str) -> str:
    """Return a string as it is, or in quotes if it reads like another value or like nothing."""
    plain = value != "" and value.strip() == value and not value.startswith(_QUOTED) and not _is_json(value)
    return value if "\n" in value or plain else visible_json(value)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _count(text: str) -> str:
    count = len(text.removesuffix("\n").split("\n"))
    return "1 line" if count == 1 else f"{count} lines"


def _note(line: str) -> str:
    return "(no line break at the end)" if line.startswith("\\") else visible(line)


def _place(first: int, count: int) -> str:
    return f"lines {first} to {first + count - 1}:" if count > 1 else f"line {first}:"


def _files(old: str, new: str) -> str:
    before, after = old.removeprefix("a/"), new.removeprefix("b/")
    if old == "/dev/null":
        return f"new file: {after}"
    if new == "/dev/null":
        return f"deleted: {before}"
    return after if before == after else f"{before} -> {after}"
