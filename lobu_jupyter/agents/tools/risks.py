"""Risks of code, from its syntax tree: a hint for the person who decides, never a promise.

Code that hides its actions goes undetected, and a risk that is found may never be reached.
"""

from __future__ import annotations

import ast
import re
from typing import Literal

from .scripts import shows_scripts

Risk = Literal["deletes", "shell", "network", "installs", "scripts"]
ORDER: tuple[Risk, ...] = ("deletes", "shell", "network", "installs", "scripts")

_CALLS: dict[str, Risk] = {
    **dict.fromkeys(("os.remove", "os.unlink", "os.rmdir", "os.removedirs", "shutil.rmtree"), "deletes"),
    **dict.fromkeys(("os.system", "os.popen", "pty.spawn", "asyncio.create_subprocess_shell"), "shell"),
    **dict.fromkeys(
        ("pip.main", "pip._internal.main", "micropip.install", "ensurepip.bootstrap"), "installs"
    ),
}
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
    (
        "installs",
        re.compile(r"\b(pip3?|uv|conda|mamba|apt(-get)?|npm)\b.*\b(install|add|uninstall|remove)\b"),
    ),
)
_ESCAPE = re.compile(r"^\s*(?:[\w, ]+=\s*)?(!+|%%?)(.*)$")
_SHELL_MAGICS = frozenset({"sx", "system", "bash", "sh", "script"})
_INSTALL_MAGICS = frozenset({"pip", "conda", "mamba", "uv"})


def risks_of(code: str) -> list[Risk]:
    """Return the code's effects that are hard to take back, in the order of ORDER."""
    python, found = _without_escapes(code)
    if shows_scripts(code, python):
        found.add("scripts")
    try:
        tree = ast.parse(python)
    except (SyntaxError, ValueError, RecursionError):
        return [risk for risk in ORDER if risk in found]  # it will not run either
    looker = _Looker(found)
    looker.visit(tree)
    return [risk for risk in ORDER if risk in found]


def _without_escapes(code: str) -> tuple[str, set[Risk]]:
    """Return the code without IPython's own lines, and the risks of those."""
    found: set[Risk] = set()
    kept: list[str] = []
    lines = code.splitlines()
    for number, line in enumerate(lines):
        escape = _ESCAPE.match(line)
        if escape is None:
            kept.append(line)
            continue
        sign, rest = escape[1], escape[2].strip()
        name = rest.split(" ", 1)[0]
        if sign.startswith("!") or name in _SHELL_MAGICS:
            found.add("shell")
            found |= _of_command(rest)
        elif name in _INSTALL_MAGICS:
            found |= _of_command(rest)
        if sign == "%%" and name in _SHELL_MAGICS:
            return "", found | _of_command("\n".join(lines[number + 1 :]))
        kept.append(line[: len(line) - len(line.lstrip())] + "pass")
    return "\n".join(kept), found


def _of_command(command: str) -> set[Risk]:
    return {risk for risk, pattern in _IN_SHELL if pattern.search(command)}


class _Looker(ast.NodeVisitor):
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
