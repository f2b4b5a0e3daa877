"""A hub with ``internal_ssl``: its servers take no connection without a certificate of the hub."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx
import pytest

from lobu_jupyter.client.tls import context_of
from tests.scenarios.person import Person, text_of
from tests.server.page import PageClient

from .conftest import WHOLE
from .hub import Hub, HubServer

MAGIC = """
%load_ext lobu_jupyter
import lobu_jupyter as lobu
print(lobu.ask("say asked from a cell", agent="script").wait().text)
"""
TERMINAL = """
import subprocess
print(subprocess.run(["lobu", "doctor"], capture_output=True, text=True))
"""


@pytest.fixture(scope="module")
def server(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    with Hub(tmp_path_factory.mktemp("tls"), internal_ssl=True) as hub:
        yield hub.server("ada")


def shown(server: HubServer, verify: bool | ssl.SSLContext) -> int:
    """Return what the server, without the proxy, says to who shows a certificate or none."""
    (port,) = {c.laddr.port for c in server.process.net_connections() if c.status == "LISTEN"}
    url = f"https://127.0.0.1:{port}{server.prefix}lobu/api/health"
    return httpx.get(url, verify=verify, headers=server.auth).status_code


@WHOLE
def test_the_server_takes_its_own_certificate_and_no_other_of_that_authority(server: HubServer) -> None:
    hub = server.hub
    hub.server("bob")
    certificates = {user: hub.home / "certs" / f"user-{user}" / f"user-{user}.crt" for user in ("ada", "bob")}
    own, other = (
        context_of(False, str(file), str(file.with_suffix(".key"))) for file in certificates.values()
    )

    assert shown(server, own) == 200
    for refused in (False, other):
        with pytest.raises(httpx.TransportError):
            shown(server, refused)


@WHOLE
def test_a_worker_registers_and_runs_code_in_a_kernel(server: HubServer) -> None:
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    thread = ada.thread(kernelId=server.start_kernel())
    run = ada.start(thread, "run 6 * 7", mode="allow")

    said = text_of(ada.finish(thread, run["runId"]))

    assert "42" in said, said + server.hub.log()[-2000:]


@WHOLE
async def test_a_cell_reaches_its_server(server: HubServer) -> None:
    kernel = server.start_kernel("cells.ipynb")
    async with PageClient(server, kernel) as page:  # pyright: ignore[reportArgumentType]
        said = await page.run(MAGIC, 60)

    assert "asked from a cell" in said


@WHOLE
async def test_a_terminal_reaches_its_server(server: HubServer) -> None:
    kernel = server.start_kernel()
    async with PageClient(server, kernel) as page:  # pyright: ignore[reportArgumentType]
        said = await page.run(TERMINAL, 60)

    print(said)
    assert "certificate" not in said.lower(), said
