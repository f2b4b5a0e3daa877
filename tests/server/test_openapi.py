"""The document and the routes say the same; its examples are valid; nothing is open to strangers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

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
