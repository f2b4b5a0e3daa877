"""The facts of an image that its own bytes tell: its type, its size, and whether its end is there."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STARTS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def image_type(data: bytes) -> str | None:
    """Return the media type of a picture that models see, by its first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in _STARTS.items() if data.startswith(start)), None)


def is_whole(data: bytes) -> bool:
    """Return whether an image goes on to its end. One that was cut off in the middle fails a provider's decoder."""
    kind = image_type(data)
    if kind == "image/png":
        return b"IDAT" in data and b"IEND" in data[-4096:]
    if kind == "image/jpeg":
        pixels = next((at for kind, at in _segments(data) if kind == 0xDA), len(data))
        return data.find(b"\xff\xd9", pixels) >= 0  # a preview in a segment before has an end of its own
    if kind == "image/gif":
        return b"\x3b" in data[-4096:]
    return kind == "image/webp" and len(data) >= int.from_bytes(data[4:8], "little")


def size_of(data: bytes) -> tuple[int, int] | None:
    """Return an image's width and height by its header, None if it is no PNG, JPEG, GIF or WebP."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
            return struct.unpack(">II", data[16:24])
        if data[:6] in (b"GIF87a", b"GIF89a"):
            return struct.unpack("<HH", data[6:10])
        if data.startswith(b"\xff\xd8"):
            return _size_of_jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _size_of_webp(data)
    except (struct.error, IndexError):
        pass
    return None


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    for kind, at in _segments(data):
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the kind and the place of each segment of a JPEG."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        yield data[at + 1], at
        at += 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2)


def _size_of_webp(data: bytes) -> tuple[int, int] | None:
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
