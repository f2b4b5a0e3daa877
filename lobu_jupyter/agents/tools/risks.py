"""Risks of code, from its syntax tree: a hint for the person who decides, never a promise.

Code that hides its actions goes undetected, and a risk that is found may never be reached. Code that cannot be
checked has the hint ``unseen``: it is too long or too nested, or it runs although it is no Python, as IPython
allows. All patterns take time in proportion to the code, so hostile code cannot hold up its worker.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Literal

from .scripts import acts_in_page, shows_scripts

Risk = Literal["deletes", "shell", "network", "installs", "scripts", "unseen"]
ORDER: tuple[Risk, ...] = ("deletes", "shell", "network", "installs", "scripts", "unseen")
MAX_CHARS = 64 * 1024  # longer code counts as code that hides risks
RUNS = frozenset({"run_code", "run_cell"})
"""The tools that run their ``code`` at once. The code of other tools may be prose."""

_CALLS: dict[str, Risk] = {
    **dict.fromkeys(("os.remove", "os.unlink", "os.rmdir", "os.removedirs", "shutil.rmtree"), "deletes"),
    **dict.fromkeys(("os.system", "os.popen", "pty.spawn", "asyncio.create_subprocess_shell"), "shell"),
    **dict.fromkeys(
        ("pip.main", "pip._internal.main", "micropip.install", "ensurepip.bootstrap"), "installs"
    ),
}
_WITH_A_COMMAND = frozenset({"system", "getoutput", "popen"})  # platform.system() has none
_METHODS: dict[str, Risk] = {
    "unlink": "deletes",
    "rmdir": "deletes",
    "rmtree": "deletes",
    "urlopen": "network",
}
_MODULES: dict[str, Risk] = {
    **dict.fromkeys(("subprocess", "pexpect", "sh"), "shell"),
    **dict.fromkeys(
        ("requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client", "socket", "ftplib"),
        "network",
    ),
    **dict.fromkeys(("smtplib", "paramiko", "websockets", "websocket", "boto3", "telnetlib"), "network"),
}
_URL = re.compile(r"(https?|ftp|s3|gs)://", re.IGNORECASE)
_IN_SHELL: tuple[tuple[Risk, re.Pattern[str]], ...] = (
    ("deletes", re.compile(r"\b(rm|rmdir|shred|unlink)\b|\s-delete\b")),
    ("network", re.compile(r"\b(curl|wget|ssh|scp|rsync|nc|git\s+(clone|pull|push|fetch))\b|https?://")),
)
_INSTALLER = re.compile(r"\b(pip3?|uv|conda|mamba|apt(-get)?|npm)\b")
_INSTALLS = re.compile(r"\b(install|add|uninstall|remove)\b")
_ESCAPE = re.compile(r"^\s*+(?:[\w, ]++=\s*+)?(!+|%%?)(.*)$")
_REMOVES = re.compile(r"^[ \t]*+(rm|rmdir)[ \t]++(-\w|[\w'\"~$/])")  # an alias of IPython, without a sign
_ONLY_REMOVES = re.compile(r"(rm|rmdir)[ \t]++[^\s=,].*+")  # alone in a cell it is one before any operator
_SHELL_MAGICS = frozenset({"sx", "system", "bash", "sh", "script"})
_DELETE_MAGICS = frozenset({"rm", "rmdir"})
_INSTALL_MAGICS = frozenset({"pip", "conda", "mamba", "uv"})


def risks_of_call(tool: str | None, args: dict[str, Any]) -> list[Risk]:
    """Return the risks of a call's code, if it has any."""
    code = args.get("code")
    return risks_of(code, runs=tool in RUNS) if isinstance(code, str) else []


def risks_of(code: str, *, runs: bool = True) -> list[Risk]:
    """Return the code's effects that are hard to take back, in the order of ORDER. Never raises.

    ``runs``: False if the text may be no code at all, so that it is no hint if it does not parse.
    """
    if len(code) > MAX_CHARS:
        return ["unseen"]
    found: set[Risk] = set()
    try:
        _find(code, found, runs=runs)
    except Exception:  # noqa: BLE001 -- the parser and the visitors may raise anything over hostile code
        found.add("unseen")
    return [risk for risk in ORDER if risk in found]


