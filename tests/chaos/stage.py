"""The stage: two real servers on one store, their kernels and workers, and a disk that can be filled.

Every process here was started by this stage, and signals go to its pids only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import psutil

from tests import postgres, stores
from tests.servers import RealServer, wait_for

from .wires import Wire

KERNELS_EACH = 2
SMALL_DISK = "48m"
OPTIONS = ("--LobuApp.lease_seconds=15", "--LobuApp.start_seconds=20", "--LobuApp.heartbeat_seconds=2")


class Disk:
    """Where the store lies: a small file system of its own, where that can be made."""

    def __init__(self, folder: Path, *, mount: bool) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.small = mount and self._mounted()

    def _mounted(self) -> bool:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", self.folder],
            capture_output=True,
            check=False,
        )
        return mounted.returncode == 0

    def fill(self) -> bool:
        """No file grows any more; what lies within the size that it has can still be overwritten."""
        if not self.small:
            return False
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 65536):
                pass
        return True

    def forbid(self, servers: list[RealServer]) -> None:
        """Every write of a server past the first 4 kB of a file fails."""
        for server in servers:
            _limit_files(server.pid, 4096)

    def free(self, servers: list[RealServer]) -> None:
        """Undo both."""
        (self.folder / "filler").unlink(missing_ok=True)
        for server in servers:
            _limit_files(server.pid, resource.RLIM_INFINITY)

    def leave(self) -> None:
        if self.small:
            subprocess.run(["umount", "--lazy", self.folder], check=False)


def _limit_files(pid: int, size: int) -> None:
    psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class Stage:
    """Two servers; people reach each by its wire. ``kernels``: (server number, id) of those that can be used."""

    def __init__(
        self, home: Path, *, servers: int = 2, mount: bool = True, kind: stores.Kind = "sqlite"
    ) -> None:
        self.home = home
        self.disk = Disk(home / "disk", mount=mount and kind == "sqlite")
        self.file = self.disk.folder / "lobu.sqlite"
        self.cluster = postgres.new_cluster() if kind == "postgres" else None
        self.store: str | Path = self.cluster.address if self.cluster else self.file
        self.ran = home / "ran.log"
        self.ran.touch()
        self.servers = [
            RealServer(home / f"server{number}", store=self.store, options=OPTIONS)
            for number in range(servers)
        ]
        self.wires = [Wire() for _ in self.servers]
        self.kernels: list[tuple[int, str]] = []

    async def open(self) -> None:
        """Start all of it."""
        await asyncio.to_thread(self.start)
        for server, wire in zip(self.servers, self.wires, strict=True):
            await wire.open(server.port)

    async def end(self) -> list[int]:
        """End all of it; see :meth:`stop`."""
        for wire in self.wires:
            await wire.close()
        return await asyncio.to_thread(self.stop)

    def start(self) -> None:
        for number, server in enumerate(self.servers):
            server.start()
            self.add_kernels(number)

    def add_kernels(self, number: int) -> None:
        """A restarted server has none of its kernels any more."""
        self.kernels = [kernel for kernel in self.kernels if kernel[0] != number]
        self.kernels += [(number, self.servers[number].start_kernel()) for _ in range(KERNELS_EACH)]

    def restart(self, number: int) -> None:
        self.servers[number].restart()
        self.add_kernels(number)

    def stop(self) -> list[int]:
        """End everything; returns the pids of what should have ended with its server and had not."""
        for server in self.servers:
            server.stop()
        with contextlib.suppress(AssertionError):
            wait_for("all processes to end", lambda: not self._left(), 10)
        left = self._left()
        for process in left:
            process.kill()
        return [process.pid for process in left]

    def close(self) -> None:
        if self.cluster is not None:
            self.cluster.remove()
        self.disk.leave()
        shutil.rmtree(self.home, ignore_errors=True)

    def save(self, to: Path) -> None:
        """A copy of the store, for whoever wants to look at it."""
        with sqlite3.connect(self.file) as source, sqlite3.connect(to) as target:
            source.backup(target)

    def _left(self) -> list[psutil.Process]:
        """Processes whose environment says that they come from here."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                home = process.environ().get("HOME", "")
                if process.pid != os.getpid() and home.startswith(str(self.home)):
                    found.append(process)
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
        return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]
