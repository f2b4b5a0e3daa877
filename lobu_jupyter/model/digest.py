"""The digest of the question behind a decision: SHA-256 over the canonical JSON of its covered parts.

A surface computes the digest from the question that it draws, never from a digest that came with the data.
The gateway computes it from the question that waits, and refuses a decision whose digest differs. The
canonical form is RFC 8785 (JCS): keys sorted by UTF-16 code units, numbers written as ECMAScript writes them.
Numbers are therefore compared as doubles, so that 1.0 and 1 are equal, as they are in a browser. An integer
that no double holds is covered by ``argsText``, the exact text of the arguments, which a browser shows for
that reason.

``labextension/src/core/digest.ts`` is the twin. The vectors in ``tests/vectors/digest`` hold both together.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from .interrupts import event_of_interrupt

if TYPE_CHECKING:
    from .interrupts import Interrupt

COVERED: tuple[str, ...] = (
    "reason",
    "message",
    "toolName",
    "args",
    "argsText",
    "diff",
    "risks",
    "questions",
    "decisions",
    "noGrant",
    "byAgent",
    "unshown",
    "options",
    "agentMode",
    "binds",
)
"""The parts of a question that a decision covers, by their names on the wire: members of AG-UI's Interrupt
or of its ``metadata.lobu``. A new part is added here and in digest.ts. An empty part counts as absent."""

LEFT_OUT: tuple[str, ...] = (
    "id",  # the entry names it
    "threadId",
    "runId",
    "status",
    "toolCallId",
    "subagentRunId",
    "parentToolCallIds",
    "argsSchema",  # checks an edit, and is not shown
    "inMemory",
    "kernelLost",  # may change while the question waits
    "createdAt",
    "expiresAt",
)
"""The parts that change nothing about what is decided. Each part of an Interrupt is here or in COVERED."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_REPR = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?")


def digest_of(interrupt: Interrupt) -> str:
    """Return the digest of a question as the gateway keeps it."""
    return digest_of_wire(event_of_interrupt(interrupt))


def digest_of_wire(wire: dict[str, Any]) -> str:
    """Return the digest of a question as it is on the wire: an AG-UI Interrupt, in hex."""
    metadata: Any = wire.get("metadata")
    lobu: Any = metadata.get("lobu") if isinstance(metadata, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    ours: dict[str, Any] = lobu if isinstance(lobu, dict) else {}  # pyright: ignore[reportUnknownVariableType]
    parts = {name: wire.get(name) if name in ("reason", "message") else ours.get(name) for name in COVERED}
    shown = {name: part for name, part in parts.items() if part}
    return hashlib.sha256(canonical(shown).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return the canonical JSON text (RFC 8785) of a JSON value.

    A lone surrogate is escaped, as ``JSON.stringify`` does it, because UTF-8 has no bytes for it.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        members: dict[str, Any] = value
        names = sorted(members, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_text(name)}:{canonical(members[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        items: list[Any] | tuple[Any, ...] = value
        return "[" + ",".join(canonical(item) for item in items) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _text(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _number(value: float) -> str:
    """Write a number as ECMAScript's Number.toString does."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        return "null"  # as JSON.stringify writes it
    if number == 0:
        return "0"
    found = _REPR.fullmatch(repr(number))
    assert found is not None, "a finite float has this form"
    sign, whole, fraction, exponent = found[1], found[2], found[3] or "", int(found[4] or 0)
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + exponent - (len(whole + fraction) - len(digits))  # where the decimal point stands
    digits = digits.rstrip("0")
    return sign + _decimal(digits, point)


def _decimal(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + (f".{digits[1:]}" if count > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
