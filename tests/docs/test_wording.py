"""Words that people see: the texts that were replaced stay out of the product."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (
    ("labextension/src", (".ts", ".tsx")),
    ("labextension/schema", (".json",)),
    ("lobu_jupyter", (".py", ".yaml")),
    ("docs", (".md",)),
)

REPLACED = (
    "@ for context, / for commands",
    "No: do this instead",
    "Reject with this",
    "sent when the agent is done",
    "Withdraw'",
    "Default agent",
    "Usual mode",
    "Only look'",
    "waits for you",
    "Waiting for you",
    "in your kernel?",
    "Open until",
    "Answer in place of the tool",
    "'Respond'",
    "Approve for this thread",
    "Always for this notebook",
    "Do not answer",
    "Reject. Why?",
    "Approve the rest",
    "Send decisions",
    "Approve, with the others",
    "Look closely",
    "restarted since: its variables",
    "Going on …",
    "Waiting its turn",
    "Closed without a decision",
    "Written anew",
    "Leave as it is",
    "__('Above')",
    "__('Below')",
    "__('Replace')",
    "is rules, not a language model",
    "Show what waits",
    "No tour",
    "Find again",
    "rule-driven demo",
    "I take `",
    "I would run this",
    "You could ask",
    "Understood, nothing was run",
    "Nothing waits",
    "Nothing found.",
    "thread is not on this server",
    "server does not have the thread.",
    "What Waits for You",
    "Open the Panel",
    "Take out of the Archive",
    "asks for leave",
    "model provider failed",
    "a fault of its own",
    "The provider knows no",
    "limits the rate of requests",
    "this thread has none. Attach one",
    "lobu inbox looks everywhere",
    "id is a text",
    "has two texts",
    "a time is ISO 8601",
    "batches count from 1",
)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Each source file of the product, by its path."""
    found = [
        path
        for folder, endings in PLACES
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in endings
        and not {"labextension", "node_modules"} & set(path.relative_to(ROOT).parts[1:])
    ]
    return {str(path.relative_to(ROOT)): path.read_text() for path in found}


@pytest.mark.parametrize("text", REPLACED)
def test_a_text_that_was_replaced_does_not_come_back(text: str, texts: dict[str, str]) -> None:
    assert len(texts) > 250
    whole = re.compile(rf"{re.escape(text)}(?![a-z])")
    assert [path for path, content in texts.items() if whole.search(content)] == []
