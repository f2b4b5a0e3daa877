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
from jupyter_client.blocking.client import BlockingKernelClient

from tests import stores

from . import database
from .stage import Stage

EXIT_SECONDS = 5.0  # a cell waits behind the cell that runs


@dataclass(frozen=True)
class Fault:
    """``after``: seconds since the fault before; ``lasts``: seconds, where it lasts; ``pick``: which one."""

    kind: str
    after: float
    lasts: float
    pick: int

    def __str__(self) -> str:
        return f"{self.kind} #{self.pick} for {self.lasts:.1f} s"


def schedule(seed: int, count: int, store: stores.Kind = "sqlite") -> list[Fault]:
    """`count` faults; each kind comes up before one repeats too often."""
    dice, kinds, known = random.Random(seed), list[str](), sorted(kinds_of(store))
    while len(kinds) < count:
        kinds += dice.sample(known, len(known))
    return [
        Fault(kind, dice.uniform(0.1, 1.2), dice.uniform(*LASTS.get(kind, (0.3, 1.0))), dice.randrange(1000))
        for kind in kinds[:count]
    ]


def inject(fault: Fault, stage: Stage) -> bool:
    """Do it, and heal it where it lasts. False: there was nothing to do it to."""
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        return {**KINDS, **DATABASE}[fault.kind](fault, stage)
    return False


def kinds_of(store: stores.Kind) -> set[str]:
    """The faults that a store of this kind can have."""
    return set(KINDS) if store == "sqlite" else {*(KINDS.keys() - OF_A_FILE), *DATABASE}


def _kernel(fault: Fault, stage: Stage) -> tuple[int, str]:
    return stage.kernels[fault.pick % len(stage.kernels)]


def _kernel_pid(fault: Fault, stage: Stage) -> int | None:
    number, kernel = _kernel(fault, stage)
    return stage.servers[number].find_kernel(kernel)


def _kill_kernel(fault: Fault, stage: Stage) -> bool:
    pid = _kernel_pid(fault, stage)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    return pid is not None


def _exit_in_kernel(fault: Fault, stage: Stage) -> bool:
    """A cell that calls ``os._exit``, as a crash of native code does."""
    pid = _kernel_pid(fault, stage)
    if pid is None:
        return False
    number, kernel = _kernel(fault, stage)
    client = BlockingKernelClient(connection_file=str(stage.servers[number].connection_file(kernel)))
    client.load_connection_file()
    client.start_channels(hb=False, stdin=False, control=False)
    try:
        client.execute("import os; os._exit(3)", silent=True)
        return _is_gone(pid, EXIT_SECONDS)
    finally:
        client.stop_channels()


def _is_gone(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


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


def _cut_sockets(fault: Fault, stage: Stage) -> bool:
    return stage.wires[fault.pick % len(stage.wires)].cut() > 0


def _slow_readers(fault: Fault, stage: Stage) -> bool:
    """The people go on meanwhile, and so do the other faults."""
    return stage.wires[fault.pick % len(stage.wires)].slow(fault.lasts) > 0


KINDS: dict[str, Callable[[Fault, Stage], bool]] = {
    "kill a kernel": _kill_kernel,
    "exit in a kernel": _exit_in_kernel,
    "freeze a kernel": _freeze_kernel,
    "restart a kernel": _restart_kernel,
    "kill a worker": _kill_worker,
    "freeze a worker": _freeze_worker,
    "kill a server": _kill_server,
    "stop a server": _stop_server,
    "freeze a server": _freeze_server,
    "cut the sockets": _cut_sockets,
    "slow readers": _slow_readers,
    "lock the store": _lock_store,
    "fill the disk": _fill_disk,
    "forbid writes": _forbid_writes,
}
OF_A_FILE = {"lock the store", "fill the disk", "forbid writes"}
DATABASE: dict[str, Callable[[Fault, Stage], bool]] = {
    "kill the database": database.kill,
    "restart the database": database.restart,
    "freeze the database": database.freeze,
    "cut the database": database.cut,
    "hold a lock in the database": database.lock,
}
LASTS = {
    "kill the database": (0.3, 3.0),
    "freeze the database": (0.3, 6.0),
    "hold a lock in the database": (1.0, 7.0),  # longer than the servers wait for a lock
    "freeze a kernel": (0.3, 2.0),
    "freeze a worker": (0.3, 3.0),
    "freeze a server": (0.3, 2.0),
    "slow readers": (2.0, 5.0),
    "lock the store": (5.0, 5.0),
    "fill the disk": (0.3, 2.0),
    "forbid writes": (0.3, 3.0),
}
