"""A person and an administrator at a real JupyterHub, in a real browser: log in, decide over two servers, start servers.

``make test-hub`` runs it, apart from tests/hub, whose tests have an event loop.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.hub.conftest import installed, site  # noqa: F401 - fixtures
from tests.hub.hub import HubServer
from tests.hub.site import Site
from tests.scenarios.person import Person
from tests.servers import wait_for

from .test_hub_page import SETTLED, card_of, violations

pytestmark = pytest.mark.skipif(not os.environ.get("WHOLE_HUB"), reason="takes long; `make test-hub` runs it")
SLOW = 60_000


def ask(server: HubServer, title: str, prompt: str, **more: str) -> tuple[Person, str]:
    """Have a run of a person's server ask, and return the person and the thread."""
    person = Person(server)  # pyright: ignore[reportArgumentType]
    thread = person.thread(title=title, **more)
    person.finish(thread, person.start(thread, prompt)["runId"])
    return person, thread


def log_in(page: Page, site: Site, name: str, path: str = "") -> None:  # noqa: F811
    page.goto(f"{site.url}/{path}")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill("x")
    page.get_by_role("button", name="Sign in").click()


def row_of(page: Page, name: str) -> Locator:
    servers = page.get_by_role("region", name="Servers")
    return servers.get_by_role("listitem").filter(has_text=name)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        yield page
        assert faults == []


def test_a_person_decides_over_two_servers_and_starts_them(page: Page, site: Site) -> None:  # noqa: F811
    one, two = site.hub.server("ada"), site.hub.server("ada", "gpu")
    path = "sales.ipynb"
    ada, edited = ask(one, "Edit me", "run 6 * 7", kernelId=one.start_kernel(path), notebookPath=path)
    _, rejected = ask(two, "Reject me", "run 1 / 0", kernelId=two.start_kernel())
    _, answered = ask(two, "Answer me", "ask Which region? | North | South")

    log_in(page, site, "ada")

    for title in ("Edit me", "Reject me", "Answer me"):
        expect(card_of(page, title)).to_be_visible()
    expect(row_of(page, "Default server")).to_contain_text("Running")
    expect(row_of(page, "gpu")).to_contain_text("Running")
    page.wait_for_timeout(SETTLED)
    card = card_of(page, "Edit me")
    card.get_by_label("More actions").click()
    card.get_by_role("button", name="Edit", exact=True).click()
    card.get_by_label("Code to run").fill("6 * 70")
    page.wait_for_timeout(SETTLED)
    card.get_by_role("button", name="Approve as edited").click()
    expect(card).to_have_count(0)
    page.wait_for_timeout(SETTLED)
    card = card_of(page, "Reject me")
    card.get_by_role("button", name="Reject", exact=True).click()
    card.get_by_label("Reason (optional)").fill("never by zero")
    page.wait_for_timeout(SETTLED)
    card.get_by_role("button", name="Reject and send").click()
    expect(card).to_have_count(0)
    page.wait_for_timeout(SETTLED)
    card = card_of(page, "Answer me")
    card.get_by_label("South").check()
    card.get_by_role("button", name="Answer").click()
    expect(card).to_have_count(0)
    expect(page.locator("main")).to_contain_text("All caught up.")
    for thread, said in ((edited, "420"), (rejected, "never by zero"), (answered, "South")):
        wait_for(f"{said} in the journal", lambda thread=thread, said=said: said in text(ada, thread), 60)

    page.get_by_label("Find past chats").fill("never by zero")
    page.get_by_role("button", name="Search").click()
    found = page.get_by_role("region", name="Past chats").get_by_role("listitem")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Reject me")


def text(person: Person, thread: str) -> str:
    return person.http.get(f"threads/{thread}/events", params={"follow": "false"}).text


def test_a_decision_waits_for_a_stopped_server_and_servers_are_started(page: Page, site: Site) -> None:  # noqa: F811
    default, named = site.hub.server("bob"), site.hub.server("bob", "gpu")
    _, thread = ask(default, "Later", "ask Shall I? | yes | no")
    for server in (default, named):
        server.stop()
    log_in(page, site, "bob")
    expect(row_of(page, "gpu")).to_contain_text("Not running")
    page.wait_for_timeout(SETTLED)

    page.get_by_role("button", name="Start gpu").click()

    expect(page.locator("#said")).to_have_text("Your server is starting.")
    expect(row_of(page, "gpu")).to_contain_text("Running", timeout=SLOW)
    expect(row_of(page, "gpu").get_by_role("link", name="Open gpu")).to_be_visible()
    expect(row_of(page, "Default server")).to_contain_text("Not running")
    card = card_of(page, "Later")
    card.get_by_label("yes").check()
    page.wait_for_timeout(SETTLED)
    card.get_by_role("button", name="Answer").click()
    expect(card).to_have_count(0)
    run = site.at_service("bob")
    wait_for(
        "the end, at the named server",
        lambda: run.get(f"threads/{thread}").json()["status"] == "idle",
        90,
    )
    page.get_by_role("button", name="Start Default server").click()
    expect(row_of(page, "Default server")).to_contain_text("Running", timeout=SLOW)


def test_an_administrator_sees_who_is_stuck_and_no_content(page: Page, site: Site) -> None:  # noqa: F811
    server = site.hub.server("ada")
    ask(server, "A secret title", "run 6 * 7", kernelId=server.start_kernel())
    ada = Person(server)  # pyright: ignore[reportArgumentType]
    running = ada.thread()
    run = ada.start(running, "slow 600 100")["runId"]
    ada.wait_until_seen(running, "TEXT_MESSAGE_CONTENT")

    log_in(page, site, "admin", "admin")

    row = page.get_by_role("region", name="Runs under way").get_by_role("row").filter(has_text="ada")
    expect(row).to_contain_text("script")
    expect(page.get_by_role("region", name="Waiting longest")).to_contain_text("need approval")
    expect(page.get_by_role("region", name="Policy for all")).to_contain_text("Run automatically")
    for content in ("A secret title", "6 * 7"):
        assert content not in page.content()
    assert violations(page) == []
    page.get_by_role("link", name="Approvals").click()
    expect(page.locator("main")).to_contain_text("All caught up.")
    ada.cancel(run)


def test_who_is_no_administrator_gets_no_overview(page: Page, site: Site) -> None:  # noqa: F811
    log_in(page, site, "bob", "admin")

    expect(page.locator("main")).to_have_text("This page is for administrators of the hub.")
