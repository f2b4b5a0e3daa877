"""Files that are no text, for read_file: pictures as a model sees them, PDF, Parquet, Arrow and Excel as text.

They are read with the libraries of the server's environment, in a process of its own (extract.py). If the library is
missing, the answer names the code that reads the file in the kernel.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from . import extract
from .apart import answer_of
from .base import ToolError

IMAGES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_KINDS = {
    ".pdf": "pdf",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_CODE = {
    "pdf": "import pypdf; [page.extract_text() for page in pypdf.PdfReader({path!r}).pages]",
    "parquet": "import pandas as pd; pd.read_parquet({path!r})",
    "arrow": "import pandas as pd; pd.read_feather({path!r})",
    "excel": "import pandas as pd; pd.read_excel({path!r}, sheet_name=None)",
}


def image_type(data: bytes) -> str | None:
    """Return the media type of a picture that models see, by its first bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in IMAGES.items() if data.startswith(start)), None)


def kind_of(path: str) -> str | None:
    """Return the kind of document that a file's name tells, None for another."""
    return _KINDS.get(Path(path).suffix.lower())


async def text_of_document(path: str, kind: str, data: bytes) -> str:
    """Return a document as text.

    Raises:
        ToolError: it cannot be read here. The message says what to try.
    """
    hint = f"Read it with run_code: {_CODE[kind].format(path=path)}"
    said = await _extracted(kind, data)
    if said is None:
        raise ToolError(f"{path} cannot be read as {kind}: it is broken, or too large. {hint}")
    if "missing" in said:
        raise ToolError(f"{path} needs the library {said['missing']}, which the server does not have. {hint}")
    return said["text"]


async def _extracted(kind: str, data: bytes) -> dict[str, str] | None:
    asked = json.dumps({"kind": kind, "data": base64.b64encode(data).decode()}).encode()
    said = await answer_of(extract, asked, extract.SECONDS)
    return None if said is None else json.loads(said)
