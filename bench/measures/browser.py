"""B2e, B12: from a token in the worker to its pixel in Chromium, in a real JupyterLab, over the page's one socket."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.async_api import Browser, async_playwright

from bench.figures import percentile
from bench.machine import Watch
from bench.peers import OPTIONS, Product, ProductRun, load_worker
from bench.scale import Scale
from bench.table import Row
from bench.workload import STAMP
from tests.browser.conftest import CHROMIUM, lab_server

MIME = "application/vnd.lobu.thread+json"
TOKENS, MESSAGES = 2000, 2000
SCREEN = 40  # messages of one line that fill a screen
SETTLED = 1500  # ms after which what Lab loads late is loaded

# Each frame notes how many texts are in the document: what is there when a frame begins was painted by then.
NOTE = """
window.bench = { frames: [], begun: 0 };
const look = () => {
  const view = document.querySelector('.lobu');
  if (view) {
    const now = performance.timeOrigin + performance.now();
    window.bench.begun ||= now;
    const text = view.querySelector('.lobu-transcript')?.textContent ?? ''; // not what screen readers are told
    const at = text.lastIndexOf('tok');
    window.bench.frames.push([now, at < 0 ? 0 : Number(text.slice(at + 3, at + 9)) + 1]);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
READY = "count => window.bench.frames.length > 0 && window.bench.frames.at(-1)[1] >= count"
KERNEL = "() => jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"


class Lab:
    """JupyterLab in Chromium, and the runs that it shows."""

    def __init__(self, product: Product, browser: Browser, folder: Path) -> None:
        self.product, self._browser, self._folder = product, browser, folder

    async def seen(
        self, run: ProductRun, count: int, gate: Path | None
    ) -> tuple[list[tuple[float, int]], float]:
        """Open a notebook with the run's output: (Unix ms, texts that show) per frame, and when it was opened."""
        server = self.product.server
        name = f"n{time.monotonic_ns()}.ipynb"
        nbformat.write(_notebook(run), server.root / name)
        page = await self._browser.new_page(viewport={"width": 1280, "height": 900})
        try:
            await page.add_init_script(NOTE)
            await page.goto(f"{server.url}lab/workspaces/{name[:-6]}?token={server.token}&reset")
            await page.wait_for_selector("#jp-main-dock-panel", timeout=60_000)
            await page.wait_for_timeout(SETTLED)
            await page.evaluate("path => void jupyterapp.commands.execute('docmanager:open', { path })", name)
            await page.wait_for_selector(".lobu", timeout=60_000)
            if gate is not None:
                await page.wait_for_function(KERNEL, timeout=60_000)
                await page.wait_for_timeout(SETTLED)
                gate.touch()
            await page.wait_for_function(READY, arg=count, timeout=60_000)
            bench = await page.evaluate("() => window.bench")
            return [(at, count) for at, count in bench["frames"]], bench["begun"]
        finally:
            await page.close()

    async def run(self, tokens: int, rate: float, **more: Any) -> tuple[ProductRun, Path]:
        """A run that begins to speak when its gate is there."""
        run = self.product.new_run()
        gate = self._folder / f"gate-{time.monotonic_ns()}"
        await run.start(tokens, 0, rate, gate=str(gate), batcher=True, **more)
        return run, gate


def _notebook(run: ProductRun) -> nbformat.NotebookNode:
    output = {"version": 1, "threadId": run.thread, "runId": run.run, "cursor": 0, "prompt": "bench"}
    cell = nbformat.v4.new_code_cell("%lobu bench", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("display_data", data={MIME: output, "text/plain": "bench"})]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return nbformat.v4.new_notebook(cells=[cell], metadata=kernel)


@asynccontextmanager
async def lab(folder: Path) -> AsyncIterator[Lab]:
    """A JupyterLab with the worker that makes load, and a browser."""
    with lab_server(folder / "lab", *OPTIONS) as server, load_worker(server):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*CHROMIUM]
            )
            product = Product(server)
            async with product.http:
                yield Lab(product, browser, folder)
            await browser.close()


async def _began(run: ProductRun) -> float:
    """Unix ms of the producer's first text."""
    reader = await (await run.read(to_end=True)).over()
    stamp = STAMP.search(reader.body())
    assert stamp is not None, "the first text is stamped"
    return (int(stamp[1]) + time.time_ns() - time.monotonic_ns()) / 1e6


def shown_at(frames: list[tuple[float, int]], tokens: int) -> list[float]:
    """For each text the time of the first frame that showed it."""
    times: list[float] = []
    for at, count in frames:
        times += [at] * (min(count, tokens) - len(times))
    return times


async def b2e(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    p50: list[float] = []
    p99: list[float] = []
    async with lab(folder) as page:
        for _ in range(scale.repeats):
            watch.settle()
            run, gate = await page.run(scale.paced, 100)
            frames, _ = await page.seen(run, scale.paced, gate)
            began = await _began(run)
            late = [at - began - k * 10 for k, at in enumerate(shown_at(frames, scale.paced))]
            p50.append(percentile(late, 50))
            p99.append(percentile(late, 99))
    what = "token in the worker to its pixel at 100/s, coalescing included, "
    return [
        Row(id="B2e.p50", what=what + "p50", unit="ms", product=p50, bound=40),
        Row(id="B2e.p99", what=what + "p99", unit="ms", product=p99, bound=100),
    ]


async def b12(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    burst: list[float] = []
    opened: list[float] = []
    whole: list[float] = []
    rate: list[float] = []
    async with lab(folder) as page:
        for _ in range(scale.repeats):
            watch.settle()
            run, gate = await page.run(TOKENS, 0)
            frames, _ = await page.seen(run, TOKENS, gate)
            burst.append((shown_at(frames, TOKENS)[-1] - await _began(run)) / 1000)

            run, gate = await page.run(MESSAGES, 0, messages=True)
            gate.touch()
            await (await run.read(to_end=True)).over()
            frames, began = await page.seen(run, MESSAGES, None)
            first_shown = shown_at(frames, MESSAGES)
            opened.append(first_shown[SCREEN - 1] - began)
            whole.append(first_shown[-1] - began)

            run, gate = await page.run(600, 200)
            frames, _ = await page.seen(run, 600, gate)
            moving = [at for at, count in frames if 0 < count < 600]
            rate.append((len(moving) - 1) / (moving[-1] - moving[0]) * 1000)
    note = f"all of it drawn, ms: {[round(ms) for ms in whole]}"
    return [
        Row(id="B12.burst", what=f"{TOKENS:,} tokens visible, as fast as they come", unit="s", product=burst, bound=1.2),
        Row(id="B12.open", what=f"a run of {MESSAGES:,} messages opened, to a full screen of them", unit="ms",
            product=opened, bound=300, note=note),
        Row(id="B12.frames", what="frames/s while 200 tokens/s stream", unit="/s", product=rate, bound=58, least=True),
    ]  # fmt: skip
