"""A task's kernel, as its checker looks into it: past the product, with Jupyter's own client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

SECONDS = 120


class Kernel:
    """A client of a local kernel."""

    def __init__(self, connection_file: Path) -> None:
        self._client: Any = BlockingKernelClient(connection_file=str(connection_file))
        self._client.load_connection_file()
        self._client.start_channels(hb=False)
        self._client.wait_for_ready(timeout=SECONDS)

    def close(self) -> None:
        self._client.stop_channels()

    def cell(self, code: str) -> list[Any]:
        """Run a cell and return its outputs. An error is an output."""
        outputs: list[Any] = []

        def take(message: dict[str, Any]) -> None:
            if message["header"]["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                outputs.append(nbformat.v4.output_from_msg(message))  # pyright: ignore[reportUnknownMemberType]

        self._client.execute_interactive(code, output_hook=take, timeout=SECONDS, stop_on_error=False)
        return outputs

    def execute(self, code: str) -> None:
        """Run code of ours, unseen.

        Raises:
            RuntimeError: it failed.
        """
        content = self._client.execute_interactive(code, silent=True, timeout=SECONDS)["content"]
        if content["status"] != "ok":
            raise RuntimeError(f"{code}: {content['ename']}: {content['evalue']}")

    def holds(self, expression: str) -> bool:
        """Return whether an expression is true. One that fails is not."""
        asked = {"held": f"bool({expression})"}
        reply = self._client.execute_interactive("", silent=True, user_expressions=asked, timeout=SECONDS)
        found = reply["content"]["user_expressions"]["held"]
        return found["status"] == "ok" and found["data"]["text/plain"] == "True"


def write_notebook(path: Path, cells: tuple[str, ...], outputs: list[list[Any]]) -> None:
    """Write a task's notebook, with what its cells gave when they were run."""
    document: Any = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})  # pyright: ignore[reportUnknownMemberType]  # fmt: skip
    for number, source in enumerate(cells):
        ran = outputs[number : number + 1]
        cell: Any = nbformat.v4.new_code_cell(source, id=f"c{number}", outputs=ran[0] if ran else [])  # pyright: ignore[reportUnknownMemberType]
        cell.execution_count = number + 1 if ran else None
        document.cells.append(cell)
    nbformat.write(document, path)  # pyright: ignore[reportUnknownMemberType]


def read_notebook(path: Path) -> tuple[list[str], list[str], list[str]]:
    """Return the sources, kinds and outputs (as text) of a saved notebook's cells."""
    document = json.loads(path.read_text())
    sources = ["".join(cell["source"]) for cell in document["cells"]]
    kinds = [cell["cell_type"] for cell in document["cells"]]
    return sources, kinds, ["".join(map(_text, cell.get("outputs", []))) for cell in document["cells"]]


def _text(output: dict[str, Any]) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain") or output.get("evalue") or ""
    return "".join(text)
