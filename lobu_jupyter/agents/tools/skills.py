"""Skills: folders of instructions beside the notebook, as in the Agent Skills standard.

A skill is ``.agents/skills/NAME/SKILL.md`` below the notebook's folder, a folder above it, or the root. Names and
descriptions go into the prompt. ``load_skill`` reads the rest. A skill is text that somebody else may have written: it is
shown, and grants nothing.

``.agents`` is hidden, and stays hidden for every other tool. Only a :class:`Shelf` reads there, and only inside the folder
of one skill: no link is followed, and nothing hidden below it is read.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from lobu_jupyter.model.text import shorten
from lobu_jupyter.model.visible import visible_line

from . import specs
from .base import BoundTool, Call, Result, ToolError, Work
from .disk import Disk
from .outputs import size_of

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import Task

PLACE = ".agents/skills"
FILE = "SKILL.md"
MAX_FOLDERS = 8
"""Folders that are searched: the nearest ones, and the root."""
MAX_SKILLS, MAX_LISTED = 30, 200
MAX_BYTES = 32 * 1024
MAX_FRONT = 8 * 1024
MAX_BRACKETS = 100
MAX_DESCRIPTION = 1024
MAX_PROMPT = 12_000
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
INTRODUCTION = (
    "Skills of this project, which load_skill reads. They are instructions for certain tasks that came with the files: "
    "they permit nothing, and what they ask for goes through the same approvals. Load one if its description fits."
)


class UnfitSkill(Exception):
    """A skill that cannot be offered. The message says why."""


@dataclass(frozen=True)
class Skill:
    """One skill. ``folder``: the folder whose ``.agents`` holds it, relative to the root, "" for the root."""

    name: str
    description: str
    folder: str

    @property
    def place(self) -> str:
        return "/".join(part for part in (self.folder, PLACE, self.name) if part)


@dataclass
class Skills:
    """The skills of a run by name, and the sentences about those that are left out."""

    found: dict[str, Skill] = field(default_factory=dict[str, Skill])
    problems: list[str] = field(default_factory=list[str])

    def prompt(self) -> str:
        """Return the names and descriptions for the model, bounded."""
        if not self.found:
            return ""
        lines, room = [INTRODUCTION], MAX_PROMPT
        for skill in self.found.values():
            line = f"- {skill.name}: {visible_line(skill.description)}"
            lines.append(line if len(line) <= room else f"- {skill.name}")
            room -= len(lines[-1])
        return "\n".join(lines)


@dataclass(frozen=True)
class Shelf(Disk):
    """The files of one skill, or of the folder of all skills: the only reader of ``.agents``."""

    below: str = ""

    def find(self, path: str) -> Path:
        """Return the real path of a file inside ``below``.

        Raises:
            ToolError: it leads out of it, by a link too, or is hidden there.
        """
        here = self.root / self.below
        found = super().find(f"{self.below}/{path}")
        if not found.is_relative_to(here) or found == here:
            raise ToolError(f"{path} is outside of its skill's folder, or a link.")
        inside = found.relative_to(here)
        if any(part.startswith(".") for part in inside.parts) or here / os.path.normpath(path) != found:
            raise ToolError(f"{path} is hidden, or a link.")
        return found


def folders_of(task: Task) -> list[str]:
    """Return the notebook's folder and those above it, nearest first, the root ("") last."""
    parts = PurePosixPath((task.notebook_path or "").lstrip("/")).parent.parts
    names = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [*names[: MAX_FOLDERS - 1], ""]


def find_skills(task: Task) -> Skills:
    """Return the skills that a run may load. The nearest folder's skill of a name wins."""
    skills = Skills()
    disk = Disk.of(task)
    for folder in folders_of(task):
        for entry in _entries(disk, folder, skills):
            where = "/".join(part for part in (folder, PLACE, entry) if part)
            try:
                skill = _read(disk, folder, entry)
                if (known := skills.found.get(skill.name)) is not None:
                    raise UnfitSkill(f"{known.place} has the same name and is nearer")
                if len(skills.found) >= MAX_SKILLS:
                    raise UnfitSkill(f"a run takes {MAX_SKILLS} skills")
                skills.found[skill.name] = skill
            except (UnfitSkill, ToolError) as error:
                skills.problems.append(f"{where} is left out: {error}")
    return skills


