"""A model sees of a call's outputs what a person would see at its end."""

from __future__ import annotations

import base64

from lobu_jupyter.agents.tools.seen import MAX_IMAGES, MOST_TEXT, Seen

PNG = base64.b64encode(b"pixels").decode()


def test_thirty_epochs_of_a_hundred_frames_leave_their_thirty_results() -> None:
    seen = Seen()
    for epoch in range(30):
        for frame in range(100):
            seen.stream("stderr", f"\repoch {epoch} {frame}%|{'#' * 40}")
        seen.stream("stdout", f"\nepoch {epoch} val_loss={1 / (epoch + 1):.4f}\n")

    assert all(f"epoch {epoch} val_loss=" in seen.text for epoch in range(30))
    assert len(seen.text) < 2000
    assert not [c for c in seen.text if ord(c) < 32 and c != "\n"]


def test_lines_of_two_streams_keep_the_order_in_which_they_were_written() -> None:
    seen = Seen()
    seen.stream("stdout", "one\n")
    seen.stream("stderr", "warning\n")
    seen.stream("stdout", "two\n")

    assert seen.text == "one\nwarning\ntwo"


def test_what_was_cleared_is_not_told() -> None:
    seen = Seen()
    seen.stream("stdout", "secret draft\n")
    seen.data({"image/png": PNG})
    seen.clear()
    seen.stream("stdout", "kept\n")

    assert seen.text == "kept"
    assert seen.images == []


def test_an_updated_display_says_what_it_said_last() -> None:
    seen = Seen()
    seen.data({"text/plain": "0%"}, "bar")
    seen.stream("stdout", "between\n")
    seen.data({"text/plain": "100%"}, "bar")

    assert seen.text == "between\n100%"


def test_of_many_figures_the_last_ones_are_seen() -> None:
    seen = Seen()
    for number in range(MAX_IMAGES + 3):
        seen.data({"image/png": base64.b64encode(bytes([number])).decode()})

    assert [data for _, data in seen.images] == [bytes([n]) for n in range(3, MAX_IMAGES + 3)]


def test_a_figure_that_is_no_base64_is_named() -> None:
    seen = Seen()
    seen.data({"image/png": "!!"})

    assert "cannot be decoded" in seen.text
    assert seen.images == []


def test_a_vector_figure_is_named_as_not_seen() -> None:
    seen = Seen()
    seen.data({"image/svg+xml": "<svg/>"})

    assert seen.text == "[a figure, image/svg+xml, that you cannot see]"


def test_a_flood_keeps_its_first_and_last_lines_and_says_what_is_missing() -> None:
    seen = Seen()
    for number in range(20_000):
        seen.stream("stdout", f"line {number}\n")

    assert seen.text.startswith("line 0\n")
    assert seen.text.endswith("line 19999")
    assert "characters left out" in seen.text
    assert len(seen.text) <= MOST_TEXT + 100


def test_one_endless_line_is_bounded() -> None:
    seen = Seen()
    for _ in range(100):
        seen.stream("stdout", "x" * 10_000)

    assert len(seen.text) <= MOST_TEXT + 100


def test_the_figures_before_the_last_ones_have_one_note() -> None:
    seen = Seen()
    for number in range(20):
        seen.data({"image/png": "AAAA", "text/markdown": f"figure {number}"})

    assert len(seen.images) == 4
    assert seen.text.count("[16 earlier figures, that you cannot see: you see the last 4]") == 1
    assert seen.text.count("[a figure, image/png, is on the call's card]") == 4
    assert all(f"figure {number}" in seen.text for number in range(20))
