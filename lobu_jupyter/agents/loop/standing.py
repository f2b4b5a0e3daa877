"""The standing instructions of a run: AGENTS.md of the notebook's folder and of those above it, and the skills there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobu_jupyter.agents.tools.base import ToolError
from lobu_jupyter.agents.tools.disk import Disk
from lobu_jupyter.agents.tools.skills import Skills, find_skills, folders_of
from lobu_jupyter.model.events import custom

if TYPE_CHECKING:
    from lobu_jupyter.model.events import Event
    from lobu_jupyter.model.ports import Task

INSTRUCTIONS = "AGENTS.md"
MAX_INSTRUCTIONS = 32 * 1024
"""Bytes of all files of a run together. The nearest folder's file comes first."""


@dataclass
class _Instructions:
    texts: list[str]
    events: list[Event]


async def standing_of(task: Task) -> tuple[str, list[Event]]:
    """Return the instructions and skills for a run's prompt, and the events that name what the run got."""
    if task.root is None:
        return "", []
    return await asyncio.to_thread(_standing, task)


async def skills_of(task: Task) -> Skills:
    """Return the skills that a run may load."""
    return Skills() if task.root is None else await asyncio.to_thread(find_skills, task)


def _standing(task: Task) -> tuple[str, list[Event]]:
    read = _instructions(task)
    skills = find_skills(task)
    if skills.found or skills.problems:
        offered = f"Skills offered: {', '.join(skills.found)}." if skills.found else ""
        value = {"names": list(skills.found), "message": "\n".join([offered, *skills.problems]).strip()}
        read.events.append(custom("lobu.skills", value))
    return "\n\n".join(text for text in [*read.texts, skills.prompt()] if text), read.events


def _instructions(task: Task) -> _Instructions:
    """Return the files' texts, nearest folder first. A file that cannot be read is named, and the run continues."""
    read = _Instructions([], [])
    disk, room, seen = Disk.of(task), MAX_INSTRUCTIONS, set[str]()
    for folder in folders_of(task):
        path = f"{folder}/{INSTRUCTIONS}" if folder else INSTRUCTIONS
        try:
            place = disk.place(path)
            data = None if place in seen else disk.read(path, first=room + 1)
        except ToolError as error:
            read.events.append(custom("lobu.unread", {"path": path, "message": str(error)}))
            continue
        seen.add(place)
        text = "" if data is None else data[:room].decode("utf-8-sig", "replace").strip()
        if data is not None and len(data) > room:
            whole = (
                f"{path} is used only in part: the instructions of a run have up to {MAX_INSTRUCTIONS} bytes."
            )
            read.events.append(custom("lobu.unread", {"path": path, "message": whole}))
        if text:
            room -= len(text.encode())
            read.texts.append(f"Standing instructions of this project ({path}):\n{text}")
            read.events.append(custom("lobu.instructions", {"path": path, "bytes": len(text.encode())}))
        if room <= 0:
            break
    if len(read.texts) > 1:
        read.texts.insert(
            0, "Where the following instructions contradict each other, those that come first hold."
        )
    return read
