"""A server without runs costs next to nothing: no write to the disk, few wake-ups, little CPU."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.servers import RealServer, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the wake-ups of a process")

WINDOW = 7.0  # seconds: two rounds of the sweeper, which acts every three


def test_an_idle_server_writes_nothing_and_rarely_wakes(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    server.start()
    try:
        with server.client() as client:
            client.get("health").raise_for_status()
            kernel_id = server.start_kernel()
            client.post("threads", json={"kernelId": kernel_id}).raise_for_status()
        process = psutil.Process(server.pid)

        idle = any(rests(server, process) for _ in range(6))  # a start's own work takes a while

        assert idle
    finally:
        server.stop()


def test_an_idle_worker_is_small(tmp_path: Path) -> None:
    """Of a scripted agent, which loads what the assistant loads but for a provider's own package."""
    with (
        RealServer(tmp_path, options=("--LobuApp.default_agent=script",)) as server,
        server.client() as client,
    ):
        thread = client.post("threads", json={}).raise_for_status().json()["threadId"]
        run = client.post(f"threads/{thread}/runs", json={"prompt": "say hello"}).raise_for_status().json()
        wait_for("the run", lambda: client.get(f"runs/{run['runId']}").json()["status"] == "succeeded", 60)
        workers = [p for p in psutil.Process(server.pid).children() if "lobu_jupyter.worker" in p.cmdline()]

        assert [worker.memory_info().rss < 110e6 for worker in workers] == [True]


def rests(server: RealServer, process: psutil.Process) -> bool:
    """Whether nothing happens in a window: a hop to the store's thread and back is four wake-ups."""
    files, (woke, spent) = written(server), counts(process)
    time.sleep(WINDOW)
    woke, spent = (now - then for now, then in zip(counts(process), (woke, spent), strict=True))
    print(f"{woke / WINDOW:.1f} wake-ups/s, {spent / WINDOW * 100:.2f} % of a core")
    return written(server) == files and woke / WINDOW < 9 and spent / WINDOW < 0.005


def written(server: RealServer) -> dict[Path, int]:
    """The store's files, and when each was written last."""
    found = {
        path: path.stat().st_mtime_ns
        for path in server.home.rglob("lobu.sqlite*")
        if path.suffix != ".sqlite-shm"
    }
    assert found, "the store is where the test looks for it"
    return found


def counts(process: psutil.Process) -> tuple[int, float]:
    """The wake-ups of all threads, the seconds of CPU time."""
    times = process.cpu_times()
    woke = sum(
        int(line.split()[1])
        for status in Path(f"/proc/{process.pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )
    return woke, times.user + times.system
