"""The faults, and the seeded schedule of them. A seed gives the same faults in the same order, always."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import psutil

from tests.chaos.stage import Stage


@dataclass(frozen=True)
class Fault:
    """``after``: seconds since the fault before; ``lasts``: seconds, where it lasts; ``pick``: which one."""

    kind: str
    after: float
    lasts: float
    pick: int

    def __str__(self) -> str:
        return f"{self.kind} #{self.pick} for {self.lasts:.1f} s"


def schedule(seed: int, count: int) -> list[Fault]:
    """`count` faults; each kind comes up before one repeats too often."""
    dice, kinds = random.Random(seed), list[str]()
    while len(kinds) < count:
        kinds += dice.sample(sorted(KINDS), len(KINDS))
    return [
        Fault(kind, dice.uniform(0.1, 1.2), dice.uniform(0.3, LASTS.get(kind, 1.0)), dice.randrange(1000))
        for kind in kinds[:count]
    ]


def inject(fault: Fault, stage: Stage) -> bool:
    """Do it, and heal it where it lasts. False: there was nothing to do it to."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        return KINDS[fault.kind](fault, stage)
    return False


def _kernel(fault: Fault, stage: Stage) -> tuple[int, str]:
    return stage.kernels[fault.pick % len(stage.kernels)]


def _kernel_pid(fault: Fault, stage: Stage) -> int | None:
    number, kernel = _kernel(fault, stage)
    return stage.servers[number]._pid_with(f"kernel-{kernel}.json")


def _kill_kernel(fault: Fault, stage: Stage) -> bool:
    pid = _kernel_pid(fault, stage)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def _freeze(pid: int, seconds: float) -> bool:
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    return True


def _freeze_kernel(fault: Fault, stage: Stage) -> bool:
    pid = _kernel_pid(fault, stage)
    return pid is not None and _freeze(pid, fault.lasts)


def _restart_kernel(fault: Fault, stage: Stage) -> bool:
    number, kernel = _kernel(fault, stage)
    with contextlib.suppress(httpx.HTTPError):
        stage.servers[number].restart_kernel(kernel)
        return True
    return False


def _worker_pid(fault: Fault, stage: Stage) -> int | None:
    pids = [pid for server in stage.servers for pid in server.worker_pids()]
    return pids[fault.pick % len(pids)] if pids else None


def _kill_worker(fault: Fault, stage: Stage) -> bool:
    pid = _worker_pid(fault, stage)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def _freeze_worker(fault: Fault, stage: Stage) -> bool:
    pid = _worker_pid(fault, stage)
    return pid is not None and _freeze(pid, fault.lasts)


def _kill_server(fault: Fault, stage: Stage) -> bool:
    number = fault.pick % len(stage.servers)
    stage.servers[number].kill()
    time.sleep(fault.lasts)
    stage.restart(number)
    return True


def _stop_server(fault: Fault, stage: Stage) -> bool:
    number = fault.pick % len(stage.servers)
    stage.servers[number].terminate()
    stage.restart(number)
    return True


def _freeze_server(fault: Fault, stage: Stage) -> bool:
    return _freeze(stage.servers[fault.pick % len(stage.servers)].pid, fault.lasts)


def _lock_store(fault: Fault, stage: Stage) -> bool:
    connection = sqlite3.connect(stage.store, timeout=5, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(fault.lasts)
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False  # they were all writing; nothing was locked
    finally:
        connection.close()
    return True


def _fill_disk(fault: Fault, stage: Stage) -> bool:
    if not stage.disk.fill():
        return False  # no file system of its own: "forbid writes" stands for it
    try:
        time.sleep(fault.lasts)
    finally:
        stage.disk.free(stage.servers)
    return True


def _forbid_writes(fault: Fault, stage: Stage) -> bool:
    stage.disk.forbid(stage.servers)
    try:
        time.sleep(fault.lasts)
    finally:
        stage.disk.free(stage.servers)
    return True


KINDS: dict[str, Callable[[Fault, Stage], bool]] = {
    "kill a kernel": _kill_kernel,
    "freeze a kernel": _freeze_kernel,
    "restart a kernel": _restart_kernel,
    "kill a worker": _kill_worker,
    "freeze a worker": _freeze_worker,
    "kill a server": _kill_server,
    "stop a server": _stop_server,
    "freeze a server": _freeze_server,
    "lock the store": _lock_store,
    "fill the disk": _fill_disk,
    "forbid writes": _forbid_writes,
}
LASTS = {
    "freeze a kernel": 2.0,
    "freeze a worker": 3.0,
    "freeze a server": 2.0,
    "lock the store": 5.0,
    "fill the disk": 2.0,
    "forbid writes": 3.0,
}
