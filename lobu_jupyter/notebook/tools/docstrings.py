"""The summary and the parameters in a docstring of plain, Google or numpy style."""

from __future__ import annotations

import re

_SECTION = re.compile(
    r"^(args|arguments|parameters|returns?|raises|yields?|examples?|notes?)\s*:?\s*$", re.IGNORECASE
)
_GOOGLE = re.compile(r"^(\s+)(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_NUMPY = re.compile(r"^(\w+)\s*(?::.*)?$")


def summary_of(doc: str) -> str:
    """Return the text before the first section."""
    lines: list[str] = []
    for line in doc.splitlines():
        if _SECTION.match(line):
            break
        lines.append(line)
    return "\n".join(lines).strip()


def parameters_of(doc: str) -> dict[str, str]:
    """Return the description of each parameter, by name."""
    lines = doc.splitlines()
    for i, line in enumerate(lines):
        section = _SECTION.match(line)
        if section and section[1].lower() in ("args", "arguments", "parameters"):
            if i + 1 < len(lines) and set(lines[i + 1].strip()) == {"-"}:
                return _numpy(lines[i + 2 :])
            return _google(lines[i + 1 :])
    return {}


def _google(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    indent, name = "", ""
    for line in lines:
        if line.strip() and not line[0].isspace():
            break
        match = _GOOGLE.match(line)
        if match and (not indent or match[1] == indent):
            indent, name = match[1], match[2]
            found[name] = match[3].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _numpy(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and set(lines[i + 1].strip()) == {"-"}:
            break  # the next section's title
        match = _NUMPY.match(line)
        if match and line.strip():
            name = match[1]
            found[name] = ""
        elif name and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return found
