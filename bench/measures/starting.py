"""B9: what the extension adds to the start of a server, a kernel and a run."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench.machine import Watch
from bench.peers import product
from bench.reader import read
from bench.scale import Scale
from bench.table import Row
from tests.servers import REPOSITORY, RealServer, wait_for


async def b9(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    pairs = 2 * scale.repeats  # for two starts differ by more than what is asked for
    with_it, without = server_starts(folder, pairs, watch)
    added = [a - b for a, b in zip(with_it, without, strict=True)]
    note = f"with, ms: {[round(t) for t in with_it]}; without: {[round(t) for t in without]}"
    return [
        Row(id="B9.server", what="start of the server: what the extension adds", unit="ms", product=added, bound=150, note=note),
        *await within_a_server(folder, scale, watch),
    ]  # fmt: skip


def server_starts(folder: Path, repeats: int, watch: Watch) -> tuple[list[float], list[float]]:
    """ms with the extension, and without it, in turns."""
    with_it: list[float] = []
    without: list[float] = []
    for number in range(repeats + 1):
        watch.settle()
        for times, on in ((with_it, True), (without, False)):
            took = _server_start(folder / f"start-{number}-{on}", on)
            if number:  # the first compiles and reads files
                times.append(took)
    return with_it, without


async def within_a_server(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    watch.settle()
    loads = [await asyncio.to_thread(_load_ext) for _ in range(scale.repeats)]
    watch.settle()
    first = await _first_run(folder, scale.repeats)
    return [
        Row(id="B9.load_ext", what="%load_ext lobu_jupyter in a fresh kernel", unit="ms", product=loads, bound=150),
        Row(id="B9.run", what="first run on a warm worker, prompt to its first word", unit="ms", product=first, bound=100),
    ]  # fmt: skip


def _server_start(home: Path, on: bool) -> float:
    """ms from the process's start to its first answer: lobu's health, or Jupyter's own where it is off."""
    server = RealServer(home)
    arguments = [a for a in server.arguments() if "jpserver_extensions" not in a and "LobuApp" not in a]
    arguments.append(f"--ServerApp.jpserver_extensions=lobu_jupyter={on}")
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *arguments],
        cwd=server.root,
        env=server.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = wait_for("the server", lambda: port_in(home / "runtime" / f"jpserver-{process.pid}.json"), 90)
        path = "lobu/api/health" if on else "api"
        wait_for("an answer", lambda: _answers(f"http://127.0.0.1:{port}/{path}", server.auth), 90)
        return (time.monotonic() - began) * 1000
    finally:
        process.kill()
        process.wait()


def port_in(file: Path) -> int | None:
    """The port of a server, once its file is there."""
    text = file.read_text() if file.exists() else ""
    return int(json.loads(text)["port"]) if text.endswith("}") else None  # else half written


def _answers(url: str, headers: dict[str, str]) -> bool:
    try:
        return httpx.get(url, headers=headers, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _load_ext() -> float:
    """ms that the magic takes in a kernel of its own, as the kernel sees it."""
    said = subprocess.run(
        [sys.executable, "-m", "bench.loading"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(said.stdout)


async def _first_run(folder: Path, repeats: int) -> list[float]:
    """ms from the prompt's POST to the agent's first text at a reader, on a worker that has run once."""
    times: list[float] = []
    async with product(folder, worker=False) as peer:
        for number in range(repeats + 1):
            run = peer.new_run()
            server = peer.server
            path = f"/lobu/api/threads/{run.thread}/events"
            reader = await read(server.port, path, server.auth, stop=b'"TEXT_MESSAGE_CONTENT"')
            await reader.attached()
            began = time.monotonic_ns()
            body = {"agent": "script", "prompt": "say hello"}
            (await peer.http.post(f"threads/{run.thread}/runs", json=body)).raise_for_status()
            await reader.over(60)
            await asyncio.sleep(1.0 if number == 0 else 0.2)  # a warm worker has loaded what it needs
            if number:
                times.append((reader.last - began) / 1e6)
    return times
