"""The document and the routes say the same; its examples are valid; nothing is open to strangers."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from msgspec import inspect as shapes
from openapi_spec_validator import validate

from lobu_jupyter.agents.tools.risks import ORDER
from lobu_jupyter.server import openapi_path
from lobu_jupyter.server.routes import TEMPLATES

from .wire import Wire

VERBS = ("get", "post", "put", "patch", "delete")
DOCUMENT: dict[str, Any] = yaml.safe_load(Path(openapi_path()).read_text())
OPERATIONS = [
    (verb, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
    if verb in VERBS
]
IDS = [f"{verb} {path}" for verb, path, _ in OPERATIONS]


def verbs_of(handler: type) -> set[str]:
    """The verbs that our own classes answer."""
    ours = [cls for cls in handler.__mro__ if cls.__module__.startswith("lobu_jupyter")]
    return {verb for verb in VERBS if any(verb in vars(cls) for cls in ours)}


def test_the_document_is_openapi_31() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_every_route_is_in_the_document_and_every_operation_is_a_route() -> None:
    routes = {(verb, f"/{template}") for template, handler in TEMPLATES for verb in verbs_of(handler)}

    assert {(verb, path) for verb, path, _ in OPERATIONS} == routes


@pytest.mark.parametrize(("verb", "path", "operation"), OPERATIONS, ids=IDS)
def test_every_operation_has_a_summary_error_replies_and_valid_examples(
    verb: str, path: str, operation: dict[str, Any]
) -> None:
    assert operation["summary"]
    assert "default" in operation["responses"]
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    replies = [reply for status, reply in operation["responses"].items() if status != "default"]
    for holder in [*bodies, *replies]:
        for media in holder.get("content", {}).values():
            check(media["schema"], media["example"])


@pytest.mark.parametrize(("verb", "path", "operation"), OPERATIONS, ids=IDS)
async def test_no_route_answers_without_login(
    wire: Wire, verb: str, path: str, operation: dict[str, Any]
) -> None:
    url = path.strip("/").replace("{", "").replace("}", "")

    reply = await wire.raw(verb.upper(), url, headers={"Authorization": ""})

    assert reply.code == 403, reply.body


def test_every_verb_carries_jupyters_decorators() -> None:
    for template, handler in TEMPLATES:
        if template == "socket":
            continue  # ws_authenticated; the test above tries it
        for verb in verbs_of(handler):
            method = getattr(handler, verb)
            assert not getattr(method, "__allow_unauthenticated", False), (verb, template)
            assert hasattr(method, "__wrapped__"), (verb, template)
            assert hasattr(method.__wrapped__, "__wrapped__"), f"{verb} {template} lacks @authorized"


def check(schema: Any, example: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


# -- bounds ---------------------------------------------------------------------------------------

DECODES = re.compile(r"\.(query|body)\((\w+)\)")
CHECKED_BY_HAND = {
    "EventsQuery.cursor": "a text, because a header may hold it, that must be an integer",
    "RunAgentInput.tools": "decoded as a list, and then refused if it is not empty",
}
BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def decoded() -> list[tuple[str, str, str, type]]:
    """Every class that an operation decodes: verb, path, "query" or "body", and the class."""
    found: list[tuple[str, str, str, type]] = []
    for template, handler in TEMPLATES:
        for verb in verbs_of(handler):
            source = inspect.getsource(getattr(handler, verb))
            for what, name in DECODES.findall(source):
                found.append((verb, f"/{template}", what, getattr(sys.modules[handler.__module__], name)))
    return found


DECODED = decoded()


def bounds_of(kind: Any) -> dict[str, Any]:
    """The bounds that a decoder holds a value to, as JSON Schema names them."""
    if isinstance(kind, shapes.IntType | shapes.FloatType):
        return {"minimum": kind.ge, "maximum": kind.le}
    if isinstance(kind, shapes.StrType):
        return {"minLength": kind.min_length, "maxLength": kind.max_length}
    if isinstance(kind, shapes.ListType | shapes.VarTupleType):
        return {"minItems": kind.min_length, "maxItems": kind.max_length}
    return {}


def differing(kind: Any, schema: Any, where: str) -> Iterator[str]:
    """The places where the document has other bounds than the decoder."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(kind, shapes.UnionType):
        kinds = [part for part in kind.types if not isinstance(part, shapes.NoneType)]
        if len(kinds) > 1:
            yield from differing_forms(kinds, schema, where)
            return
        (kind,) = kinds
    bounds = bounds_of(kind)
    for name in BOUNDS:
        if bounds.get(name) != schema.get(name) and where not in CHECKED_BY_HAND:
            yield f"{where}: {name} is {schema.get(name)}, not {bounds.get(name)}"
    if isinstance(kind, shapes.ListType | shapes.VarTupleType):
        yield from differing(kind.item_type, schema.get("items", {}), f"{where}[]")
    elif isinstance(kind, shapes.StructType):
        for field in kind.fields:
            if field.encode_name not in schema.get("properties", {}):
                yield f"{where}.{field.encode_name}: is not in the document"
            else:
                inner = schema["properties"][field.encode_name]
                yield from differing(field.type, inner, f"{where}.{field.encode_name}")


def differing_forms(kinds: list[Any], schema: Any, where: str) -> Iterator[str]:
    """The same of a member with several forms, each with a tag."""
    forms = {form["properties"][kinds[0].tag_field]["const"]: form for form in schema["oneOf"]}
    if forms.keys() != {kind.tag for kind in kinds}:
        yield f"{where}: the forms are {sorted(forms)}"
    for kind in kinds:
        yield from differing(kind, forms.get(kind.tag, {}), f"{where}<{kind.tag}>")


@pytest.mark.parametrize(
    ("verb", "path", "what", "cls"), DECODED, ids=[f"{v} {p} {w}" for v, p, w, _ in DECODED]
)
def test_the_document_has_the_bounds_that_the_server_holds_requests_to(
    verb: str, path: str, what: str, cls: type
) -> None:
    operation, kind = DOCUMENT["paths"][path][verb], shapes.type_info(cls)
    if what == "body":
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
    else:
        named = [resolved(parameter) for parameter in operation.get("parameters", [])]
        schema = {"properties": {one["name"]: one["schema"] for one in named}}

    assert list(differing(kind, schema, cls.__name__)) == []


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in parameter:
        return parameter
    return DOCUMENT["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]


def test_each_request_that_a_handler_decodes_was_found() -> None:
    """The test above reads the handlers' source, and would pass if it found nothing there."""
    sources = [inspect.getsource(sys.modules[handler.__module__]) for _, handler in TEMPLATES]
    written = {found for source in sources for found in DECODES.findall(source)}

    assert {(what, cls.__name__) for _, _, what, cls in DECODED} == written
    assert len(written) > 20


def test_the_document_names_every_risk() -> None:
    interrupt = DOCUMENT["components"]["schemas"]["Interrupt"]["properties"]
    assert interrupt["risks"]["items"]["enum"] == list(ORDER)
