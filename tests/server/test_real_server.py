"""Real `jupyter server` processes with real kernels: deaths, culling, shutdown, an embedding parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.servers import REPOSITORY, RealServer, best_of, wait_for

from .page import PageClient
from .wire import frames


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One server for all tests that leave it as they found it; no worker takes its runs."""
    server = RealServer(tmp_path_factory.mktemp("server"), options=["--LobuApp.workers=1"])
    try:
        yield server.start()
    finally:
        server.stop()


def run_on(server: RealServer, kernel_id: str | None, **body: Any) -> tuple[str, str]:
    """A run that an outside worker holds and never ends: (thread, run)."""
    client = server.client()
    client.post("workers", json={"kind": "silent", "agents": [{"name": "silent"}]}).raise_for_status()
    thread = client.post("threads", json={"kernelId": kernel_id}).json()["threadId"]
    started = client.post(f"threads/{thread}/runs", json={"prompt": "go", "agent": "silent", **body})
    assert started.status_code == 202, started.text
    return thread, started.json()["runId"]


class Reader:
    """Reads a run's stream in a thread and notes when its end came."""

    def __init__(self, server: RealServer, thread: str, run: str) -> None:
        self.ended_at = 0.0
        self.events: list[tuple[int, Any]] = []
        self._client = server.client()
        self._path = f"threads/{thread}/events?runId={run}"
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._began.wait(30)

    def _read(self) -> None:
        text = b""
        with self._client.stream("GET", self._path) as response:
            for chunk in response.iter_bytes():
                text += chunk
                self._began.set()
        self.ended_at = time.monotonic()
        self.events = frames(text)

    def end(self) -> dict[str, Any]:
        self._thread.join(30)
        assert not self._thread.is_alive(), "the stream did not end"
        (end,) = [e for _, e in self.events if e["type"] in ("RUN_ERROR", "RUN_FINISHED")]
        return end


# -- kernels --------------------------------------------------------------------------------------


@pytest.mark.scenario("W17")
def test_a_killed_kernel_reaches_a_reader_within_half_a_second(server: RealServer) -> None:
    def kill_one() -> float:
        kernel_id = server.start_kernel()
        reader = Reader(server, *run_on(server, kernel_id))
        pid = server.kernel_pid(kernel_id)
        wait_until_up(server, kernel_id)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        end = reader.end()
        assert end["code"] == "kernel_died"
        assert "SIGKILL" in end["message"]
        return reader.ended_at - killed

    assert best_of(3, kill_one, 0.5) < 0.5


@pytest.mark.scenario("W17")
@pytest.mark.parametrize(
    ("action", "code"), [("restart", "kernel_restarted"), ("shutdown", "kernel_shutdown")]
)
def test_what_a_person_did_to_the_kernel_is_named(server: RealServer, action: str, code: str) -> None:
    kernel_id = server.start_kernel()
    wait_until_up(server, kernel_id)
    reader = Reader(server, *run_on(server, kernel_id))

    if action == "restart":
        server.restart_kernel(kernel_id)
    else:
        server.shut_down_kernel(kernel_id)

    assert reader.end()["code"] == code


@pytest.mark.scenario("W17")
def test_a_kernel_that_died_restarts_by_itself_and_the_next_run_is_left_alone(server: RealServer) -> None:
    kernel_id = server.start_kernel()
    wait_until_up(server, kernel_id)
    first = server.kernel_pid(kernel_id)
    reader = Reader(server, *run_on(server, kernel_id))
    os.kill(first, signal.SIGKILL)
    reader.end()

    _, run = run_on(server, kernel_id)
    wait_for("the new process", lambda: server.kernel_pid(kernel_id) != first)
    wait_until_up(server, kernel_id)

    assert server.client().get(f"runs/{run}").json()["status"] == "running"


@pytest.mark.scenario("W7")
def test_what_happens_to_an_idle_kernel_says_nothing(server: RealServer) -> None:
    kernel_id = server.start_kernel()
    wait_until_up(server, kernel_id)
    client = server.client()
    thread = client.post("threads", json={"kernelId": kernel_id}).json()["threadId"]

    server.restart_kernel(kernel_id)
    server.shut_down_kernel(kernel_id)
    wait_for("the watch's word", lambda: f"kernel {kernel_id} shutdown" in server.log())

    assert client.get(f"threads/{thread}").json()["cursor"] == 0


@pytest.mark.scenario("W6")
def test_a_kernel_that_cannot_start_is_an_error_that_says_so(server: RealServer) -> None:
    spec = server.home / "data" / "kernels" / "broken"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-c", "import time; time.sleep(1.5); raise SystemExit(7)", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Broken", "language": "python"})
    )
    kernel_id = server.start_kernel(name="broken")
    reader = Reader(server, *run_on(server, kernel_id))

    end = reader.end()

    assert end["code"] == "kernel_start_failed"
    assert "exit code 7" in end["message"]
    server.shut_down_kernel(kernel_id)


