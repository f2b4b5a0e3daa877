"""A real `jupyter server` with real kernels, for tests: started, killed, restarted on the same store.

Each server gets a home of its own under a temporary directory, so that no test reads or fills the
person's Jupyter directories. All waits have a limit and end early when the process dies.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from .ports import take

REPOSITORY = Path(__file__).parents[1]
START_SECONDS = 90.0
OTHERS = ("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook", "notebook_shim")
CONFIG = "from tests.ports import install\n\ninstall()\n"
_NOT_INHERITED = ("JPY_", "JUPYTER", "LOBU", "IPYTHON", "PYTEST", "OPENAI", "ANTHROPIC", "GOOGLE", "GEMINI")


class RealServer:
    """One Jupyter server process. ``url`` ends with a slash; ``api`` is the base of lobu's routes.

    ``options`` are command-line arguments such as ``--LobuApp.kernel_decisions=False``; ``env`` is
    added to the process environment. A plain server is ``alone``, without the other extensions that are installed, of
    which jupyter_lsp starts npm. Two servers that are given one ``store`` share it.
    """

    def __init__(
        self,
        home: Path,
        *,
        store: str | Path | None = None,
        options: Sequence[str] = (),
        env: dict[str, str] | None = None,
        token: str | None = None,
        wait_ready: bool = True,
        command: Sequence[str] = ("-m", "jupyter_server"),
        alone: bool = True,
    ) -> None:
        self.home = home
        self.store = store or home / "lobu.sqlite"
        self.token = token if token is not None else f"_{secrets.token_hex(16)}"
        self.port = 0
        self.root = home / "work"
        self._options = list(options)
        self._env = env or {}
        self._command = list(command)
        others = OTHERS if alone and "jupyter_server" in command else ()
        self._without = [f"--ServerApp.jpserver_extensions={name}=False" for name in others]
        self._wait_ready = wait_ready
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[httpx.Client] = []
        for folder in ("work", "config", "data", "runtime", "ipython"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "config" / "jupyter_server_config.py").write_text(CONFIG)

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the process and wait until lobu's health answers (503 counts with wait_ready=False)."""
        self.launch()
        ready = (200,) if self._wait_ready else (200, 503)
        self._wait("lobu's health", lambda: self.health() in ready)
        return self

    def launch(self, stdin: int = subprocess.DEVNULL) -> None:
        """Start the process and wait until it wrote its server file, which is before it serves."""
        self.port = self.port or take()
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *self._command, *self.arguments()],
                cwd=self.root,
                env=self.environment(),
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_sigint,
            )
        self.port = self._wait("the server file", self._read_port)

    def kill(self) -> None:
        """SIGKILL the server alone, as the kernel's out-of-memory killer would."""
        process = self._running()
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    def end_by(self, number: int, timeout: float = 60.0) -> float:
        """Send a signal, wait for the end, and return the seconds it took."""
        process, began = self._running(), time.monotonic()
        process.send_signal(number)
        process.wait(timeout=timeout)
        return time.monotonic() - began

    def terminate(self, timeout: float = 20.0) -> float:
        """SIGTERM, wait for the end, and return the seconds it took."""
        return self.end_by(signal.SIGTERM, timeout)

    def restart(self) -> Self:
        """Start again on the same port, store and token; kill first if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        return self.start()

    def stop(self) -> None:
        """End the server and all that it left behind; leaves nothing running."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._process is None:
            return
        left = self._descendants() if self._process.poll() is None else []
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=10)
        for process in left:
            if process.is_running():
                process.kill()
        psutil.wait_procs(left, timeout=5)
        self._process = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:  # no exit follows an enter that failed
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- facts ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def api(self) -> str:
        return self.url + "lobu/api/"

    @property
    def pid(self) -> int:
        return self._running().pid

    def log(self) -> str:
        """All that the server wrote so far."""
        return (self.home / "server.log").read_text(errors="replace")

    # -- clients --------------------------------------------------------------------------------

    def client(self, **options: Any) -> httpx.Client:
        """A client of lobu's routes as the person; closed with the server."""
        client = httpx.Client(**{"base_url": self.api, "headers": self.auth, "timeout": 30.0, **options})
        self._clients.append(client)
        return client

    def async_client(self, **options: Any) -> httpx.AsyncClient:
        """An async client of lobu's routes as the person; the caller closes it."""
        return httpx.AsyncClient(**{"base_url": self.api, "headers": self.auth, "timeout": 30.0, **options})

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    # -- kernels --------------------------------------------------------------------------------

    def start_kernel(self, path: str | None = None, name: str = "python3") -> str:
        """A new kernel, with a session for the notebook at `path` if it is given. Returns its id."""
        if path is None:
            return self.jupyter("POST", "api/kernels", {"name": name})["id"]
        session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": name}}
        return self.jupyter("POST", "api/sessions", session)["kernel"]["id"]

    def restart_kernel(self, kernel_id: str) -> None:
        self.jupyter("POST", f"api/kernels/{kernel_id}/restart", {})

    def shut_down_kernel(self, kernel_id: str) -> None:
        self.jupyter("DELETE", f"api/kernels/{kernel_id}")

    def kernel_pid(self, kernel_id: str) -> int:
        """The process of a local kernel, found by its connection file's name."""
        return self._wait("the kernel's process", lambda: self.find_kernel(kernel_id))

    def find_kernel(self, kernel_id: str) -> int | None:
        """The pid of a local kernel that runs now."""
        return self._pid_with(f"kernel-{kernel_id}.json")

    def connection_file(self, kernel_id: str) -> Path:
        return self.home / "runtime" / f"kernel-{kernel_id}.json"

    def worker_pids(self) -> list[int]:
        """The processes of lobu's workers."""
        return [p.pid for p in self._descendants() if "lobu_jupyter.worker" in _command_line(p)]

    def jupyter(self, method: str, path: str, body: Any = None) -> Any:
        """One call of Jupyter's own REST API; raises unless it answers 2xx."""
        reply = httpx.request(method, self.url + path, json=body, headers=self.auth, timeout=60.0)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    # -- inside ---------------------------------------------------------------------------------

    def arguments(self) -> list[str]:
        """The command line after the command."""
        return [
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={self.token}",
            "--ServerApp.jpserver_extensions=lobu_jupyter=True",
            *self._without,
            f"--LobuApp.store{'' if '://' in str(self.store) else '_path'}={self.store}",
            *self._options,
        ]

    def environment(self) -> dict[str, str]:
        """The process environment: nothing of the developer's own Jupyter."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
        path = os.pathsep.join(filter(None, (str(REPOSITORY), kept.get("PYTHONPATH"))))
        return {
            **kept,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_PREFER_ENV_PATH": "0",  # what is installed beside this Python comes after it
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            **self._env,
        }

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    def _read_port(self) -> int | None:
        file = self.home / "runtime" / f"jpserver-{self.pid}.json"
        if not file.exists():
            return None
        text = file.read_text()
        if not text.endswith("}"):
            return None  # half written
        return int(json.loads(text)["port"])

    def health(self) -> int | None:
        """The status of lobu's health, or None while nothing answers."""
        try:
            return httpx.get(self.api + "health", headers=self.auth, timeout=5.0).status_code
        except httpx.TransportError:
            return None

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _pid_with(self, argument: str) -> int | None:
        return next((p.pid for p in self._descendants() if argument in _command_line(p)), None)

    def _wait(self, what: str, look: Callable[[], Any], seconds: float = START_SECONDS) -> Any:
        def alive_look() -> Any:
            if self._running().poll() is not None:
                raise AssertionError(
                    f"the server ended while it was waited for {what}:\n{self.log()[-4000:]}"
                )
            return look()

        return wait_for(what, alive_look, seconds)


def wait_for(what: str, look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first truthy answer of `look`, which is asked every 20 ms for at most `seconds`."""
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


def best_of(tries: int, measure: Callable[[], float], enough: float) -> float:
    """The least that `measure` says, which is asked again only while all said `enough` or more.

    For a promised time: a machine that stalls once says nothing of the product.
    """
    best = measure()
    for _ in range(tries - 1):
        if best < enough:
            break
        best = min(best, measure())
    return best


def _heed_sigint() -> None:
    """Undo the SIG_IGN that a shell gives to what it starts in the background, and that children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
