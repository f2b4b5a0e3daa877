"""A program that turns one SVG or PDF figure into a PNG, in a process of its own.

A figure comes from code and data that nobody checked. So it is drawn with limits of time, memory and size, without its
references to other documents, and whatever goes wrong costs this process alone. Reads `{"mime", "data"}` as JSON from
stdin, and writes the PNG to stdout. No output means that the figure could not be drawn.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import sys
import zlib
from typing import Any

SIDE = 1200
"""Pixels of the longer side."""
SECONDS = 10
MEMORY = 1024**3
_ENTITY = re.compile(r"<!(ENTITY|DOCTYPE[^>]*\[)", re.IGNORECASE)
_REFERENCE = re.compile(r"""([\w.:-]*\bhref)\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_WITHIN = re.compile(r"#|data:image/(png|jpe?g|gif|webp)[;,]", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w-]+:)?svg\b[^>]*>", re.IGNORECASE)
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


def main() -> None:
    _limit()
    asked: dict[str, str] = json.load(sys.stdin)
    draw = {"image/svg+xml": svg_as_png, "application/pdf": pdf_as_png}[asked["mime"]]
    sys.stdout.buffer.write(draw(asked["data"]))


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's limit of time is the only one
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def svg_as_png(source: str) -> bytes:
    """Return an SVG as a PNG on white.

    Raises:
        ValueError: the SVG declares entities, or is none.
    """
    import resvg_py  # pyright: ignore[reportMissingImports] - an optional library

    library: Any = resvg_py
    if _ENTITY.search(source):
        raise ValueError("entities are not expanded")
    longer = "height" if _is_tall(source) else "width"
    drawn: Any = library.svg_to_bytes(
        svg_string=without_references(source), background="#ffffff", **{longer: SIDE}
    )
    return bytes(drawn)


def without_references(source: str) -> str:
    """Return an SVG without references to other documents. Those within it, and embedded pictures, stay."""

    def kept(match: re.Match[str]) -> str:
        return match[0] if _WITHIN.match(match[2][1:].strip()) else f'{match[1]}=""'

    return _REFERENCE.sub(kept, source)


def _is_tall(source: str) -> bool:
    root = _ROOT.search(source)
    if root is None:
        raise ValueError("it is no SVG")
    box = re.search(r"""viewBox\s*=\s*["']([^"']*)""", root[0])
    sizes = [float(number) for number in _NUMBERS.findall(box[1])[2:4]] if box else []
    if len(sizes) < 2:
        found = [re.search(rf"""\b{side}\s*=\s*["']\s*([\d.]+)""", root[0]) for side in ("width", "height")]
        sizes = [float(match[1]) for match in found if match]
    return len(sizes) == 2 and sizes[1] > sizes[0]


def pdf_as_png(encoded: str) -> bytes:
    """Return the first page of a PDF as a PNG."""
    import pypdfium2  # pyright: ignore[reportMissingImports] - an optional library

    library: Any = pypdfium2
    page: Any = library.PdfDocument(base64.b64decode(encoded))[0]
    width, height = page.get_size()
    drawn: Any = page.render(scale=min(2.0, SIDE / max(width, height, 1)), rev_byteorder=True)
    return png_of(bytes(drawn.buffer), drawn.width, drawn.height, drawn.stride, drawn.n_channels)


def png_of(pixels: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """Return RGB or RGBx rows as a PNG."""
    rows: list[bytes] = []
    for y in range(height):
        row = pixels[y * stride : y * stride + width * channels]
        if channels == 4:
            row = b"".join(row[x : x + 3] for x in range(0, len(row), 4))
        rows.append(b"\0" + (row if channels != 1 else bytes(byte for byte in row for _ in range(3))))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    main()
