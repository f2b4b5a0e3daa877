"""SVG and PDF figures as pixels, for models that see, if the extra `figures` is installed."""

from __future__ import annotations

import json
from importlib.util import find_spec

from . import rasterise
from .apart import answer_of

LIBRARIES = {"image/svg+xml": "resvg_py", "application/pdf": "pypdfium2"}
MAX_BYTES = 2_000_000
"""The largest figure that is drawn, as text."""
MAX_PNG = 1_000_000
_START = b"\x89PNG"


def can_draw(mime: str, data: str) -> bool:
    """Return whether a figure of this type and size can be drawn here."""
    library = LIBRARIES.get(mime)
    return library is not None and len(data) <= MAX_BYTES and find_spec(library) is not None


async def pixels_of(mime: str, data: str) -> bytes | None:
    """Return a figure as a PNG, None if it cannot be drawn within the limits of :mod:`.rasterise`."""
    drawn = await answer_of(rasterise, json.dumps({"mime": mime, "data": data}).encode(), rasterise.SECONDS)
    return drawn if drawn is not None and drawn.startswith(_START) and len(drawn) <= MAX_PNG else None
