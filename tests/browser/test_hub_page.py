"""The page of a hub's service in a real browser: only a real click decides, and not in the first half second."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lobu_jupyter.model.callers import Person
from lobu_jupyter.model.requests import NewThread, StartRun
from tests.gateway.rig import Worker, call, paused
from tests.server.face.rig import open_server
from tests.server.hub.hub import Hub
from tests.server.hub.replica import Replica
from tests.servers import REPOSITORY

AXE = REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
SETTLED = 600  # a card takes nothing for 500 ms
CODE = "\n".join(f"print({n})" for n in range(60))


def ask(
    hub: Hub,
    service: Replica,
    title: str,
    *calls: str,
    tool: str = "run_code",
    args: dict[str, Any] | None = None,
    path: str | None = None,
    **question: Any,
) -> str:
    """Leave a question of a run of ada's at the service, and return its thread. Her server is gone afterwards."""
    made: list[str] = []

    async def work() -> None:
        ada = Person("ada")
        async with open_server(service.url, hub.server_token("ada")) as server:
            worker = await Worker.register(server)  # pyright: ignore[reportArgumentType]
            thread = await server.threads.create(ada, NewThread(title=title, notebook_path=path))
            made.append(thread.thread_id)
            run = await server.runs.start(ada, thread.thread_id, StartRun(prompt="x"))
            await worker.fetch(10)
            given = json.dumps({"code": CODE} if args is None else args)
            events = [event for name in calls for event in call(name, tool, args=given)]
            await worker.emit(run.run_id, *events, paused(*calls, **question), checkpoint="{}")

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
    return made[0]


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


def events(hub: Hub, service: Replica, thread: str) -> str:
    headers = {"Authorization": f"token {hub.person_token('ada')}"}
    reply = httpx.get(
        f"{service.url}lobu/api/threads/{thread}/events", params={"follow": "false"}, headers=headers
    )
    return reply.text


def card_of(page: Page, title: str) -> Locator:
    return page.locator(".card", has=page.get_by_role("heading", name=title))


