"""SVG and PDF figures as pixels, for models that see, if the extra `figures` is installed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from lobu_jupyter.model.environment import for_program

from . import rasterise

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
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(Path(rasterise.__file__)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=for_program(os.environ, {}),
    )
    try:
        async with asyncio.timeout(rasterise.SECONDS):
            drawn, _ = await program.communicate(json.dumps({"mime": mime, "data": data}).encode())
    except (TimeoutError, OSError):
        return None
    finally:
        if program.returncode is None:
            with suppress(ProcessLookupError):
                program.kill()
            await program.wait()
    return drawn if drawn.startswith(_START) and len(drawn) <= MAX_PNG else None
