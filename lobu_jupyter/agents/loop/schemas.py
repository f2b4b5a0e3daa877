"""Schemas of tools, mended so that one broken tool does not fail every request of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from lobu_jupyter.model.text import encodable

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMBINED = ("anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "then", "else")


def fit_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return a tool's schema in a form that every provider accepts, None if it cannot be mended.

    At its top it is a plain object: branches of a top-level ``anyOf`` become one object whose members are all
    optional where the branches differ. Below, what no provider reads is left out: a property that is no schema, a required
    name without a property, a list of nothing said. Calls are checked against the tool's own schema before they run.
    """
    schema = encodable(schema)
    try:
        json.dumps(schema, allow_nan=False).encode()
        if not _refs_resolve(schema, schema):
            return None
    except (ValueError, RecursionError, TypeError):
        return None
    top = schema
    if not top.keys().isdisjoint(_COMBINED):
        top = _flattened(schema)
    kind = top.get("type", "object")
    is_object = kind == "object" or (isinstance(kind, list) and "object" in kind)
    if not is_object or not isinstance(top.get("properties", {}), dict):
        return None
    return _mended({**top, "type": "object", "properties": top.get("properties", {})})


def _mended(part: Any) -> dict[str, Any]:
    """Return a schema without what no provider reads. Anything that is no schema allows everything."""
    if not isinstance(part, dict):
        return {}
    made = dict(cast("dict[str, Any]", part))
    for name in ("properties", "$defs", "definitions"):
        if isinstance(made.get(name), dict):
            made[name] = {key: _mended(value) for key, value in made[name].items()}
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(made.get(name), list):
            made[name] = [_mended(value) for value in made[name]]
    if isinstance(made.get("items"), dict | bool) or ("items" not in made and _is_list(made)):
        made["items"] = _mended(made.get("items"))
    more = made.get("additionalProperties", True)
    if isinstance(more, dict):
        made["additionalProperties"] = _mended(more)
    elif not isinstance(more, bool):
        del made["additionalProperties"]
    if "required" in made:
        known = made.get("properties")
        names: list[Any] = made["required"] if isinstance(made["required"], list) else []
        made["required"] = [
            name for name in names if isinstance(name, str) and (known is None or name in known)
        ]
    return made


def _is_list(schema: dict[str, Any]) -> bool:
    kinds: Any = schema.get("type")
    return "prefixItems" not in schema and (
        kinds == "array" or (isinstance(kinds, list) and "array" in kinds)
    )


def _flattened(schema: dict[str, Any]) -> dict[str, Any]:
    branches = [
        branch
        for name in ("anyOf", "oneOf", "allOf")
        for branch in cast("list[Any]", schema.get(name) or [])
        if isinstance(branch, dict)
    ]
    properties: dict[str, Any] = {}
    for part in [*branches, schema]:
        properties |= cast("dict[str, Any]", part.get("properties") or {})
    flat = {name: value for name, value in schema.items() if name not in _COMBINED}
    return {**flat, "type": schema.get("type", "object"), "properties": properties}


def _refs_resolve(part: Any, root: dict[str, Any]) -> bool:
    if isinstance(part, list):
        return all(_refs_resolve(each, root) for each in cast("list[Any]", part))
    if not isinstance(part, dict):
        return True
    known = cast("dict[str, Any]", part)
    ref = known.get("$ref")
    if isinstance(ref, str) and not _resolves(ref, root):
        return False
    return all(_refs_resolve(each, root) for each in known.values())


def _resolves(ref: str, root: dict[str, Any], seen: tuple[str, ...] = ()) -> bool:
    if not ref.startswith("#"):
        return False  # no provider loads another document
    found: Any = root
    for name in ref.removeprefix("#").split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return False
        found = cast("dict[str, Any]", found)[name]
    further = cast("dict[str, Any]", found).get("$ref") if isinstance(found, dict) else None
    if not isinstance(further, str):
        return True
    return further not in (*seen, ref) and _resolves(further, root, (*seen, ref))


def left_out(names: Sequence[str]) -> str:
    """Return the sentence that names the tools hidden from the model."""
    return f"Left out, because their schemas are broken: {', '.join(names)}."
