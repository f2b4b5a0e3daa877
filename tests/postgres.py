"""A PostgreSQL of our own for the tests: a private cluster on loopback, one schema for each test.

``LOBU_TEST_POSTGRES=postgresql://…`` names another database to use. Without either, tests on PostgreSQL are skipped with
the reason, and fail if ``CI`` is set.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from tests import ports

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # what is proved here is not the disk
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "400",
    "deadlock_timeout": "200ms",
    "log_min_messages": "error",
}


class Cluster:
    """A database server in a folder. It can be killed and started again on the same port."""

    def __init__(self, folder: Path, binaries: Path, port: int, **settings: str) -> None:
        self.folder = folder
        self.port = port
        self._binaries = binaries
        self._settings = {**SETTINGS, **settings}
        self._as_user = (
            {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        )

    @property
    def address(self) -> str:
        return f"postgresql://lobu:a-password@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        if self._as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        self.folder.chmod(0o700)
        secret = self.folder / "secret"
        secret.write_text("a-password")
        secret.chmod(0o644)
        self._run("initdb", "-D", self._data, "-U", "lobu", "--auth=scram-sha-256", f"--pwfile={secret}",
                  "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip

    def copy_of(self, other: Cluster) -> None:
        """Become the standby of another cluster, which follows it until it is promoted. Not started yet."""
        if self._as_user:
            shutil.chown(self.folder, "postgres", "postgres")
        self._run(
            "pg_basebackup", "-d", f"{other.address}", "-D", self._data, "-R", "-X", "stream", "-c", "fast"
        )

    def promote(self) -> None:
        """Take writes from now on."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def start(self) -> None:
        told = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        options = f"-p {self.port} -c unix_socket_directories='{self.folder}' {told}"
        args = ["-D", self._data, "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start"]
        for patience in range(40, -1, -1):
            try:
                self._run("pg_ctl", *args)
            except RuntimeError:  # the children of one that was killed hold its memory for a moment
                if not patience:
                    raise
                time.sleep(0.25)
            else:
                return

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", how, "stop")

    def kill(self) -> None:
        """SIGKILL to the server's first process: all others notice and end."""
        os.kill(int((Path(self._data) / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def remove(self) -> None:
        subprocess.run([self._binaries / "pg_ctl", "-D", self._data, "-m", "immediate", "stop"],
                       check=False, capture_output=True, cwd="/", **self._as_user)  # fmt: skip
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *args: str) -> None:
        log = self.folder / "out"
        with log.open("wb") as out:
            done = subprocess.run([self._binaries / program, *args], stdout=out, stderr=out, cwd="/", check=False,
                                  **self._as_user)  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {log.read_text()}")


def binaries() -> Path | None:
    """Where PostgreSQL's programs are: Debian's newest, else those in the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    in_path = shutil.which("initdb")
    return Path(in_path).parent if in_path else None


def new_cluster(**settings: str) -> Cluster:
    """A cluster for one test, which may kill it."""
    where = binaries()
    if where is None:
        cannot("there is no PostgreSQL here: apt-get install postgresql")
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="lobu-pg-")), where, ports.take(), **settings)
    atexit.register(cluster.remove)
    cluster.make()
    cluster.start()
    return cluster


@cache
def database() -> str:
    """The address of a database for the tests of this session."""
    try:
        import psycopg as psycopg
    except ImportError:
        cannot("psycopg is not installed: make install")
    return GIVEN or new_cluster().address


GIVEN = os.environ.get("LOBU_TEST_POSTGRES")


def new_store() -> str:
    """The address of a new store: a schema of its own."""
    address = database()
    return f"{address}{'&' if '?' in address else '?'}schema=t_{secrets.token_hex(6)}"


def cannot(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"tests on PostgreSQL cannot run: {why}")
    pytest.skip(f"NOT TESTED ON POSTGRESQL: {why}")