def violations(page: Page) -> list[str]:
    """What axe-core finds. The page's policy takes no script of others, so it is evaluated by the debugger."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(
        """async () => {
            const { violations, passes } = await axe.run();
            if (passes.length === 0) { throw new Error('axe judged nothing'); }
            return violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.html}`));
        }"""
    )
    return found


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

    page.get_by_role("button", name="Approve", exact=True).click()

    expect(page.locator("#said")).to_have_text("Decided.")
    expect(card).to_have_count(0)
    expect(page.locator("main")).to_contain_text("Waits for your server")
    (row,) = [row for row in audit(hub, service) if row["action"].startswith("decided")]
    assert (row["action"], row["via"]) == ("decided approve", "page")


def test_a_click_in_the_first_half_second_decides_nothing(page: Page, hub: Hub, service: Replica) -> None:
    thread = ask(hub, service, "Early", "c")
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(service.url)
    card = card_of(page, "Early")
    card.get_by_role("button", name="Reject").click()
    card.get_by_role("button", name="Approve").click()
    expect(card).to_be_visible()
    expect(card.get_by_label("Reason (optional)")).to_be_hidden()
    page.clock.run_for(600)
    card.get_by_role("button", name="Reject").click()
    card.get_by_label("Reason (optional)").fill("too early")
    card.get_by_role("button", name="Reject and send").click()  # it has just come, too
    expect(card).to_be_visible()
    page.clock.run_for(600)
    card.get_by_role("button", name="Reject and send").click()
    page.clock.resume()
    expect(card).to_have_count(0)
    decided = [row["action"] for row in audit(hub, service) if row["threadId"] == thread]
    assert decided == ["decided reject"]


def test_several_questions_are_decided_together(page: Page, hub: Hub, service: Replica) -> None:
    ask(hub, service, "Both", "a", "b")
    page.goto(service.url)
    card = card_of(page, "Both")
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


def test_code_is_edited_and_runs_as_edited(page: Page, hub: Hub, service: Replica) -> None:
    args = {"code": "print(1)", "seed": 12345678901234567890}
    thread = ask(hub, service, "Edited", "c", args=args)
    page.goto(service.url)
    card = card_of(page, "Edited")
    page.wait_for_timeout(SETTLED)
    card.get_by_label("More actions").click()
    card.get_by_role("button", name="Edit", exact=True).click()
    code = card.get_by_label("Code to run")
    expect(code).to_be_focused()
    assert code.input_value() == "print(1)"
    code.fill("print(2)")
    rest = card.get_by_label("Arguments, as JSON")
    rest.fill("[1]")
    page.wait_for_timeout(SETTLED)
    card.get_by_role("button", name="Approve as edited").click()
    expect(card.get_by_role("alert")).to_have_text("Must be a JSON object.")
    rest.fill('{"seed": 12345678901234567891}')
    card.get_by_role("button", name="Approve as edited").click()

    expect(card).to_have_count(0)
    (edited,) = [row for row in audit(hub, service) if row["threadId"] == thread]
    assert edited["action"] == "decided edit"
    journal = events(hub, service, thread)
    assert '"editedArgs":{"code":"print(2)","seed":12345678901234567891}' in journal, "no number is rounded"


def test_a_question_is_answered_and_another_gets_a_reply(page: Page, hub: Hub, service: Replica) -> None:
    lobu = {
        "questions": [
            {"id": "q1", "question": "Which region?", "options": ["North", "South"]},
            {"id": "q2", "question": "Which months?", "options": ["May", "June"], "multiple": True},
        ],
        "decisions": ["answer", "reject"],
        "toolName": "ask_user",
    }
    asked = {"reason": "input_required", "metadata": {"lobu": lobu}}
    thread = ask(hub, service, "Asked", "c", tool="ask_user", args={"questions": []}, **asked)
    offered = {"metadata": {"lobu": {"decisions": ["approve", "respond", "reject"]}}}
    other = ask(hub, service, "Replied", "c", tool="fetch", args={"url": "x"}, **offered)
    page.goto(service.url)
    card = card_of(page, "Asked")
    page.wait_for_timeout(SETTLED)
    expect(card.get_by_role("button", name="Answer")).to_be_disabled()
    card.get_by_label("North").check()
    card.get_by_role("group", name="Which region?").get_by_label("Another answer").fill("East")
    expect(card.get_by_label("North")).not_to_be_checked()
    card.get_by_label("May").check()
    card.get_by_label("June").check()
    card.get_by_role("button", name="Answer").click()
    expect(card).to_have_count(0)
    assert '"answers":{"q1":"East","q2":["May","June"]}' in events(hub, service, thread)

    card = card_of(page, "Replied")
    expect(card).to_contain_text("Call fetch?")
    page.wait_for_timeout(SETTLED)
    card.get_by_label("More actions").click()
    card.get_by_role("button", name="Reply without running").click()
    card.get_by_role("textbox", name="Reply without running").fill("use the copy")
    page.wait_for_timeout(SETTLED)
    card.locator("form").get_by_role("button", name="Reply without running").click()
    expect(card).to_have_count(0)
    assert '"response":"use the copy"' in events(hub, service, other)


def test_an_approval_that_stays_is_given_and_revoked(page: Page, hub: Hub, service: Replica) -> None:
    thread = ask(hub, service, "Granted", "c", path="work/sales.ipynb")
    page.goto(service.url)
    card = card_of(page, "Granted")
    page.wait_for_timeout(SETTLED)
    card.get_by_label("More actions").click()
    card.get_by_role("button", name="Always allow simple code in this notebook").click()
    expect(card).to_have_count(0)
    stays = page.get_by_role("region", name="Active approvals").get_by_role("listitem")
    expect(stays).to_contain_text("simple code in this notebook")
    expect(stays).to_contain_text("work/sales.ipynb")
    page.wait_for_timeout(SETTLED)
    stays.get_by_role("button", name="Revoke").click()
    expect(page.locator("#said")).to_have_text("No longer approved: simple code in this notebook")
    expect(stays).to_have_count(0)
    done = [row["action"] for row in audit(hub, service) if row["threadId"] in (thread, None)]
    assert "revoked" in done


def test_what_a_person_writes_stays_when_something_else_comes(page: Page, hub: Hub, service: Replica) -> None:
    ask(hub, service, "Mine", "c")
    page.goto(service.url)
    card = card_of(page, "Mine")
    page.wait_for_timeout(SETTLED)
    card.get_by_role("button", name="Reject").click()
    card.get_by_label("Reason (optional)").fill("because")
    ask(hub, service, "Newer", "c")
    page.wait_for_timeout(5000)  # it looks every 4 s
    expect(card.get_by_label("Reason (optional)")).to_have_value("because")
    expect(card_of(page, "Newer")).to_have_count(0)
    card.get_by_role("button", name="Cancel").click()
    page.locator("h1").click()
    expect(card_of(page, "Newer")).to_be_visible(timeout=10_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [300, 800, 1400])
def test_the_pages_fit_and_axe_finds_nothing(
    page: Page, hub: Hub, service: Replica, scheme: Any, width: int
) -> None:
    hub.allowed_scopes.add("servers")
    hub.servers["ada"] = {"gpu": {"name": "gpu", "ready": False, "pending": None, "url": ""}}
    diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n"
    seen = {"metadata": {"lobu": {"diff": diff, "risks": ["deletes"], "toolName": "edit_file"}}}
    ask(hub, service, "Long " + "x" * 60, "c", "d", path="work/sales.ipynb", args={"path": "y" * 90}, **seen)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for path in ("", "?q=x", "admin"):
        if path == "admin":
            hub.person_token("root", admin=True)
            hub.login = "root"
            page.context.clear_cookies()
        page.goto(service.url + path)
        part = {"": "Pending approvals", "?q=x": "Past chats", "admin": "Policy for all"}[path]
        expect(page.get_by_role("region", name=part)).to_be_visible()
        if path == "":
            page.wait_for_timeout(SETTLED)
            first = page.locator(".question").first
            first.get_by_label("More actions").click()
            first.get_by_role("button", name="Edit", exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert violations(page) == [], path
