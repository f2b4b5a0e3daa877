"""The bounds of values on the wire: every integer, text and list of a request has one.

A field is declared with one of these types, so that the decoder refuses a value out of bounds and names the
field. ``tests/security/test_bad_input.py`` walks over all requests and fails for a field without one.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError

from .text import encodable

MAX_INTEGER = 2**53 - 1  # exact in JSON, JavaScript and the store
MAX_NAME = 1024
MAX_TEXT = 8 * 1024 * 1024
MAX_SEARCH = 500
MAX_PAGE = 500
MAX_LIST = 1000
MAX_BATCH_EVENTS = 1000
MAX_BATCH_BYTES = 2 * 1024 * 1024  # of a batch's events, without its checkpoint

Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Ordinal = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Limit = Annotated[int, Meta(ge=1, le=MAX_PAGE)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
Id = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\A[^\x00]*\Z")]
Name = Annotated[str, Meta(max_length=MAX_NAME, pattern=r"\A[^\x00]*\Z")]
Search = Annotated[str, Meta(max_length=MAX_SEARCH)]
Text = Annotated[
    str, Meta(max_length=MAX_TEXT)
]  # a request's size and the rules of its route bound it further
Checkpoint = Annotated[str, Meta(max_length=64 * MAX_BATCH_BYTES)]  # a server sets its own limit below it
Objects = Annotated[list[dict[str, Any]], Meta(max_length=MAX_LIST)]
Messages = Annotated[
    list[dict[str, Any]], Meta(max_length=100_000)
]  # a whole conversation, of which the last one counts
Globs = Annotated[tuple[Name, ...], Meta(max_length=MAX_LIST)]


class Announced(Struct, kw_only=True):
    """The checked members of an agent that a worker announces. Other members are kept as they came."""

    name: Name
    description: Text = ""
    state: Name = ""
    hint: Text = ""


class RepeatedMember(ValueError):
    """An error for a JSON object that has a member twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is given twice")
        self.name = name


def check_members(body: bytes) -> None:
    """Refuse JSON in which a member is given twice, because two readers may use two different ones.

    The body must be valid JSON, and not too deep.

    Raises:
        RepeatedMember: names the member.
    """
    if body.count(b":") > 1:
        json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedMember(next(name for name in found if names.count(name) > 1))
    return found


UNENCODABLE = "must not hold half of a character (a lone surrogate) or bytes that are no UTF-8"


def unencodable(body: bytes | str) -> str | None:
    """Return the path of the first text in JSON that UTF-8 cannot carry, such as ``context[0].value``. None without one."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8", "surrogateescape")
        left: list[tuple[str, Any]] = [("", json.loads(text, parse_int=str, parse_float=str))]
    except (ValueError, RecursionError):
        return None
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            if encodable(value) != value:
                return path or "body"
        elif isinstance(value, dict):
            parts = [(f"{path}.{name}".lstrip("."), name, part) for name, part in value.items()]  # pyright: ignore[reportUnknownVariableType]
            if broken := next((at for at, name, _ in parts if encodable(name) != name), None):
                return encodable(broken)
            left += [(at, part) for at, _, part in reversed(parts)]
        elif isinstance(value, list):
            left += [(f"{path}[{at}]", part) for at, part in reversed([*enumerate(value)])]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return None


def explain(error: ValidationError) -> tuple[str, str]:
    """Return msgspec's complaint and the path of the member: ``("Expected …", ".messageId")``."""
    text, _, path = str(error).partition(" - at `$")
    member = path.rstrip("`")
    if found := _BOUND.fullmatch(text):
        return _worded(*found.groups()), member
    for start in ("Object missing required field `", "Object contains unknown field `"):
        if text.startswith(start):
            member += "." + text.removeprefix(start).removesuffix("`")
    return text, member


_BOUND = re.compile(r"Expected `(\w+)` (?:of length )?(>=|<=|matching regex) (.*)", re.DOTALL)
_UNITS = {"str": "characters", "array": "items"}


def _worded(kind: str, how: str, bound: str) -> str:
    """Return the bound that a value breaks, in words."""
    if how == "matching regex":
        return "must not contain NUL characters"
    word = "at least" if how == ">=" else "at most"
    if kind in _UNITS:
        return f"must have {word} {bound} {_UNITS[kind]}"
    return f"must be {word} {bound.removesuffix('.0')}"
