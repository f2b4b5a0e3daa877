"""One way to cut a text with "…"."""

from __future__ import annotations

import pytest

from lobu_jupyter.model.text import clip, one_line


@pytest.mark.parametrize(("text", "clipped"), [("", ""), ("abcd", "abcd"), ("abcde", "abc…")])
def test_a_clipped_text_has_at_most_so_many_characters(text: str, clipped: str) -> None:
    assert clip(text, 4) == clipped


def test_one_line_counts_what_is_left_of_the_white_space() -> None:
    assert one_line(" a\n\tb \r\n c ", 5) == "a b c"
    assert one_line("a\n\nb c d", 5) == "a b …"
