"""Cells run by a person: in a bare kernel (as nbval does), or through a Jupyter server's websocket (as Lab does)."""

from __future__ import annotations

import json
import os
import queue
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from jupyter_client.manager import KernelManager
from websocket import WebSocketTimeoutException, create_connection

from lobu_jupyter.notebook.output.cell_output import MIME
from tests.kernels import start_kernel
from tests.servers import REPOSITORY, RealServer

SECONDS = 90.0


@dataclass
class Cell:
    """What a cell put out."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    update_dates: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def text(self) -> str:
        """All text/plain and stream output."""
        return "".join(
            o["text"] if "text" in o else o["data"].get("text/plain", "") + "\n" for o in self.outputs
        )

    @property
    def threads(self) -> list[dict[str, Any]]:
        """What our own MIME type carried."""
        return [output["data"][MIME] for output in self.outputs if MIME in output.get("data", {})]

    def saved(self, code: str) -> dict[str, Any]:
        """The code cell of a notebook that a page would save now: each output in its last state."""
        last = {update["transient"]["display_id"]: update for update in self.updates}
        outputs: list[dict[str, Any]] = []
        for output in self.outputs:
            if "text" in output:
                outputs.append({"output_type": "stream", "name": "stdout", "text": output["text"]})
                continue
            shown = last.get((output.get("transient") or {}).get("display_id"), output)
            bundle = {"data": shown["data"], "metadata": shown.get("metadata", {})}
            outputs.append({"output_type": "display_data", **bundle})
        return {"cell_type": "code", "source": code, "outputs": outputs, "metadata": {}, "execution_count": 1}

    def take(self, message: dict[str, Any]) -> bool:
        """Take an iopub message of this cell; True once it is idle."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            self.outputs.append({"text": content["text"]})
        elif kind in ("display_data", "execute_result"):
            self.outputs.append(content)
        elif kind == "update_display_data":
            self.updates.append(content)
            self.update_dates.append(str(message["header"]["date"]))
        elif kind == "error":
            self.error = f"{content['ename']}: {content['evalue']}"
        return kind == "status" and content["execution_state"] == "idle"


class BareKernel:
    """A kernel without a Jupyter server: its `%lobu` has a gateway of its own."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def send(self, code: str) -> str:
        return self.client.execute(code)

    def run(self, code: str) -> Cell:
        return self.collect(self.send(code))

    def collect(self, request: str) -> Cell:
        """The outputs of a cell, to its end."""
        cell = Cell()
        for message in self._messages():
            if message["parent_header"].get("msg_id") == request and cell.take(message):
                return cell
        raise AssertionError(f"the cell did not end: {cell.outputs}")

    def until_printed(self, text: str) -> None:
        """Wait until `text` is printed, by a cell or by agent code."""
        for message in self._messages():
            if message["header"]["msg_type"] == "stream" and text in message["content"]["text"]:
                return
        raise AssertionError(f"{text!r} was not printed")

    def _messages(self) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                yield self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue


@contextmanager
def bare_kernel(home: Path, **env: str) -> Iterator[BareKernel]:
    """A kernel in a home of its own, ended with all that it started."""
    for folder in ("runtime", "work", "tmp"):
        (home / folder).mkdir(parents=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "JUPYTER", "LOBU"))}
    own = {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(REPOSITORY),
    }

    file = home / "runtime" / f"kernel-{uuid4()}.json"
    manager = KernelManager(kernel_name="python3", connection_file=str(file))
    manager.shutdown_wait_time = SECONDS  # it stops its gateway on the way
    start_kernel(manager, env={**kept, **own, **env}, cwd=str(home / "work"))
    kernel = BareKernel(manager)
    try:
        kernel.run("%load_ext lobu_jupyter\nimport lobu_jupyter as lobu")
        yield kernel
    finally:
        kernel.client.stop_channels()
        manager.shutdown_kernel(now=False)
        manager.cleanup_resources()


class ServedKernel:
    """A kernel of a Jupyter server, and a page's connection to it."""

    def __init__(self, server: RealServer, path: str, connection: socket.socket | None = None) -> None:
        self.server = server
        self.kernel_id = server.start_kernel(path)
        self._session = uuid4().hex
        url = f"{server.url.replace('http', 'ws', 1)}api/kernels/{self.kernel_id}/channels?session_id={self._session}"
        self._socket = create_connection(url, header=server.auth, timeout=SECONDS, socket=connection)

    def run(self, code: str) -> Cell:
        request = uuid4().hex
        header = {
            "msg_id": request,
            "msg_type": "execute_request",
            "session": self._session,
            "username": "person",
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
        }
        self._socket.send(json.dumps(message))
        return self._collect(request)

    def more(self, cell: Cell, until: str) -> None:
        """Take what comes for a cell that has ended, until an update has `until` in its text."""
        while not any(until in update["data"]["text/plain"] for update in cell.updates):
            cell.take(self._receive())

    def _collect(self, request: str) -> Cell:
        cell = Cell()
        while True:
            message = self._receive()
            if (
                message["parent_header"].get("msg_id") == request
                and message["channel"] == "iopub"
                and cell.take(message)
            ):
                return cell

    def _receive(self) -> dict[str, Any]:
        try:
            return json.loads(self._socket.recv())
        except WebSocketTimeoutException as error:
            raise AssertionError("the kernel said nothing more") from error

    def close(self) -> None:
        self._socket.close()
