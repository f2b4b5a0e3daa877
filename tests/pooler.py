"""A PgBouncer of our own before the tests' PostgreSQL, in transaction mode: each transaction may get another session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests import ports, postgres

SESSIONS = 6

INI = """
[databases]
* = host={host} port={to} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 500
logfile = {folder}/log
"""


@contextmanager
def pooler(address: str) -> Iterator[int]:
    """The port of a pooler before the database at an address, while it runs."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        postgres.cannot("there is no PgBouncer here: apt-get install pgbouncer")
    folder, port, parts = Path(tempfile.mkdtemp(prefix="lobu-pgb-")), ports.take(), urlsplit(address)
    ini = folder / "ini"
    ini.write_text(
        INI.format(host=parts.hostname, to=parts.port, user=parts.username, password=parts.password, port=port,
                   sessions=SESSIONS, folder=folder)
    )  # fmt: skip
    if os.geteuid() == 0:  # which it refuses
        shutil.chown(folder, "postgres", "postgres")
        shutil.chown(ini, "postgres", "postgres")
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen([program, str(ini)], cwd="/", stdout=out, stderr=out, **user)
    try:
        _wait_for(port, process, folder / "out")
        yield port
    finally:
        process.kill()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], out: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"PgBouncer does not answer: {out.read_text()}")


def through(address: str, port: int) -> str:
    """An address by way of a pooler."""
    parts = urlsplit(address)
    return address.replace(f":{parts.port}/", f":{port}/", 1)
