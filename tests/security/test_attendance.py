"""A kernel is attended by what this server forwarded and workers reported; code in it cannot say so itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.person import Person
from tests.server.page import PageClient
from tests.servers import RealServer, wait_for

SESSION = "a-page-of-the-person"

FORGE = """
import lobu_jupyter as lobu
kernel = get_ipython().kernel
said = kernel.session.msg("execute_request")
said["header"].update(session={session!r}, msg_id="forged")
kernel.session.send(kernel.iopub_socket, "status", {{"execution_state": "busy"}}, parent=said, ident=b"kernel.forged.status")
"""
DECIDE = """
import lobu_jupyter as lobu
entry = {{"interruptId": {interrupt!r}, "status": "resolved", "payload": {{"approved": True}}}}
print("answer", lobu.rest().post("threads/{thread}/resume", json={{"resume": [entry]}}).status_code)
"""
LATER = """
import threading, time, lobu_jupyter as lobu
def later():
    while lobu.rest().get("runs/{run}").json()["status"] == "running": time.sleep(0.05)
    exec({code!r})
    open({mark!r}, "w").close()
threading.Thread(target=later).start()
"""
SAYS_IT_IS_DONE = """
import lobu_jupyter as lobu
job = get_ipython().kernel.get_parent("shell")["header"]["msg_id"]
rest, path = lobu.rest(), "kernels/" + lobu.kernel_id() + "/jobs"
print("done", rest.post(path + "/" + job, json={"state": "done", "ok": True}).status_code)
print("poll", rest.get(path, params={"wait": 0}).status_code)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with RealServer(tmp_path_factory.mktemp("attended")) as server:
        yield server


@pytest.fixture(scope="module")
def kernel(server: RealServer) -> str:
    return server.start_kernel("attended.ipynb")


@pytest.fixture
def person(server: RealServer) -> Person:
    return Person(server)


class Waiting:
    """A thread of the notebook that waits for a decision."""

    def __init__(self, person: Person, kernel: str) -> None:
        self.person = person
        self.thread = person.thread(kernelId=kernel)
        person.finish(self.thread, person.start(self.thread, "run 1 + 1", mode="ask")["runId"])
        (self.interrupt,) = person.interrupts(self.thread)

    @property
    def decide(self) -> str:
        return DECIDE.format(thread=self.thread, interrupt=self.interrupt["id"])

    @property
    def still(self) -> bool:
        return bool(self.person.interrupts(self.thread))

    @property
    def refusals(self) -> list[dict[str, Any]]:
        rows = self.person.ok(self.person.http.get("audit", params={"threadId": self.thread}))["audit"]
        return [row for row in rows if row["action"] == "refused resume" and row["via"] == "kernel"]


@pytest.fixture
def waiting(person: Person, kernel: str) -> Waiting:
    return Waiting(person, kernel)


def run(person: Person, kernel: str, code: str) -> None:
    """Have the agent run code, unasked."""
    thread = person.thread(kernelId=kernel)
    person.finish(thread, person.start(thread, f"run exec({code!r})", mode="allow", kernelId=kernel)["runId"])


@pytest.mark.scenario("A34")
async def test_agent_code_that_forges_a_busy_page_decides_nothing(
    server: RealServer, person: Person, kernel: str, waiting: Waiting
) -> None:
    async with PageClient(server, kernel, SESSION):
        await asyncio.to_thread(run, person, kernel, FORGE.format(session=SESSION) + waiting.decide)

    assert waiting.still
    assert waiting.refusals


@pytest.mark.scenario("A34")
async def test_a_thread_that_agent_code_left_behind_forges_none_either(
    server: RealServer, person: Person, kernel: str, waiting: Waiting
) -> None:
    forged = FORGE.format(session=SESSION) + waiting.decide
    mark = server.root / "tried"
    thread = person.thread(kernelId=kernel)
    async with PageClient(server, kernel, SESSION):
        code = "open('ran', 'w').close()"
        started = person.start(thread, f"run {code} && run {code}", mode="ask", kernelId=kernel)["runId"]
        await asyncio.to_thread(person.finish, thread, started)
        left = LATER.format(run=started, code=forged, mark=str(mark))
        await asyncio.to_thread(run, person, kernel, left)
        await asyncio.to_thread(wait_for, "the attempt", mark.exists)

    assert waiting.still
    assert waiting.refusals


@pytest.mark.scenario("A34")
async def test_agent_code_in_a_cell_that_waits_cannot_say_that_it_has_ended(
    server: RealServer, person: Person, kernel: str, waiting: Waiting
) -> None:
    code = SAYS_IT_IS_DONE + waiting.decide
    async with PageClient(server, kernel) as page:
        asked = f"lobu.ask({f'run exec({code!r})'!r}, agent='script', mode='allow', wait=True, new=True)"
        await page.run(f"import lobu_jupyter as lobu\n{asked}", 90)
        after = await page.run("print('on')", 90)

    assert after.strip() == "on"
    assert waiting.still
    assert waiting.refusals


@pytest.mark.scenario("A34")
async def test_a_cell_that_ran_agent_code_while_it_waited_decides_nothing_more(
    server: RealServer, kernel: str, waiting: Waiting
) -> None:
    asked = "lobu.ask('run 1 + 1', agent='script', mode='allow', wait=True, new=True)"
    again = f"try:\n    {asked}\nexcept Exception as error:\n    print(error)\n"
    async with PageClient(server, kernel) as page:
        said = await page.run(f"import lobu_jupyter as lobu\n{asked}\n{again}{waiting.decide}", 90)

    assert "may decide only for a cell that has run no agent code" in said  # nor starts what asks nobody
    assert "answer 403" in said
    assert waiting.still


async def test_the_persons_own_cell_decides(server: RealServer, kernel: str, waiting: Waiting) -> None:
    async with PageClient(server, kernel) as page:
        assert "answer 202" in await page.run(waiting.decide, 90)

    assert not waiting.still
