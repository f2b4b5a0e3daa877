"""The vectors of the digest: questions as JSON text, and the digest that both languages give them.

``python -m tests.vectors.digests`` writes them anew: look at the diff. The text is kept as a string, so that
each language reads it with its own parser.
"""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path
from typing import Any

from lobu_jupyter.model.digest import COVERED, canonical, digest_of_wire

FILE = Path(__file__).parent / "digest" / "questions.json"

BASE = {
    "id": "int_1",
    "reason": "tool_call",
    "message": "Run this code?",
    "toolCallId": "c1",
    "expiresAt": "2026-11-30T12:00:00Z",
    "metadata": {
        "lobu": {
            "toolName": "run_code",
            "args": {"code": "1 + 1"},
            "argsSchema": {"type": "object"},
            "decisions": ["approve", "edit", "reject"],
            "risks": ["deletes"],
        }
    },
}


def with_lobu(**parts: Any) -> str:
    return json.dumps(BASE | {"metadata": {"lobu": BASE["metadata"]["lobu"] | parts}}, ensure_ascii=False)


def with_args(text: str) -> str:
    """The question with arguments that are given as JSON text."""
    return with_lobu(args="ARGS").replace('"ARGS"', text)


def doubles() -> list[float]:
    """Numbers whose text is easily written in another way, and some at random."""
    generator = random.Random(8785)
    edges = [0.1, 1.0, 1.5, 1e20, 1e21, 1e22, 1e-6, 1e-7, 1.234e-7, 5e-324, 1.7976931348623157e308]
    edges += [100.0, 123456789012345680000.0, 333333333.33333329, 2.0**53, 2.0**53 + 2, 4.35, 0.000012]
    drawn = [struct.unpack("<d", generator.randbytes(8))[0] for _ in range(300)]
    return [sign * one for one in [*edges, *drawn] if one == one and abs(one) < 1e308 for sign in (1, -1)]


TEXTS: dict[str, str] = {
    "a call": json.dumps(BASE),
    "no metadata": '{"id": "i", "reason": "tool_call"}',
    "metadata that is none": '{"id": "i", "reason": "tool_call", "metadata": "lobu"}',
    "empty parts": with_lobu(diff=None, risks=[], questions=[], noGrant=False, args={}),
    "what is left out": json.dumps(
        BASE | {"id": "int_2", "expiresAt": None, "toolCallId": "c2", "kernelLost": True, "runId": "r"}
    ),
    "no grant": with_lobu(noGrant=True),
    "a tool that agent code registered": with_lobu(toolName="sh", byAgent=True),
    "a diff": with_lobu(diff="--- a\n+++ b\n@@ -1 +1 @@\n-x\r\n+y\t\n"),
    "a question": with_lobu(
        questions=[{"id": "q", "question": "How?", "options": ["a", "b"], "freeText": False}],
        decisions=["answer", "reject"],
    ),
    "options of an outside agent": with_lobu(
        options=[{"id": "once", "name": "Yes", "kind": "allow_once", "plain": True}], agentMode="default"
    ),
    "what an approval binds": with_lobu(binds={"server": "box", "tool": "a.b", "schema": "0f"}),
    "keys in another order": with_args('{"b": 1, "a": {"d": [1, {"z": null, "y": true}], "c": false}}'),
    "the same keys sorted": with_args('{"a": {"c": false, "d": [1, {"y": true, "z": null}]}, "b": 1}'),
    "keys beyond the first plane": with_args('{"\uffff": 1, "\U0001f600": 2, "\ud7ff": 3, "": 4, "10": 5, "9": 6}'),
    "keys of a prototype": with_args('{"__proto__": {"x": 1}, "constructor": 2, "toString": "no"}'),
    "text": with_args('{"code": "é 😀 \\u2028 \\u0000\\u001f\\u007f \\" \\\\ \\/ \\b\\f\\n\\r\\t \\u202e\\u200b"}'),
    "composed": with_args('{"code": "\u00e9"}'),
    "decomposed": with_args('{"code": "e\u0301"}'),
    "lone surrogates": with_args('{"code": "\\ud800 \\udc00\\ud800", "\\udfff": 1}'),
    "a pair by escapes": with_args('{"code": "\\ud83d\\ude00"}'),
    "one": with_args('{"x": 1}'),
    "one with a point": with_args('{"x": 1.0}'),
    "one with an exponent": with_args('{"x": 10E-1}'),
    "minus zero": with_args('{"x": -0.0, "y": -0, "z": 0}'),
    "the largest exact integer": with_args('{"x": 9007199254740991}'),
    "an integer that no double holds": with_args('{"x": 9007199254740993}'),
    "the exact text beside it": with_lobu(args={"x": 9007199254740993}, argsText='{\n  "x": 9007199254740993\n}'),
    "another exact text": with_lobu(args={"x": 9007199254740993}, argsText='{\n  "x": 9007199254740992\n}'),
    "a very long integer": with_args('{"x": ' + "9" * 400 + "}"),
    "many numbers": with_args(json.dumps({"x": doubles()})),
    "nested": with_args("[" * 80 + "]" * 80),
}  # fmt: skip


def vectors() -> dict[str, Any]:
    questions = [
        {"name": name, "text": text, "digest": digest_of_wire(json.loads(text))}
        for name, text in TEXTS.items()
    ]
    empty = hashlib.sha256(canonical({}).encode()).hexdigest()
    return {"covered": list(COVERED), "empty": empty, "questions": questions}


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n", "utf-8")
