"""A program of ours that reads what nobody checked, in a process of its own, with a limit of time."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from lobu_jupyter.model.environment import for_program

if TYPE_CHECKING:
    from types import ModuleType


async def answer_of(program: ModuleType, asked: bytes, seconds: float) -> bytes | None:
    """Return what `program` writes for `asked`, None if it fails or takes longer. It gets no credentials."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(program.__file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=for_program(os.environ, {}),
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate(asked)
    except (TimeoutError, OSError):
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return said if process.returncode == 0 else None
