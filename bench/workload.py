"""The standard run: 5,000 texts of 40 bytes and 50 tool calls with results of about 1 KB a pair.

Every item carries ``t``, its producer's CLOCK_MONOTONIC in ns, and a text begins with ``tok%06d``, so
that losses and doubles can be counted in the text itself. The yardsticks send the items as they are;
the product sends them as AG-UI events, of which a tool call has four.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from typing import Any

TOKENS, TOOLS = 5000, 50
FILL = "abcdefghijklmnopqrstuvwxyz0123456789"
NOT_ASCII = "é漢字🙂 áбв 日本 abcdef"
ARGS, RESULT = "a" * 180, "r" * 800
STAMP = re.compile(rb'"t":(\d+)')
TOKEN = re.compile(rb"tok(\d{6})")

Item = tuple[str, dict[str, Any]]


def items(tokens: int = TOKENS, tools: int = TOOLS, fill: str = FILL[:30]) -> Iterator[Item]:
    """(kind, payload) in order; tool calls are spread evenly."""
    every = max(1, tokens // tools) if tools else tokens + 1
    for k in range(tokens):
        yield "token", {"text": f"tok{k:06d} {fill}"}
        if (k + 1) % every == 0:
            name = f"call_{(k + 1) // every}"
            yield "tool_call", {"id": name, "name": "run_cell", "args": ARGS}
            yield "tool_result", {"id": name, "output": RESULT}


def beginning(rate: float, phase: float | None) -> float:
    """When the first item is due: now, or when the machine's clock is next at `phase` (0 to 1) of the rate's period.

    So runs that come at once make the same load everywhere, however a peer starts them.
    """
    now = time.monotonic()
    return now if phase is None or not rate else (math.ceil(now * rate - phase) + phase) / rate


def count(tokens: int = TOKENS, tools: int = TOOLS) -> int:
    """How many items that is."""
    return tokens + (2 * (tokens // max(1, tokens // tools)) if tools else 0)


def as_frame(seq: int, item: Item, stamp: int) -> bytes:
    """An item as the yardsticks stream it."""
    kind, payload = item
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), _json({**payload, "t": stamp}))


def as_events(item: Item, stamp: int) -> list[bytes]:
    """An item as AG-UI events; only the last is stamped, so that an item counts once."""
    kind, it = item
    if kind == "token":
        return [
            _json(
                {
                    "type": "TEXT_MESSAGE_CONTENT",
                    "messageId": "m",
                    "delta": it["text"],
                    "rawEvent": {"t": stamp},
                }
            )
        ]
    if kind == "tool_call":
        start = {"type": "TOOL_CALL_START", "toolCallId": it["id"], "toolCallName": it["name"]}
        args = {"type": "TOOL_CALL_ARGS", "toolCallId": it["id"], "delta": it["args"]}
        return [
            _json(start),
            _json(args),
            _json({"type": "TOOL_CALL_END", "toolCallId": it["id"], "rawEvent": {"t": stamp}}),
        ]
    result = {"type": "TOOL_CALL_RESULT", "toolCallId": it["id"], "messageId": f"of_{it['id']}"}
    return [_json({**result, "content": it["output"], "rawEvent": {"t": stamp}})]


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
