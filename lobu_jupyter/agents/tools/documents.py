"""Files that are no text, for read_file: pictures as a model sees them, PDF, Parquet, Arrow and Excel as text.

They are read in a process of its own (extract.py): with the libraries of the server's environment, or else with those of
the kernel's, which gets the bytes and never the path. If neither has the library, the answer names it.
"""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import extract
from .apart import answer_of
from .base import ToolError
from .kernel import LOOKS

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import KernelPort

MOST_FOR_KERNEL = 4_000_000
"""Bytes of the largest file that a kernel is sent."""
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


def kind_of(path: str) -> str | None:
    """Return the kind of document that a file's name tells, None for another."""
    return _KINDS.get(Path(path).suffix.lower())


async def text_of_document(path: str, kind: str, data: bytes, kernel: KernelPort | None) -> str:
    """Return a document as text, read in the server's environment or in the kernel's.

    Raises:
        ToolError: it cannot be read here. The message says what to try.
    """
    hint = f"Read it with run_code: {_CODE[kind].format(path=path)}"
    said = await _extracted(kind, data)
    where = "the server does not have"
    if said is not None and "missing" in said and kernel is not None and len(data) <= MOST_FOR_KERNEL:
        if "text" in (found := await _by_kernel(kernel, kind, data)):
            return found["text"]
        where = "neither the server nor the kernel has" if "missing" in found else where
    if said is None:
        raise ToolError(f"{path} cannot be read as {kind}: it is broken, or too large. {hint}")
    if "missing" in said:
        raise ToolError(f"{path} needs the library {said['missing']}, which {where}. {hint}")
    return said["text"]


async def _by_kernel(kernel: KernelPort, kind: str, data: bytes) -> dict[str, str]:
    """Return what the same program says in the kernel's environment, empty if it cannot run there."""
    asked = (_program(), kind, base64.b64encode(data).decode())
    executed = await kernel.look(f"{LOOKS}.read_document{asked!r}")
    return executed.value if executed.ok and isinstance(executed.value, dict) else {}


@functools.cache
def _program() -> str:
    return Path(extract.__file__).read_text("utf-8")


async def _extracted(kind: str, data: bytes) -> dict[str, str] | None:
    asked = json.dumps({"kind": kind, "data": base64.b64encode(data).decode()}).encode()
    said = await answer_of(extract, asked, extract.SECONDS)
    return None if said is None else json.loads(said)
