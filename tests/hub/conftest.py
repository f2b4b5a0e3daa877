"""A hub for the session, and its people. `make test-hub` sets up what it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.scenarios.person import Person

from .hub import BIN, PROXY, Hub, HubServer
from .site import Site, open_site

WHOLE = pytest.mark.skipif(not os.environ.get("WHOLE_HUB"), reason="takes long; `make test-hub` runs it")
NOT_HERE = "NOT TESTED ON A HUB: `make .venv-hub/.installed tests/hub/node_modules/.installed` sets it up"

# A place that a variable names, and a home on a network file system, by the list of mounts that the server reads.
ON_NFS = """
import os
from lobu_jupyter.store.sqlite import places

c.LobuApp.place = os.environ.get("TESTS_PLACE", "")
c.GatewayClient.url = os.environ.get("TESTS_KERNEL_GATEWAY", "")
c.LobuApp.store = os.environ.get("TESTS_STORE", "")
real = places.file_system
if os.environ.get("TESTS_HOME_IS_ON_NFS"):
    home = os.path.realpath(os.environ["HOME"])
    places.file_system = lambda path, mounts: real(path, f"{mounts}nas:/homes {home} nfs4 rw 0 0\\n")
"""
BY_SERVER = {
    "nfs": {"TESTS_HOME_IS_ON_NFS": "1"},
    "hardened": {"JUPYTERHUB_ALLOW_WEBSOCKET_COOKIE_AUTH": "0"},
}
LOOSE = """
c.LobuApp.allow = ["*"]
c.LobuApp.mode = "allow"
"""


@pytest.fixture(scope="session")
def installed() -> None:
    """Skip where no hub is set up, and fail where it has to be."""
    if (BIN / "jupyterhub").exists() and PROXY.exists():
        return
    if os.environ.get("CI") or os.environ.get("WHOLE_HUB"):
        pytest.fail(NOT_HERE)
    pytest.skip(NOT_HERE)


@pytest.fixture(scope="session")
def hub(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    often = {"JUPYTERHUB_ACTIVITY_INTERVAL": "1"}  # a server tells its hub that it is used
    home = tmp_path_factory.mktemp("hub")
    with Hub(home, server_config=ON_NFS, by_server=BY_SERVER, environment=often) as hub:
        yield hub


@pytest.fixture(scope="session")
def site(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub of its own with the lobu service. People's own servers allow everything."""
    with open_site(tmp_path_factory.mktemp("site"), server_config=LOOSE) as site:
        yield site


@pytest.fixture
def server(hub: Hub) -> HubServer:
    """Ada's server, for tests that leave it running."""
    return hub.server("ada")


@pytest.fixture
def ada(server: HubServer) -> Person:
    return Person(server)  # pyright: ignore[reportArgumentType]