def test_a_thread_follows_its_notebook_when_that_is_renamed(server: RealServer) -> None:
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    server.jupyter("PUT", "api/contents/old.ipynb", {"type": "notebook", "content": notebook})
    kernel_id = server.start_kernel("old.ipynb")
    client = server.client()
    thread = client.post("threads", json={"kernelId": kernel_id, "reuse": True}).json()
    assert thread["notebookPath"] == "old.ipynb"

    server.jupyter("PATCH", "api/contents/old.ipynb", {"path": "new.ipynb"})

    wait_for(
        "the move", lambda: client.get(f"threads/{thread['threadId']}").json()["notebookPath"] == "new.ipynb"
    )


async def test_a_persons_cell_may_start_and_code_beside_it_may_not(server: RealServer) -> None:
    kernel_id = server.start_kernel()
    async with PageClient(server, kernel_id) as page:
        await page.run(SIGNED)

        in_a_cell = await page.run("print(post('threads/' + thread() + '/runs'))")
        left_behind = await page.run(LEFT_BEHIND)

    assert in_a_cell.strip() == "202", in_a_cell
    assert left_behind == ""
    answer = server.root / "answer.txt"
    assert wait_for("the thread's answer", lambda: answer.exists() and answer.read_text()) == "403"


async def test_code_of_an_agent_may_not_start(server: RealServer) -> None:
    """The executor's sessions begin with lobu-; a client that is no page of this server is no person either."""
    kernel_id = server.start_kernel()
    async with PageClient(server, kernel_id) as page:
        await page.run(SIGNED)
        await page.run("persons = thread()")

    async with PageClient(server, kernel_id, session="lobu-executor") as agent:
        said = await agent.run("print(post('threads/' + persons + '/runs'))")

    assert said.strip() == "403", said


SIGNED = """
import json, os, re, httpx
from lobu_jupyter.client.sign import KernelAuth
from ipykernel.connect import get_connection_file
kernel = get_ipython().kernel
kernel_id = re.search(r"kernel-(.+)\\.json", get_connection_file()).group(1)
runtime = os.path.dirname(get_connection_file())
(info,) = [json.load(open(os.path.join(runtime, f))) for f in os.listdir(runtime) if f == f"jpserver-{os.getppid()}.json"]
http = httpx.Client(base_url=info["url"] + "lobu/api/", auth=KernelAuth(kernel_id, kernel.session.key), trust_env=False)
def thread(): return http.post("threads", json={"kernelId": kernel_id}).json()["threadId"]
def post(path): return http.post(path, json={"prompt": "say hi", "agent": "script"}).status_code
"""

LEFT_BEHIND = """
import threading, time
found = thread()
def later():
    time.sleep(5)  # the cell has ended by then, also to the server, which hears of it on a socket of its own
    open("answer.txt", "w").write(str(post("threads/" + found + "/runs")))
threading.Thread(target=later).start()
"""


def wait_until_up(server: RealServer, kernel_id: str) -> None:
    """Until the kernel has answered a client."""

    def look() -> bool:
        from jupyter_client.blocking.client import BlockingKernelClient

        client = BlockingKernelClient(connection_file=str(server.connection_file(kernel_id)))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=10)
        except RuntimeError:
            return False
        finally:
            client.stop_channels()
        return True

    wait_for("the kernel", look)


# -- activity -------------------------------------------------------------------------------------


@pytest.mark.scenario("W21")
def test_a_running_run_keeps_its_kernel_from_the_culler(tmp_path: Path) -> None:
    options = ["--MappingKernelManager.cull_idle_timeout=6", "--MappingKernelManager.cull_interval=1"]
    with RealServer(tmp_path / "culled", options=options) as server:
        kernel_id = server.start_kernel()
        _, run = run_on(server, kernel_id)
        end = time.monotonic() + 10
        wait_for("more than it may idle", lambda: time.monotonic() > end)
        client = server.client()

        assert [k["id"] for k in server.jupyter("GET", "api/kernels")] == [kernel_id]
        assert client.get(f"runs/{run}").json()["status"] == "running"

        client.post(f"runs/{run}/cancel").raise_for_status()
        wait_for("the kernel's end", lambda: not server.connection_file(kernel_id).exists(), 40)


