"""A gateway of the kernel's own if there is no Jupyter server: nbval, papermill, VS Code.

It is the same extension, headless on loopback with a random token of its own. It runs as a child of the
kernel (or script) and ends with it. A kernel does not get that token: like any kernel it proves itself by
its key, and acts for its person only while their cell runs. A plain script has no key, so it reads the
token from the gateway's runtime file. The store is temporary unless ``LOBU_STORE`` names a file, so that
running a notebook neither reads nor fills the person's threads.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lobu_jupyter.client.errors import ServerGone
from lobu_jupyter.model.environment import without_credentials
from lobu_jupyter.model.errors import LobuError

from .discover import Found, ThisKernel
from .errors import NoGateway

if TYPE_CHECKING:
    from lobu_jupyter.client.servers import Server
    from lobu_jupyter.client.sign import KernelAuth

START_SECONDS = 60.0
STOP_SECONDS = 1.0
"""Seconds for the gateway to end. The kernel's shutdown waits for it, and has little time itself."""
_PREFIX = "lobu-embedded-"
_OF_OUR_PARENT = ("JPY_PARENT_PID", "JPY_SESSION_NAME")


@dataclass
class Embedded:
    """A running embedded gateway.

    ``home`` is its temporary directory, with the log. ``found`` has a token only if no kernel is served.
    """

    found: Found
    home: Path
    process: subprocess.Popen[bytes]

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return _tail(self.home)

    def stop(self) -> None:
        """End it and remove its directory. Harmless if it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start(kernel: ThisKernel | None, auth: KernelAuth | None) -> Embedded:
    """Start a gateway for `kernel`, which proves itself by `auth`, and wait until it responds.

    Raises:
        NoGateway: it did not come up. The message holds its log.
    """
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lobu_jupyter.server", *_arguments(kernel, home)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(home),
            start_new_session=True,  # an interrupt of the kernel goes to its whole process group
        )
    try:
        server = _await_server(process, home)
        token = str(server["token"]) if kernel is None else None
        found = Found(str(server["url"]), f"embedded, process {process.pid}", token, embedded=True)
        gateway = Embedded(found, home, process)
        _await_health(gateway, auth)
    except BaseException:
        process.kill()
        process.wait()
        raise
    atexit.register(gateway.stop)
    return gateway


def _arguments(kernel: ThisKernel | None, home: Path) -> list[str]:
    arguments = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={_free_port()}",  # if it is taken by then, Jupyter takes another
        f"--ServerApp.root_dir={Path.cwd()}",
        f"--LobuApp.embedded_parent={os.getpid()}",
        f"--LobuApp.store_path={_store(home)}",
    ]
    for variable, trait in (("LOBU_REPLAY", "replay"), ("LOBU_REPLAY_REPORT", "replay_report")):
        if value := os.environ.get(variable):
            arguments.append(f"--LobuApp.{trait}={value}")
    if kernel is not None and kernel.connection_file is not None:
        arguments.append(f"--LobuApp.embedded_connection_file={kernel.connection_file}")
    return arguments


def _store(home: Path) -> str:
    """Return the file of the store. An address in ``LOBU_STORE`` is taken from there, for it may hold a password."""
    named = os.environ.get("LOBU_STORE", "")
    return named if named and "://" not in named else str(home / "lobu.sqlite")


def _free_port() -> int:
    """Return a free port. Jupyter before 2.20 writes 0 into its server file if it is to choose one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in without_credentials(os.environ).items() if k not in _OF_OUR_PARENT}
    # Its runtime files stay in its own directory: no other kernel takes it for a Jupyter server.
    return {**kept, "JUPYTER_RUNTIME_DIR": str(home / "runtime")}


def _await_server(process: subprocess.Popen[bytes], home: Path) -> Server:
    file = home / "runtime" / f"jpserver-{process.pid}.json"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NoGateway(f"The embedded gateway ended with code {process.returncode}:\n{_tail(home)}")
        try:
            return dict(json.loads(file.read_text()))
        except (OSError, ValueError):
            time.sleep(0.03)  # not there, or half written
    raise NoGateway(f"The embedded gateway was not up after {START_SECONDS:g} s:\n{_tail(home)}")


def _await_health(gateway: Embedded, auth: KernelAuth | None) -> None:
    with gateway.found.client(auth, patience=START_SECONDS) as client:
        try:
            client.health()
        except ServerGone as error:
            raise NoGateway(f"The embedded gateway does not answer:\n{gateway.log_tail()}") from error
        except LobuError as error:
            raise NoGateway(f"The embedded gateway does not work: {error}\n{gateway.log_tail()}") from error


def _tail(home: Path) -> str:
    return (home / "gateway.log").read_text(errors="replace")[-3000:]


def _sweep() -> None:
    """Remove the directories that gateways of killed kernels left."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            shutil.rmtree(home, ignore_errors=True)
