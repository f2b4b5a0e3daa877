"""B15: what an idle server and an idle worker cost, beside a Jupyter server without the extension."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.machine import Watch
from bench.scale import Scale
from bench.table import Row
from tests.server.test_idle import counts, written
from tests.servers import RealServer, wait_for

from .starting import port_in

WINDOW = 20.0  # seconds that one server is watched
QUIET = 10.0  # seconds after which a start's own work is over
MB = 1_000_000


async def b15(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    found: dict[str, list[float]] = {"cpu": [], "memory": [], "wakeups": []}
    worker: list[float] = []
    wrote = 0
    for number in range(max(1, scale.repeats // 2)):
        watch.settle()
        with (
            _jupyter(folder / f"bare-{number}", on=False) as bare,
            _jupyter(folder / f"with-{number}", on=True) as ours,
        ):
            await asyncio.sleep(QUIET)
            files = written(ours)
            processes = [psutil.Process(each.pid) for each in (bare, ours)]
            before = [counts(process) for process in processes]
            await asyncio.sleep(WINDOW)
            after = [counts(process) for process in processes]
            wrote += written(ours) != files
            woke, spent = (
                [b[which] - a[which] for a, b in zip(before, after, strict=True)] for which in (0, 1)
            )
            memory = [process.memory_info().rss for process in processes]
            found["cpu"].append((spent[1] - spent[0]) / WINDOW * 100)
            found["wakeups"].append((woke[1] - woke[0]) / WINDOW)
            found["memory"].append((memory[1] - memory[0]) / MB)
            worker.append(_worker(ours))
    return [
        Row(id="B15.cpu", what="an idle server: CPU over a bare one, of a core", unit="%", product=found["cpu"], bound=0.2),
        Row(id="B15.memory", what="an idle server: memory over a bare one", unit="MB", product=found["memory"], bound=20),
        Row(id="B15.disk", what="an idle server: windows of 20 s with a write to its disk", unit="windows",
            product=[float(wrote)], bound=0),
        Row(id="B15.wakeups", what="an idle server: wake-ups of all its threads over a bare one", unit="/s",
            product=found["wakeups"], bound=None),
        Row(id="B15.worker", what="a worker that has run an agent once and is idle: memory", unit="MB", product=worker, bound=110),
    ]  # fmt: skip


class _Server(RealServer):
    pid = 0


@contextmanager
def _jupyter(home: Path, *, on: bool) -> Iterator[_Server]:
    """A Jupyter server with an idle kernel, with the extension or without."""
    server = _Server(home)
    arguments = [
        each.replace("lobu_jupyter=True", f"lobu_jupyter={on}")
        for each in server.arguments()
        if on or "LobuApp" not in each
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *arguments],
        cwd=server.root,
        env=server.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        file = home / "runtime" / f"jpserver-{process.pid}.json"
        server.pid = process.pid
        server.port = wait_for("the server", lambda: port_in(file), 90)
        kernel = httpx.post(
            f"http://127.0.0.1:{server.port}/api/kernels", headers=server.auth, json={}, timeout=60
        )
        kernel.raise_for_status()
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _worker(server: _Server) -> float:
    """MB of the worker after one run of the scripted agent."""
    api = f"http://127.0.0.1:{server.port}/lobu/api/"
    with httpx.Client(base_url=api, headers=server.auth, timeout=60) as client:
        thread = client.post("threads", json={}).raise_for_status().json()["threadId"]
        run = client.post(f"threads/{thread}/runs", json={"agent": "script", "prompt": "say hello"})
        name = run.raise_for_status().json()["runId"]
        wait_for("the run", lambda: client.get(f"runs/{name}").json()["status"] == "succeeded", 60)
        children = psutil.Process(server.pid).children()
        workers = [each for each in children if "lobu_jupyter.worker" in " ".join(each.cmdline())]
        assert len(workers) == 1, "one run starts one worker"
        return workers[0].memory_info().rss / MB
