"""The page of a hub's service in a real browser: only a real click decides, and not in the first half second."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.requests import NewThread, StartRun
from tests.gateway.rig import Worker, call, paused
from tests.server.face.rig import open_server
from tests.server.hub.hub import Hub
from tests.server.hub.replica import Replica

CODE = "\n".join(f"print({n})" for n in range(60))


def ask(hub: Hub, service: Replica, title: str, *calls: str) -> None:
    """Leave a question of a run of ada's at the service; her server is gone afterwards."""

    async def work() -> None:
        ada = Person("ada")
        async with open_server(service.url, hub.server_token("ada")) as server:
            worker = await Worker.register(server)  # pyright: ignore[reportArgumentType]
            thread = await server.threads.create(ada, NewThread(title=title))
            run = await server.runs.start(ada, thread.thread_id, StartRun(prompt="x"))
            await worker.fetch(10)
            args = httpx.Request("POST", "http://x", json={"code": CODE}).content.decode()
            events = [event for name in calls for event in call(name, args=args)]
            await worker.emit(run.run_id, *events, paused(*calls), checkpoint="{}")

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    thread = threading.Thread(target=run)  # playwright has the loop of this one
    thread.start()
    thread.join(60)
    assert failures == []


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def service(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    home = tmp_path_factory.mktemp("service")
    replica = Replica(hub, home, home / "lobu.sqlite")
    try:
        yield replica.start()
    finally:
        replica.stop()


@pytest.fixture
def page(browser: Browser, hub: Hub) -> Iterator[Page]:
    hub.person_token("ada")
    hub.login = "ada"
    with browser.new_context() as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        yield page
        assert faults == []


def audit(hub: Hub, service: Replica) -> list[dict[str, Any]]:
    headers = {"Authorization": f"token {hub.person_token('ada')}"}
    return httpx.get(f"{service.url}lobu/api/audit", headers=headers).json()["audit"]


def test_only_a_real_click_on_what_was_seen_decides(page: Page, hub: Hub, service: Replica) -> None:
    ask(hub, service, "Numbers", "c")
    page.goto(service.url)
    card = page.locator(".card")
    expect(card).to_contain_text("print(59)")  # whole
    page.wait_for_timeout(1000)
    page.evaluate("document.querySelector('button[data-kind=approve]').click()")
    page.evaluate(
        "document.querySelector('button[data-kind=approve]').dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    page.wait_for_timeout(300)
    expect(card).to_be_visible()
    assert [row for row in audit(hub, service) if row["action"].startswith("decided")] == []

    page.get_by_role("button", name="Approve").click()

    expect(page.locator("#said")).to_have_text("Decided.")
    expect(card).to_have_count(0)
    expect(page.locator("main")).to_contain_text("1 decision waits for your server")
    (row,) = [row for row in audit(hub, service) if row["action"].startswith("decided")]
    assert (row["action"], row["via"]) == ("decided approve", "page")


def test_a_click_in_the_first_half_second_decides_nothing(page: Page, hub: Hub, service: Replica) -> None:
    ask(hub, service, "Early", "c")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(service.url)
    button = page.locator(".card", has_text="Early").get_by_role("button", name="Reject")
    button.click()
    expect(page.locator(".card", has_text="Early")).to_be_visible()
    page.clock.run_for(600)
    page.locator(".card", has_text="Early").get_by_label("Reason (optional)").fill("too early")
    button.click()
    page.clock.resume()
    expect(page.locator(".card", has_text="Early")).to_have_count(0)
    rejected = [row for row in audit(hub, service) if row["action"] == "decided reject"]
    assert len(rejected) == 1


def test_several_questions_are_decided_together(page: Page, hub: Hub, service: Replica) -> None:
    ask(hub, service, "Both", "a", "b")
    page.goto(service.url)
    card = page.locator(".card", has_text="Both")
    submit = card.get_by_role("button", name="Submit")
    expect(submit).to_be_disabled()
    page.wait_for_timeout(600)
    questions = card.locator(".question")
    questions.nth(0).get_by_role("button", name="Approve").click()
    expect(submit).to_be_disabled()
    questions.nth(1).get_by_role("button", name="Reject").click()
    submit.click()
    expect(page.locator("#said")).to_have_text("Decided.")
    expect(card).to_have_count(0)
