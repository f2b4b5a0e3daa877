"""The one line of a command that failed, without a traceback: also when a server answered in another form than ours."""

from __future__ import annotations

import traceback
from pathlib import Path

from lobu_jupyter.model.errors import LobuError

_OURS = Path(__file__).parents[1]
MOST = 200
OTHER_FORM = "Does the server have another version of lobu_jupyter, or is it another program?"


def line_of_failure(error: BaseException) -> str:
    """Return what a person reads: an error of ours in its words, another one with its place, for a report."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, LobuError):
        return f"{error}{f' ({error.field})' if error.field and error.field not in str(error) else ''}"
    if isinstance(error, OSError):
        return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
    said = " ".join(str(error).split())[:MOST]
    return f"The command could not go on: {type(error).__name__} {said} ({_place(error)}). {OTHER_FORM}"


def _place(error: BaseException) -> str:
    """Return the last of our lines that was reached."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _OURS in Path(frame.filename).parents] or frames[-1:]
    return f"{Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "no place known"
