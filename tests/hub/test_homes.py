"""The homes of a hub's people: on a network file system, and one home for all of a person's servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import new_store
from tests.scenarios.person import Person

from .conftest import WHOLE
from .hub import Hub, HubServer


def thread_of(server: HubServer, path: str) -> str:
    """Return the thread that a notebook's chat is, which is made if there is none."""
    with server.client() as http:
        reply = http.post("threads", json={"notebookPath": path, "reuse": True})
        assert reply.is_success, reply.text
        return reply.json()["threadId"]


@WHOLE
def test_a_home_on_a_network_file_system_is_refused_with_the_ways_out(hub: Hub) -> None:
    server = hub.server("ada", "nfs")

    health = server.client().get("health")

    message = health.json()["error"]["message"]
    assert health.status_code == 503
    assert "nfs4" in message
    for way in (
        "LobuApp.store to a PostgreSQL",
        "LobuApp.store_path to a file on a local disk",
        "LobuApp.gateway_url",
    ):
        assert way in message, message
    assert server.jupyter("GET", "api/contents")["type"] == "directory", "Jupyter itself is not disturbed"


@pytest.mark.parametrize("name", ["a-file-on-a-local-disk", "a-database"])
@WHOLE
def test_each_way_out_works(hub: Hub, tmp_path: Path, name: str) -> None:
    options = {
        "a-file-on-a-local-disk": {"TESTS_STORE": str(tmp_path / "lobu.sqlite")},
        "a-database": {"LOBU_STORE": new_store()},
    }[name]
    hub.set_variables(name, {"TESTS_HOME_IS_ON_NFS": "1", **options})

    server = hub.server("ada", name)

    assert server.health() == 200
    assert thread_of(server, "a.ipynb") == thread_of(server, "a.ipynb")


@pytest.fixture(scope="module")
def shared(hub: Hub) -> Iterator[Hub]:
    """A hub whose servers of some names are on one store, as servers of several people are."""
    store = new_store()
    for name in ("first", "second"):
        hub.set_variables(name, {"LOBU_STORE": store})
    hub.set_variables("elsewhere", {"LOBU_STORE": store, "TESTS_PLACE": "a volume of its own"})
    yield hub
    for user, name in (("ada", "first"), ("ada", "second"), ("ada", "elsewhere"), ("bob", "first")):
        HubServer(hub, user, name).stop()


@WHOLE
def test_a_notebook_is_the_same_in_all_servers_of_its_home_and_nowhere_else(shared: Hub) -> None:
    first, second = shared.server("ada", "first"), shared.server("ada", "second")
    here = thread_of(first, "a.ipynb")

    assert thread_of(second, "a.ipynb") == here
    assert thread_of(shared.server("bob", "first"), "a.ipynb") != here
    assert thread_of(shared.server("ada", "elsewhere"), "a.ipynb") != here


@WHOLE
def test_a_rename_in_one_home_is_none_in_another(shared: Hub) -> None:
    ada, bob = shared.server("ada", "first"), shared.server("bob", "first")
    for server in (ada, bob):
        server.jupyter("PUT", "api/contents/b.ipynb", {"type": "notebook", "content": NOTEBOOK})
    hers, his = thread_of(ada, "b.ipynb"), thread_of(bob, "b.ipynb")

    ada.jupyter("PATCH", "api/contents/b.ipynb", {"path": "c.ipynb"})

    assert Person.ok(ada.client().get(f"threads/{hers}"))["notebookPath"] == "c.ipynb"
    assert Person.ok(bob.client().get(f"threads/{his}"))["notebookPath"] == "b.ipynb"


NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
