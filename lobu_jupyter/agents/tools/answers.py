"""The one upper bound of every tool's answer, the same for the journal and the model.

A tool that knows how to go on (by lines, by cells) ends its answer earlier and says how. The bound here is for all of
them, whatever they return: an answer that is too long keeps its beginning and its end, and says what is missing and
how to get it.
"""

from __future__ import annotations

import msgspec

from lobu_jupyter.model.text import encodable

MOST_BYTES = 40_000
"""Bytes of an answer, encoded as JSON. With its envelope it fits into one event of a journal."""
REST = "Ask for less at once to get the rest."
MAX_IMAGES, MAX_IMAGE_BYTES = 4, 1_500_000
"""Images of one answer, the last ones, and the largest size of each as base64."""

Image = tuple[str, bytes]


def size_of_json(text: str) -> int:
    """Return the size of a text as JSON, in bytes."""
    return len(msgspec.json.encode(text))


def bounded(text: str, rest: str = REST, most: int = MOST_BYTES) -> str:
    """Return `text`, or its head and tail around a sentence that says what is missing.

    Args:
        rest: how to get the missing part, as a sentence.
    """
    text = encodable(text)
    size = size_of_json(text)
    if size <= most:
        return text
    keep = len(text)
    cut = text
    while size > most:
        keep = min(keep - 1, keep * (most - 200) // size)
        head, tail = text[: keep - keep // 3], text[len(text) - keep // 3 :]
        note = f"[… {len(text) - keep} of {len(text)} characters are left out here. {rest}]"
        cut = f"{head}\n{note}\n{tail}"
        size = size_of_json(cut)
    return cut


def last_images(images: tuple[Image, ...]) -> tuple[tuple[Image, ...], str]:
    """Return the images that a model gets, and a note about the others, empty if there are none."""
    fitting = tuple(image for image in images if len(image[1]) <= MAX_IMAGE_BYTES * 3 // 4)
    kept = fitting[-MAX_IMAGES:]
    gone = len(images) - len(kept)
    if not gone:
        return kept, ""
    return (
        kept,
        f"[{gone} of {len(images)} images are left out: at most the last {MAX_IMAGES}, of 1 MB each, are passed on.]",
    )


def fitting(lines: list[str], first: int, room: int) -> tuple[str, int]:
    """Return the lines from number `first` on that fit, at least one, and the number of the last one.

    A line that is too long by itself keeps its beginning and its end.
    """
    taken: list[str] = []
    for line in lines[first - 1 :]:
        size = size_of_json(line)
        if taken and size > room:
            break
        taken.append(bounded(line, "Run code to read the rest of this line.", max(room, 400)))
        room -= size
    return "".join(taken), first - 1 + len(taken)
