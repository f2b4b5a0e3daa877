"""The grammar of what moves, erases or hides on a terminal: control characters and the sequences of ECMA-48 and xterm."""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|(?:\x1b\[|\x9b)(?P<args>[0-?]*)(?P<between>[ -/]*)(?P<csi>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x9c|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    r"|\x1b(?P<set>[ -/]+[0-~])"  # a charset and its like
    r"|\x1b(?P<esc>[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x8f\x91-\x97\x99\x9a\x9c])"
)
UNFINISHED = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*\Z|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?\Z|\x1b[ -/]*\Z"
)
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
SIMPLE = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*\Z")
"""Text that only appends: no control character but tab and line feed."""

FRAMES = str.maketrans(  # DEC's characters for lines and frames
    "`abcdefghijklmnopqrstuvwxyz{|}~",
    "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·",
)
