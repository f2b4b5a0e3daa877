"""What a person chooses in the panel and in the settings: who answers, how freely, and whether to be told."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]
SET = "wanted => jupyterapp.serviceManager.settings.save('lobu-jupyter:panel', JSON.stringify(wanted))"
# A page of a headless browser is never hidden; what is shown by the browser itself cannot be looked at.
HIDDEN = """
    Object.defineProperty(document, 'hidden', { get: () => window.away === true });
    window.told = [];
    const Real = window.Notification;
    window.Notification = class extends Real {
        constructor(title, options) {
            super(title, options);
            window.told.push([title, options.body]);
        }
    };
"""

ELSEWHERE = "window.told.filter(([title]) => title === 'Elsewhere')"


def test_who_answers_and_how_freely_is_chosen_below_the_message(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)

    panel.choose_agent("demo")
    panel.send("hello")
    panel.stands("Done")
    panel.choose_agent("script")
    panel.root.get_by_label("Mode", exact=True).select_option("Run automatically")
    panel.send("run made = 6 * 7")
    panel.stands("Done")
    panel.root.get_by_label("Mode", exact=True).select_option("Read-only")
    panel.send("run made = 0")
    panel.stands("Done")

    expect(panel.root.locator(".lobu-card").last).to_contain_text("failed")
    assert lab.value("made") == "42"
    with lab.server.client() as client:
        runs = client.get("runs").json()["runs"]
    assert [(run["agent"], run["mode"]) for run in reversed(runs[:3])] == [
        ("demo", None),
        ("script", "allow"),
        ("script", "deny"),
    ]


def test_a_person_who_looks_elsewhere_is_told_that_the_agent_waits_and_that_it_is_done(
    open_lab: OpenLab, context: BrowserContext, server: RealServer
):
    context.grant_permissions(["notifications"])
    context.add_init_script(HIDDEN)
    lab = open_lab("x = 1")
    lab.page.evaluate(SET, {"notifications": True})
    lab.reload()
    panel = Panel.open(lab)

    with server.client() as client:
        seen = client.post("threads", json={"title": "Seen"}).json()["threadId"]
        client.post(f"threads/{seen}/runs", json={"prompt": "say hello", "agent": "script"})
        expect(panel.root.locator(".lobu-header .lobu-badge")).to_have_text("1")
        assert lab.page.evaluate("window.told") == []
        lab.page.evaluate("window.away = true")
        thread = client.post("threads", json={"title": "Elsewhere"}).json()["threadId"]
        client.post(f"threads/{thread}/runs", json={"prompt": "write elsewhere.txt hello", "agent": "script"})
        lab.page.wait_for_function(f"{ELSEWHERE}.length === 1")
        (waiting,) = client.get("interrupts").json()["interrupts"]
        entry = {"interruptId": waiting["id"], "status": "cancelled"}
        client.post(f"threads/{thread}/resume", json={"resume": [entry]}).raise_for_status()
        lab.page.wait_for_function(f"{ELSEWHERE}.length === 2")

    assert lab.page.evaluate(ELSEWHERE) == [
        ["Elsewhere", "The agent needs your approval."],
        ["Elsewhere", "The agent has finished."],
    ]
