"""Commands of an ACP agent: which program runs, and whether it is what a person approved.

A command is its words, its directory and its environment, and an approval is for all three. A name without a
directory is looked up in the PATH that the command itself would have, so that the question names the program.
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
    """The words that run: a single one is a line for a shell."""
    return command if len(command) > 1 else [SHELL, "-c", *command]


def folder_of(usual: str, cwd: str | None) -> str:
    """The absolute directory of a command. ``usual``: where it runs if it names none, or begins from."""
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
    """A command as a permission said it. ``words``: a line for a shell, or its words; ``cwd``: None, the agent's."""

    words: str | tuple[str, ...]
    cwd: str | None
    env: tuple[tuple[str, str], ...]

    def is_same(self, argv: list[str], cwd: str, env: dict[str, str], usual: str) -> bool:
        """Whether this is the command that is to run now. ``usual``: the agent's directory."""
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
    """The command that a call's input names, None if it names none that can be compared."""
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
