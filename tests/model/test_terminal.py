"""A stream reads as a screen shows it, wherever its chunks are cut."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lobu_jupyter.model.terminal import ROWS, TextScreen, screen_text

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "terminal.json").read_text("utf-8")
)
PARTS = [
    "\x1b[",
    "\x1b]",
    "\x1b",
    "\x07",
    "\x1b\\",
    "1;2H",
    "2K",
    "A",
    "m",
    "?25l",
    "\r",
    "\n",
    "\b",
    "\t",
    "ab",
    "é",
    "日",
    "\u0301",
    "\u200d",
    "\x1b[2;3r",
    "\x1b[M",
    "\x1b[?1049h",
    "\x1b(0",
    "\x0e",
    "q",
    ";",
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_screen_shows_what_the_vector_says(vector: dict[str, Any]) -> None:
    assert screen_text(vector["text"]) == vector["shown"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_chunk_may_end_anywhere(vector: dict[str, Any]) -> None:
    for cut in range(len(vector["text"]) + 1):
        screen = TextScreen()
        screen.write(vector["text"][:cut])
        screen.write(vector["text"][cut:])

        assert without_blanks(screen.text()) == without_blanks(vector["shown"])


def without_blanks(text: str) -> list[str]:
    """Lines without blanks at their end, tabs as blanks: a text that needs no screen keeps both."""
    return [line.rstrip() for line in text.expandtabs().split("\n")]


@example("abcd\x07\t1", 5)
@example("\x1b[\x1b[1;2H1;2H\x1b[\x1b[m", 15)
@given(st.lists(st.sampled_from(PARTS), max_size=60).map("".join), st.integers(0, 200))
def test_whatever_comes_is_text_without_control_characters(text: str, cut: int) -> None:
    whole, parts = TextScreen(), TextScreen()
    whole.write(text)
    parts.write(text[:cut])
    parts.write(text[cut:])

    assert whole.text() == parts.text()
    assert not [c for c in whole.text() if ord(c) < 32 and c != "\n"]


def test_rows_that_left_the_screen_are_out_of_reach_and_kept() -> None:
    screen = TextScreen()
    screen.write("".join(f"line {n}\n" for n in range(ROWS + 50)))
    screen.write("\x1b[9999A\x1b[2KX")

    rows = screen.text().split("\n")
    assert rows[0] == "line 0"
    assert rows.index("X") == len(screen.above)
    assert len(rows) == ROWS + 51


def test_a_flood_is_read_in_linear_time() -> None:
    began = time.process_time()
    for flood in (
        "hello world\n" * 100_000,
        "\r50%" * 100_000,
        "\x1b[31mx\x1b[0m\n" * 50_000,
        "\x1b[" * 300_000,
    ):
        screen_text(flood)

    assert time.process_time() - began < 10