def _find(code: str, found: set[Risk], *, runs: bool) -> None:
    if _ONLY_REMOVES.fullmatch(code.strip()):
        found.add("deletes")
    python = _without_escapes(code, found)
    if shows_scripts(code):
        found.add("scripts")
    try:
        tree = ast.parse(python)
    except (SyntaxError, ValueError):
        if runs and python.strip():
            found.add("unseen")
        return
    if acts_in_page(tree):
        found.add("scripts")
    _RiskFinder(found).visit(tree)


def _without_escapes(code: str, found: set[Risk]) -> str:
    """Return the code without IPython's own lines, and add the risks of those.

    All other text stays as it is: a line ends at more characters for ``splitlines`` than for Python.
    """
    kept: list[str] = []
    lines = code.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if _REMOVES.match(line):
            found.add("deletes")
        escape = _ESCAPE.match(line)
        if escape is None:
            kept.append(line)
            continue
        sign, rest = escape[1], escape[2].strip()
        name = rest.split(" ", 1)[0]
        if sign.startswith("!") or name in _SHELL_MAGICS:
            found.add("shell")
            found |= _of_command(rest)
        elif name in _INSTALL_MAGICS or name in _DELETE_MAGICS:
            found |= _of_command(rest)
        if sign == "%%" and name in _SHELL_MAGICS:
            found |= _of_command("".join(lines[number + 1 :]))
            return ""
        kept.append(f"{line[: len(line) - len(line.lstrip())]}pass\n")
    return "".join(kept)


def _of_command(command: str) -> set[Risk]:
    found: set[Risk] = {risk for risk, pattern in _IN_SHELL if pattern.search(command)}
    for line in command.splitlines():
        installer = _INSTALLER.search(line)
        if installer is not None and _INSTALLS.search(line, installer.end()):
            found.add("installs")
    return found


class _RiskFinder(ast.NodeVisitor):
    """A visitor that collects risks. ``names``: the full names behind local names."""

    def __init__(self, found: set[Risk]) -> None:
        self._found = found
        self._names: dict[str, str] = {}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._names[alias.asname or alias.name.split(".")[0]] = (
                alias.name if alias.asname else alias.name.split(".")[0]
            )
            self._module(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            self._module(node.module or "")
            self._module(f"{node.module}.{alias.name}")

    def visit_Call(self, node: ast.Call) -> None:
        name = self._name(node.func)
        if name in _CALLS:
            self._found.add(_CALLS[name])
        elif name.startswith(("os.exec", "os.spawn", "os.posix_spawn")):
            self._found.add("shell")
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if method in _METHODS:
            self._found.add(_METHODS[method])
        elif method in _WITH_A_COMMAND and node.args:
            self._found.add("shell")
        if "shell" in self._found or name.startswith("subprocess."):
            self._found |= _of_command(" ".join(_strings(node)))
        if any(_URL.match(text) for text in _strings(node)):
            self._found.add("network")
        self.generic_visit(node)

    def _module(self, name: str) -> None:
        for module, risk in _MODULES.items():
            if name == module or name.startswith(f"{module}."):
                self._found.add(risk)

    def _name(self, node: ast.expr) -> str:
        """Return the dotted name of a call's function, as far as it can be resolved."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id, node.id)
        if isinstance(node, ast.Attribute):
            return f"{self._name(node.value)}.{node.attr}"
        return ""


def _strings(node: ast.Call) -> list[str]:
    """Return the texts among a call's arguments, also those of a list of words."""
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    nested = [part for one in arguments for part in (one.elts if isinstance(one, ast.List) else [one])]
    return [one.value for one in nested if isinstance(one, ast.Constant) and isinstance(one.value, str)]
