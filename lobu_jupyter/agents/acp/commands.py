"""Commands of an ACP agent: the program that runs, and the check that a person approved it.

A command is its words, its directory and its environment. An approval covers all three. A name without a
directory is looked up in the PATH of the command itself, so that the question names the program.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass
from typing import Any

_SHELLS = ("sh", "bash", "dash", "zsh")
_SYSTEM = ("/bin", "/usr/bin", "/usr/local/bin")
SHELL = "/bin/sh"


def argv_of(command: list[str]) -> list[str]:
    """Return the words to run. A single word is a line for a shell."""
    return command if len(command) > 1 else [SHELL, "-c", *command]


def folder_of(usual: str, cwd: str | None) -> str:
    """Return the absolute directory of a command. ``usual``: the default, and the base of a relative `cwd`."""
    return os.path.abspath(os.path.join(usual, cwd or ""))


def program_of(argv: list[str], cwd: str, path: str) -> str:
    """Return the absolute path of the program that `argv` starts. ``path``: the command's own PATH.

    Raises:
        FileNotFoundError: there is no such program.
    """
    name = argv[0]
    if os.sep in name:
        found = shutil.which(os.path.join(cwd, name))
    else:
        absolute = [os.path.join(cwd, part) for part in path.split(os.pathsep)]
        found = shutil.which(name, path=os.pathsep.join(absolute))
    if found is None:
        raise FileNotFoundError(f"there is no program {name!r}")
    return found


@dataclass(frozen=True)
class Command:
    """A command of a permission. ``words``: a shell line or the words. ``cwd``: None for the agent's directory."""

    words: str | tuple[str, ...]
    cwd: str | None
    env: tuple[tuple[str, str], ...]

    def is_same(self, argv: list[str], cwd: str, env: dict[str, str], usual: str) -> bool:
        """Return True if this is the command about to run. ``usual``: the agent's directory."""
        here = folder_of(usual, self.cwd)
        return dict(self.env) == env and here == os.path.abspath(cwd) and self._says(argv)

    def _says(self, argv: list[str]) -> bool:
        if not isinstance(self.words, str):
            return argv_of(list(self.words)) == argv
        in_shell = (
            len(argv) == 3 and _is_shell(argv[0]) and argv[1] in ("-c", "-lc") and argv[2] == self.words
        )
        return in_shell or shlex.join(argv) == self.words


def _is_shell(program: str) -> bool:
    folder, name = os.path.split(program)
    return name in _SHELLS and folder in ("", *_SYSTEM)


def command_in(given: Any) -> Command | None:
    """Return the command in a call's input, None if there is none to compare."""
    if not isinstance(given, dict):
        return None
    members: dict[str, Any] = given
    words, cwd, env = members.get("command"), members.get("cwd"), members.get("env")
    if isinstance(words, list) and words and all(isinstance(part, str) for part in words):  # pyright: ignore[reportUnknownVariableType]
        words = tuple(words)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif not isinstance(words, str) or not words:
        return None
    variables: dict[str, str] = {}
    if isinstance(env, dict):
        variables = {str(name): str(value) for name, value in env.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    elif isinstance(env, list):  # as ACP's terminals have it
        variables = {str(one["name"]): str(one["value"]) for one in env if isinstance(one, dict)}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    where = str(cwd) if isinstance(cwd, str) and cwd else None
    return Command(words, where, tuple(sorted(variables.items())))  # pyright: ignore[reportUnknownArgumentType]
