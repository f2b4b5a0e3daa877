"""The machine: its facts, and whether other processes leave it to us."""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

BUSY = 0.3  # cores that others may use
LOOK_SECONDS = 0.4
PATIENCE = 90.0  # seconds that one call of the benchmark waits for quiet, all in all


class Watch:
    """Asked before each repetition. ``worst``: the most that others used since :meth:`begin`, in cores."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self.worst = 0.0

    def begin(self) -> None:
        """The next id: what disturbed the last one does not count."""
        self.worst = 0.0

    def settle(self) -> None:
        """Wait for quiet, but not for ever: then the figures get no verdict. Our own garbage goes now, not while we measure."""
        gc.collect()
        began = time.monotonic()
        while (used := others()) > BUSY and time.monotonic() - began < self._patience:
            pass
        self._patience -= max(0.0, time.monotonic() - began - 2 * LOOK_SECONDS)
        self.worst = max(self.worst, used)

    @property
    def quiet(self) -> bool:
        return self.worst <= BUSY


def others() -> float:
    """Cores in use by processes that are not ours, over a short look."""
    began, total, ours = time.monotonic(), _busy(), _ours()
    time.sleep(LOOK_SECONDS)
    used = (_busy() - total) - (_ours() - ours)
    return max(0.0, used) / (time.monotonic() - began)


def _busy() -> float:
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def _ours() -> float:
    me = psutil.Process()
    used = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used += times.user + times.system
    return used


def facts(folder: Path) -> dict[str, Any]:
    """What a reader of the figures must know of this machine."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "memoryGB": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "fileSystem": _file_system(folder),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in ("tornado", "jupyter_server", "lobu_jupyter")},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


def _file_system(folder: Path) -> str:
    found = max(
        (p for p in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(p.mountpoint)),
        key=lambda p: len(p.mountpoint),
    )
    return found.fstype
