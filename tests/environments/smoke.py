"""What a fresh installation must do, run by that installation's own Python: `python smoke.py FOLDER`.

A server with the extension answers, a run executes code in a kernel of it and waits for an approval, and
`%lobu` works in that kernel. It prints the versions, then "works".
"""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import httpx
from jupyter_client.manager import KernelManager

SECONDS = 120
TOKEN = "_smoke"
T = TypeVar("T")
PACKAGES = ("jupyter-server", "ipykernel", "jupyter-client", "ipywidgets", "pydantic-ai-slim", "tornado")


def main() -> None:
    home = Path(sys.argv[1])
    for name in ("config", "data", "runtime", "ipython"):
        (home / name).mkdir(parents=True)
        variable = "IPYTHONDIR" if name == "ipython" else f"JUPYTER_{name.upper()}_DIR"
        os.environ[variable] = str(home / name)
    print("Python", platform.python_version(), *(f"{name} {version(name)}" for name in PACKAGES), flush=True)
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={free()}",
    ]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, f"--IdentityProvider.token={TOKEN}"], cwd=home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            with httpx.Client(headers={"Authorization": f"token {TOKEN}"}, timeout=60) as client:
                exercise(client, address(home, server))
            in_a_kernel_alone(home)
            server.terminate()
            server.wait(timeout=60)
        except BaseException:
            print((home / "log").read_text(errors="replace")[-8000:])
            raise
        finally:
            server.kill()
    print("works")


def free() -> int:
    """Return a free port: Jupyter 2.16 writes port 0 into its server file if it is to choose."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def address(home: Path, server: subprocess.Popen[bytes]) -> str:
    file = home / "runtime" / f"jpserver-{server.pid}.json"
    text = until(lambda: file.read_text() if file.exists() else "", lambda text: text.endswith("}"))
    return json.loads(text)["url"]


def exercise(client: httpx.Client, url: str) -> None:
    def call(method: str, path: str, body: Any = None) -> Any:
        reply = client.request(method, url + path, json=body)
        reply.raise_for_status()
        return reply.json()

    until(lambda: client.get(url + "lobu/api/health").status_code, lambda status: status == 200)
    kernel = call("POST", "api/kernels", {"name": "python3"})["id"]
    thread = call("POST", "lobu/api/threads", {"kernelId": kernel})["threadId"]
    body = {"agent": "script", "prompt": "run 40 + 2", "mode": "ask"}
    run = call("POST", f"lobu/api/threads/{thread}/runs", body)["runId"]
    until(lambda: call("GET", f"lobu/api/runs/{run}")["status"], lambda status: status == "interrupted")
    (question,) = call("GET", "lobu/api/interrupts")["interrupts"]
    entry = {"interruptId": question["id"], "status": "resolved", "payload": {"approved": True}}
    run = call("POST", f"lobu/api/threads/{thread}/resume", {"resume": [entry]})["runId"]
    status = until(lambda: call("GET", f"lobu/api/runs/{run}")["status"], ended)
    events = client.get(
        f"{url}lobu/api/threads/{thread}/events", params={"follow": "false", "cursor": 0}
    ).text
    assert status == "succeeded", (status, events)
    assert "42" in events, events


def in_a_kernel_alone(home: Path) -> None:
    """`%lobu` in a kernel that no server started: it brings its own gateway."""
    manager = KernelManager(
        kernel_name="python3", connection_file=str(home / "runtime" / "kernel-alone.json")
    )
    manager.start_kernel(cwd=str(home))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        printed: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            printed.append(json.dumps(message["content"], default=str))

        code = "%load_ext lobu_jupyter\nget_ipython().run_line_magic('lobu', '--agent script --wait say it works')"
        reply = client.execute_interactive(code, timeout=SECONDS, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert "it works" in "".join(printed), printed
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def ended(status: str) -> bool:
    return status not in ("queued", "running")


def until(read: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """Return the first value of `read` that is `enough`."""
    end = time.monotonic() + SECONDS
    value: T | None = None
    while time.monotonic() < end:
        try:
            value = read()
        except httpx.TransportError:
            value = None
        if value and enough(value):
            return value
        time.sleep(0.1)
    raise TimeoutError(f"the last value was {value!r}")


if __name__ == "__main__":
    main()
