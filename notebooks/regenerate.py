"""Execute the example notebooks and save their outputs: ``python notebooks/regenerate.py [FILE…]``.

What a cell put out while it ran is saved, as nbval compares it; a later cell does not change it. The
notebooks run in a home of their own, without keys and without a Jupyter server to find.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

UNSAVED = "nbval-ignore-output"  # the quickstart's cells: a new person sees only what their own agent does
HERE = Path(__file__).parent
_NOT_INHERITED = ("JPY_", "JUPYTER", "LOBU", "VSCODE", "OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI")


class AsNbval(NotebookClient):
    """Leaves outputs as they were when their cell ended."""

    def _update_display_id(self, display_id: str, msg: dict[str, Any]) -> None:
        """An update from a later cell is not taken."""


def regenerate(file: Path) -> None:
    """Execute `file` from a clean kernel and write it back."""
    notebook = nbformat.read(file, as_version=4)
    client = AsNbval(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
        if UNSAVED in cell.metadata.get("tags", []):
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    }
    nbformat.write(notebook, file)


def main(names: list[str]) -> None:
    files = [Path(name) for name in names] or sorted(HERE.glob("*.ipynb"))
    for name in [name for name in os.environ if name.startswith(_NOT_INHERITED)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as home:
        for name in ("CONFIG", "DATA", "RUNTIME"):
            os.environ[f"JUPYTER_{name}_DIR"] = str(Path(home) / name.lower())
        os.environ["IPYTHONDIR"] = str(Path(home) / "ipython")
        for file in files:
            print(f"{file.name} …", flush=True)
            regenerate(file)


if __name__ == "__main__":
    main(sys.argv[1:])