def test_the_server_process_loads_no_library_of_models(server: RealServer) -> None:
    client = server.client()
    thread = client.post("threads", json={}).json()["threadId"]
    started = client.post(f"threads/{thread}/runs", json={"prompt": "say hi", "agent": "script"}).json()
    assert client.get(f"threads/{thread}/events", params={"runId": started["runId"]}).is_success

    def loaded(pid: int) -> bool:
        return any("pydantic_core" in mapped.path for mapped in psutil.Process(pid).memory_maps())

    assert [loaded(pid) for pid in server.worker_pids()] == [True]  # what is looked for is found there
    assert not loaded(server.pid)


# -- the store ------------------------------------------------------------------------------------


def test_a_store_that_cannot_be_opened_is_told_and_jupyter_starts(tmp_path: Path) -> None:
    store = tmp_path / "corrupt.sqlite"
    store.write_bytes(b"this is no database" * 100)

    with RealServer(tmp_path / "home", store=store, wait_ready=False) as server:
        client = server.client()
        health, threads = client.get("health"), [client.get("threads") for _ in range(3)][-1]
        log = server.log()
        contents = server.jupyter("GET", "api/contents")

    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
    assert str(store) in health.json()["error"]["message"]
    assert (threads.status_code, threads.json()["error"]["code"]) == (503, "store_unavailable")
    ours = [line for line in log.splitlines() if "] lobu: " in line and str(store) in line]
    assert len(ours) == 1
    assert "Traceback" not in log
    assert contents["type"] == "directory"
    assert store.read_bytes().startswith(b"this is no database")


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.scenario("A25")
async def test_a_kernel_does_not_inherit_the_model_keys(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "sk-of-the-server", "LOCAL_KEY": "sk-local"}
    providers = '{"local": {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "LOCAL_KEY"}}'
    with RealServer(tmp_path / "keys", env=env, options=[f"--LobuApp.providers={providers}"]) as server:
        async with PageClient(server, server.start_kernel()) as page:
            said = await page.run("import os; print([k for k, v in os.environ.items() if 'sk-' in v])")
        log = server.log()

    assert said.strip() == "[]"
    assert "sk-" not in log


# -- embedded -------------------------------------------------------------------------------------

KERNEL = """
import json, sys, time
from pathlib import Path
from lobu_jupyter.client.sign import KernelAuth
from lobu_jupyter.notebook import embedded
from lobu_jupyter.notebook.discover import ThisKernel
kernel = auth = None
if sys.argv[1:]:
    file = Path(sys.argv[1])
    key = json.loads(file.read_text())["key"].encode()
    kernel, auth = ThisKernel("abc", key, file), KernelAuth("abc", key)
print(embedded.start(kernel, auth).process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("in_a_kernel", [True, False])
def test_an_embedded_server_dies_with_its_parent_within_two_seconds(
    tmp_path: Path, in_a_kernel: bool
) -> None:
    home = RealServer(tmp_path / "embedded")
    argument = [str(connection_file(home))] if in_a_kernel else []

    def kill_one() -> float:
        command = [sys.executable, "-c", KERNEL, *argument]
        with started(home, command) as (parent, server):
            killed = time.monotonic()
            parent.kill()
            server.wait(timeout=30)
            return time.monotonic() - killed

    assert best_of(3, kill_one, 2) < 2


DYING = r"""
import os, subprocess, sys
server = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass\nos.execv(sys.executable, sys.argv[2:])"
us = str(os.getpid())
command = [sys.executable, "-m", "lobu_jupyter.server", *sys.argv[1:], f"--LobuApp.embedded_parent={us}"]
print(subprocess.Popen([sys.executable, "-c", server, us, *command]).pid, flush=True)
"""


def test_an_embedded_server_whose_parent_died_before_it_came_up_ends(tmp_path: Path) -> None:
    home = RealServer(tmp_path / "embedded")
    file = connection_file(home)
    command = [sys.executable, "-c", DYING, *home.arguments(), f"--LobuApp.embedded_connection_file={file}"]

    with started(home, command) as (_, server):
        server.wait(timeout=60)


def connection_file(home: RealServer) -> Path:
    """The connection file of a kernel that nobody can reach."""
    ports = {f"{c}_port": 0 for c in ("shell", "iopub", "stdin", "hb", "control")}
    info = {**ports, "ip": "127.0.0.1", "transport": "tcp", "key": "k", "signature_scheme": "hmac-sha256"}
    file = home.connection_file("abc")
    file.write_text(json.dumps(info))
    return file


@contextmanager
def started(home: RealServer, command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A parent that prints the pid of the server that it started, and that server; both are killed in the end."""
    env = {**home.environment(), "TMPDIR": str(home.home)}
    with (home.home / "server.log").open("ab") as log:
        parent = subprocess.Popen(command, env=env, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log)
    assert parent.stdout is not None
    line = parent.stdout.readline()
    assert line.strip().isdigit(), home.log()
    server = psutil.Process(int(line))
    try:
        yield parent, server
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        if server.is_running():
            server.kill()
