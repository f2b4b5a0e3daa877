"""A gateway of the kernel's own, where there is no Jupyter server: nbval, papermill, VS Code.

It is the same extension, headless on loopback with a random token, as a child of the kernel (or
script) that ends with it. Its store is temporary unless ``LOBU_STORE`` names a file, so that running a
notebook neither reads nor fills the person's threads.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..client.errors import ServerGone
from ..model.errors import LobuError
from .discover import Found, ThisKernel
from .errors import NoGateway

START_SECONDS = 60.0
STOP_SECONDS = 1.0
"""The kernel's own shutdown waits for it, and is not waited for long itself."""
_PREFIX = "lobu-embedded-"
_OF_OUR_PARENT = ("JPY_PARENT_PID", "JPY_SESSION_NAME", "JPY_API_TOKEN", "JUPYTER_TOKEN")


@dataclass
class Embedded:
    """A running embedded gateway. ``home``: its temporary directory, with the log."""

    found: Found
    home: Path
    process: subprocess.Popen[bytes]
    token: str

    def log_tail(self) -> str:
        """The last lines that it logged."""
        return _tail(self.home)

    def stop(self) -> None:
        """End it and remove what it kept; harmless if it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def start(kernel: ThisKernel | None) -> Embedded:
    """Start a gateway for `kernel` and wait until it answers.

    Raises:
        NoGateway: it did not come up; the message holds what it logged.
    """
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    token = secrets.token_hex(24)
    with (home / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lobu_jupyter.server", *_arguments(kernel, home)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=_environment(home, token),
            start_new_session=True,  # an interrupt of the kernel goes to its whole process group
        )
    try:
        url = _await_url(process, home)
        gateway = Embedded(
            Found(url, f"embedded, process {process.pid}", embedded=True), home, process, token
        )
        _await_health(gateway)
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
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={Path.cwd()}",
        f"--LobuApp.embedded_parent={os.getpid()}",
        f"--LobuApp.store_path={os.environ.get('LOBU_STORE') or home / 'lobu.sqlite'}",
    ]
    if kernel is not None:
        arguments.append(f"--LobuApp.embedded_connection_file={kernel.connection_file}")
    return arguments


def _environment(home: Path, token: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in _OF_OUR_PARENT}
    # Its runtime files stay in its own directory: no other kernel takes it for a Jupyter server.
    return {**kept, "JUPYTER_TOKEN": token, "JUPYTER_RUNTIME_DIR": str(home / "runtime")}


def _await_url(process: subprocess.Popen[bytes], home: Path) -> str:
    file = home / "runtime" / f"jpserver-{process.pid}.json"
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NoGateway(f"The embedded gateway ended with code {process.returncode}:\n{_tail(home)}")
        try:
            return str(json.loads(file.read_text())["url"])
        except (OSError, ValueError):
            time.sleep(0.03)  # not there, or half written
    raise NoGateway(f"The embedded gateway was not up after {START_SECONDS:g} s:\n{_tail(home)}")


def _await_health(gateway: Embedded) -> None:
    with Found(gateway.found.url, "", gateway.token).client(None, patience=START_SECONDS) as client:
        try:
            client.health()
        except ServerGone as error:
            raise NoGateway(f"The embedded gateway does not answer:\n{gateway.log_tail()}") from error
        except LobuError as error:
            raise NoGateway(f"The embedded gateway does not work: {error}\n{gateway.log_tail()}") from error


def _tail(home: Path) -> str:
    return (home / "gateway.log").read_text(errors="replace")[-3000:]


def _sweep() -> None:
    """Remove what gateways of killed kernels left."""
    for home in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = home.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc").exists():
            shutil.rmtree(home, ignore_errors=True)
