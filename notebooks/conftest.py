"""For `pytest --nbval notebooks`: no keys, and what is random or the machine's own is not compared.

A thread's id is random, so our MIME type is compared by the text/plain and text/html beside it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lobu_jupyter.notebook.output.cell_output import MIME

_NOT_INHERITED = ("LOBU", "VSCODE", "OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI")
_SANITIZE = Path(__file__).with_name("sanitize.cfg")

for name in [name for name in os.environ if name.startswith(_NOT_INHERITED)]:
    del os.environ[name]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    from nbval.plugin import get_sanitize_patterns

    for item in items:
        if type(item).__name__ == "IPyNbCell" and MIME not in item.parent.skip_compare:
            item.parent.skip_compare = (*item.parent.skip_compare, MIME)
            item.parent.sanitize_patterns.update(get_sanitize_patterns(_SANITIZE.read_text()))
