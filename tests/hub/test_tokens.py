"""The hub's tokens stay in the server: no kernel has one, and nothing that the server starts shows one."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import psutil

from tests.scenarios.person import Person, result_of
from tests.server.page import PageClient

from .conftest import WHOLE
from .hub import Hub, HubServer

LOOK = """
import os, pathlib
for name, value in os.environ.items():
    print(name, "=", value)
server = {pid}
for pid in (os.getpid(), os.getppid(), server):
    print(pathlib.Path(f"/proc/{{pid}}/environ").read_bytes().decode(errors="replace"))
"""


def token_of(hub: Hub, server: HubServer) -> str:
    """Return the token that the hub gave to the server."""
    return (hub.home / "tokens" / f"{server.user}-{server.name}").read_text()


def test_the_token_is_one(hub: Hub, server: HubServer) -> None:
    auth = {"Authorization": f"token {token_of(hub, server)}"}

    assert httpx.get(f"{hub.url}hub/api/user", headers=auth).json()["name"] == "ada"


@WHOLE
async def test_a_kernel_finds_no_token_of_the_hub(hub: Hub, server: HubServer) -> None:
    async with PageClient(server, server.start_kernel()) as page:  # pyright: ignore[reportArgumentType]
        said = await page.run(LOOK.format(pid=server.pid))

    assert "JUPYTERHUB_USER" in said, "the rest of the hub's variables stays"
    assert "PATH" in said
    assert token_of(hub, server) not in said
    assert not re.search(r"JUPYTERHUB_API_TOKEN = ?\S|JPY_API_TOKEN = ?\S", said)


@WHOLE
def test_an_agent_s_code_finds_none(hub: Hub, server: HubServer, ada: Person) -> None:
    thread = ada.thread(kernelId=server.start_kernel())
    lines = LOOK.format(pid=server.pid).strip().replace("\n", "\n    ")

    run = ada.start(thread, f"run {lines}", mode="allow")
    said = result_of(ada.finish(thread, run["runId"]))

    assert "JUPYTERHUB_USER" in said
    assert token_of(hub, server) not in said


@WHOLE
def test_no_process_that_the_server_starts_shows_one(hub: Hub, server: HubServer, ada: Person) -> None:
    thread = ada.thread(kernelId=server.start_kernel())
    ada.finish(thread, ada.start(thread, "say a worker is there")["runId"])

    started = server.process.children(recursive=True)
    shown = {p.pid: Path(f"/proc/{p.pid}/environ").read_bytes() + line(p) for p in [server.process, *started]}

    assert len(shown) >= 3, "a kernel and a worker"
    assert not [pid for pid, text in shown.items() if token_of(hub, server).encode() in text]


def line(process: psutil.Process) -> bytes:
    return " ".join(process.cmdline()).encode()
