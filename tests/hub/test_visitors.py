"""A shared server: bob visits ada's, with a login of his own, and never acts as ada."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.person import Person
from tests.server.page import PageClient
from tests.servers import wait_for

from .conftest import WHOLE
from .hub import Hub, HubServer

TRY = """
%load_ext lobu_jupyter
import lobu_jupyter as lobu
rest = lobu.rest()
print("list", rest.get("interrupts").status_code, rest.get("interrupts").text)
print("read", rest.get("threads/{thread}").status_code)
print("start", rest.post("threads/{thread}/runs", json={{"prompt": "say hi", "agent": "script"}}).status_code)
entry = {{"interruptId": {interrupt!r}, "status": "resolved", "payload": {{"approved": True}}}}
print("decide", rest.post("threads/{thread}/resume", json={{"resume": [entry]}}).status_code)
"""


@pytest.fixture(scope="module")
def shared(hub: Hub) -> Iterator[HubServer]:
    """A server of ada's that she shares with bob."""
    server = hub.server("ada", "shared")
    hub.api("POST", "shares/ada/shared", {"user": "bob"})
    yield server
    server.stop()


@pytest.fixture
def kernel(shared: HubServer) -> str:
    """Ada's kernel."""
    return shared.start_kernel("shared.ipynb")


def asked(person: Person, kernel: str) -> tuple[str, str]:
    """Return the thread and the question of a run of a person that waits."""
    thread = person.thread(kernelId=kernel, notebookPath="shared.ipynb")
    run = person.start(thread, "run secret = 1")
    person.finish(thread, run["runId"])
    return thread, person.interrupts(thread)[0]["id"]


@WHOLE
def test_a_visitor_has_threads_of_their_own(shared: HubServer, kernel: str) -> None:
    ada, bob = Person(shared), Person(shared.as_user("bob"))  # pyright: ignore[reportArgumentType]
    thread, _ = asked(ada, kernel)
    his = bob.thread()

    assert [t["threadId"] for t in bob.ok(bob.http.get("threads"))["threads"]] == [his]
    for path in (f"threads/{thread}", f"threads/{thread}/snapshot"):
        assert bob.http.get(path).status_code == 404
    assert bob.http.post("threads", json={"kernelId": kernel}).status_code == 404, "it is hers"
    assert his not in [t["threadId"] for t in ada.ok(ada.http.get("threads"))["threads"]]


@WHOLE
async def test_a_cell_of_a_visitor_never_acts_as_the_owner_of_the_kernel(
    shared: HubServer, kernel: str
) -> None:
    ada = Person(shared)  # pyright: ignore[reportArgumentType]
    thread, interrupt = asked(ada, kernel)

    async with PageClient(shared.as_user("bob"), kernel) as page:  # pyright: ignore[reportArgumentType]
        said = await page.run(TRY.format(thread=thread, interrupt=interrupt))

    assert "argsSchema" not in said, said
    for action in ("list", "read", "start", "decide"):
        assert f"{action} 403" in said, said
    assert ada.interrupts(thread)[0]["id"] == interrupt


@WHOLE
async def test_the_owner_s_own_cell_acts_for_her_beside_a_visitor(shared: HubServer, kernel: str) -> None:
    ada = Person(shared)  # pyright: ignore[reportArgumentType]
    thread, interrupt = asked(ada, kernel)

    visitor = PageClient(shared.as_user("bob"), kernel)  # pyright: ignore[reportArgumentType]
    async with visitor, PageClient(shared, kernel) as page:  # pyright: ignore[reportArgumentType]
        await visitor.run("1 + 1")
        said = await page.run(TRY.format(thread=thread, interrupt=interrupt))

    assert "list 200" in said, said
    assert "decide 202" in said, said
    wait_for("the end", lambda: not ada.interrupts(thread))
