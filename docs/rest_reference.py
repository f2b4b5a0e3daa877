"""The REST reference as Markdown, from the server's OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from lobu_jupyter.server import openapi_path

Schema = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


def write_reference(target: Path) -> None:
    """Write the page, unless it already says the same: an untouched page is not built again."""
    page = reference(yaml.safe_load(openapi_path().read_text()))
    if not target.exists() or target.read_text() != page:
        target.write_text(page)


def reference(document: Schema) -> str:
    """Return the whole page: each operation with its parameters, body, replies and examples."""
    lines = ["# REST reference", "", document["info"]["description"].strip(), ""]
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                lines += _operation(document, method, path, item, item[method])
    return "\n".join(lines).rstrip() + "\n"


def _operation(document: Schema, method: str, path: str, item: Schema, operation: Schema) -> list[str]:
    lines = [f"## {method.upper()} {path}", "", operation["summary"].rstrip(".") + ".", ""]
    if operation.get("description"):
        lines += [operation["description"].strip(), ""]
    parameters = [
        _resolved(document, p) for p in item.get("parameters", []) + operation.get("parameters", [])
    ]
    for parameter in parameters:
        needed = ", required" if parameter.get("required") else ""
        text = parameter.get("description", "").strip()
        lines.append(f"- `{parameter['name']}` ({parameter['in']}{needed}) {text}".rstrip())
    if parameters:
        lines.append("")
    body = _resolved(document, operation.get("requestBody") or {})
    lines += _example("Request", body)
    for status, response in operation["responses"].items():
        if status != "default":
            response = _resolved(document, response)
            lines += [f"**{status}** {response.get('description', '').strip()}", "", *_example("", response)]
    return lines


def _example(title: str, holder: Schema) -> list[str]:
    for media in (holder.get("content") or {}).values():
        if "example" in media:
            text = media["example"]
            shown = text if isinstance(text, str) else json.dumps(text, indent=2, default=str)
            language = "text" if isinstance(text, str) else "json"
            return [*([f"{title}:", ""] if title else []), f"```{language}", shown, "```", ""]
    return []


def _resolved(document: Schema, node: Schema) -> Schema:
    while "$ref" in node:
        found: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node
