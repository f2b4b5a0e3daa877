"""B16: what the standard outputs cost a model, in tokens, beside what they cost before.

A token counts as four bytes of UTF-8, because no tokenizer is a dependency. *Before* is the rule of the code before
2026-11: a call's outputs as they were written, cut to their first and last 6,000 characters, and a notebook with at
least 200 characters of each cell. Pixels are left out on both sides. Nothing here is a time, so the machine may be busy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bench.machine import Watch
from bench.scale import Scale
from bench.table import Row
from lobu_jupyter.agents.builtin.script import script
from lobu_jupyter.agents.tools.outputs import Outputs
from lobu_jupyter.model.text import shorten
from tests.agents.bench import FakeKernel, FakeNotebook, policy, run, task_for

BYTES_PER_TOKEN = 4
BEFORE = 12_000
CELLS, CELL = 5000, 300
_ESCAPES = "\x1b]8;;http://example.org\x07"


async def b16(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    rows = [await _row(name, what, outputs) for name, (what, outputs) in _outputs().items()]
    return [*rows, await _notebook()]


async def _row(name: str, what: str, outputs: list[dict[str, Any]]) -> Row:
    return Row(id=f"B16.{name}", what=f"a model is told: {what}", unit="tokens", product=[_tokens(await _told(outputs))],
               yardstick=[_tokens(_before(outputs))], against="before", bound=1.0, counted=True)  # fmt: skip


def _outputs() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    epochs: list[dict[str, Any]] = []
    for epoch in range(30):
        epochs += [_stream("stderr", f"\repoch {epoch} {step}%|{'#' * 40}") for step in range(100)]
        epochs.append(_stream("stdout", f"\nepoch {epoch} val_loss={1 / (epoch + 1):.4f}\n"))
    links = [_stream("stdout", f"{_ESCAPES}file {n}{_ESCAPES}\x1b[0m\x1b(B\n") for n in range(200)]
    frame = pd.DataFrame({f"column_{n}": range(60) for n in range(8)})
    table = {"text/plain": frame.to_string(), "text/html": frame.to_html()}
    chart = {
        "application/vnd.plotly.v1+json": {"data": [{"type": "scatter", "name": "sales", "x": list(range(1000)), "y": list(range(1000))}],
                                           "layout": {"title": {"text": "Sales"}, "template": {"filler": ["x" * 20] * 400}}},
        "text/html": "<div>" + "<script>plot()</script>" * 500 + "</div>",
    }  # fmt: skip
    figures = [
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"}}
    ] * 20  # fmt: skip
    return {
        "progress": ("30 epochs of 100 progress frames", epochs),
        "escapes": ("200 lines with links and colours", links),
        "frame": ("a DataFrame of 60 rows", [_shown(table)]),
        "chart": ("a plotly chart of 1,000 points", [_shown(chart)]),
        "figures": ("20 figures, their pixels apart", figures),
    }


def _stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def _shown(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": data}


async def _told(outputs: list[dict[str, Any]]) -> str:
    seen = Outputs(_nowhere, "call")
    for output in outputs:
        await seen.take(output)
    await seen.finish()
    return seen.text


def _before(outputs: list[dict[str, Any]]) -> str:
    texts = [
        output.get("text") or output["data"].get("text/plain") or output["data"].get("text/html", "")
        for output in outputs
    ]
    return shorten("".join(texts), BEFORE)


async def _notebook() -> Row:
    sources = [f"# cell {number}\n".ljust(CELL, "x") for number in range(CELLS)]
    task = task_for("tool read_notebook {}", policy=policy(run={"mode": "allow"}), notebook_path="big.ipynb")
    ended = await run(script(), task, FakeKernel(), FakeNotebook(*sources))
    before = "\n\n".join(shorten(f"[code cell, id c{n}]\n{source}", 200) for n, source in enumerate(sources))
    what = f"read_notebook of {CELLS:,} cells of {CELL} characters, its first answer"
    return Row(id="B16.notebook", what=what, unit="tokens", product=[_tokens(next(iter(ended.results.values())))],
               yardstick=[_tokens(before)], against="before", bound=0.05, counted=True)  # fmt: skip


def _tokens(text: str) -> float:
    return float(len(text.encode()) // BYTES_PER_TOKEN)


async def _nowhere(event: Any) -> None: ...