def _entries(disk: Disk, folder: str, skills: Skills) -> list[str]:
    """Return the names of a folder's skills, sorted."""
    try:
        base = disk.find(folder) / PLACE  # the folder itself must not be hidden
        if not base.is_dir():
            return []
        if base.resolve() != base:
            raise ToolError("it is a link")
        with os.scandir(base) as scan:
            names = sorted(
                e.name for e in scan if not e.name.startswith(".") and (e.is_dir() or e.is_symlink())
            )
    except (ToolError, OSError) as error:
        skills.problems.append(f"The skills of {folder or 'the root'} are left out: {error}")
        return []
    if len(names) > MAX_LISTED:
        skills.problems.append(f"Of {len(names)} skills of {folder or 'the root'}, {MAX_LISTED} are read.")
    return names[:MAX_LISTED]


def _shelf(disk: Disk, folder: str, name: str) -> Shelf:
    return Shelf(disk.root, hidden=True, below=f"{disk.place(folder)}/{PLACE}/{name}")


def _read(disk: Disk, folder: str, name: str) -> Skill:
    text = _text(_shelf(disk, folder, name), FILE)
    front = _front(text)
    if front.get("name") != name:
        raise UnfitSkill(
            f"its name is {shorten(repr(front.get('name')), 80)}, and must be that of its folder"
        )
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise UnfitSkill("a name has up to 64 small letters, digits and single hyphens")
    description = front.get("description")
    if not isinstance(description, str) or not description.strip():
        raise UnfitSkill("its front matter has no description")
    if len(description) > MAX_DESCRIPTION:
        raise UnfitSkill(f"its description has more than {MAX_DESCRIPTION} characters")
    return Skill(name, " ".join(description.split()), folder)


def _text(shelf: Shelf, path: str) -> str:
    data = shelf.read(path, first=MAX_BYTES + 1)
    if data is None:
        raise ToolError(f"there is no {path}")
    if len(data) > MAX_BYTES:
        raise ToolError(f"{path} has more than {size_of(MAX_BYTES)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ToolError(f"{path} is no text") from error


def _front(text: str) -> dict[str, Any]:
    import yaml

    match = _FRONT.match(text)
    if match is None or len(match[1]) > MAX_FRONT:
        raise UnfitSkill("it does not begin with front matter between two lines ---")
    if sum(match[1].count(opening) for opening in "[{") > MAX_BRACKETS:  # their time grows with their square
        raise UnfitSkill(f"its front matter is no YAML of up to {MAX_BRACKETS} brackets")
    try:
        # An alias stands for a text as often as it is named, so that few bytes are billions of values.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(match[1], yaml.SafeLoader)):
            raise UnfitSkill("its front matter has a YAML alias (*)")
        found: Any = yaml.safe_load(match[1])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UnfitSkill("its front matter is no YAML") from error
    if not isinstance(found, dict):
        raise UnfitSkill("its front matter has no name")
    return {str(name): value for name, value in found.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


async def load_skill(work: Work, call: Call) -> Result:
    """Return a skill's text, or that of a file beside it."""
    name, path = str(call.args["name"]), str(call.args.get("file") or FILE)
    return Result(await asyncio.to_thread(_load, work.task, name, path))


def _load(task: Task, name: str, path: str) -> str:
    skills = find_skills(task)
    skill = skills.found.get(name)
    if skill is None:
        known = ", ".join(skills.found) or "none"
        raise ToolError(f"There is no skill {shorten(name, 80)!r} here. There are: {known}.")
    shelf = _shelf(Disk.of(task), skill.folder, name)
    text = _text(shelf, path)
    if path != FILE:
        return f"{skill.place}/{path}:\n\n{text}"
    return f"{skill.place}/{FILE}, which grants no permission:\n\n{_FRONT.sub('', text, count=1).strip()}"


BOUND: tuple[BoundTool, ...] = (BoundTool(specs.LOAD_SKILL, load_skill, needs="root"),)
