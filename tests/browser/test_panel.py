"""The side panel: threads that open by themselves, are found, renamed, archived, deleted and had back."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer, best_of, wait_for

from .lab import Lab, write_notebook
from .panel import Panel

OpenLab = Callable[..., Lab]
LONG = "\n".join(f"say Line {n}\nsay" for n in range(80))


def test_a_question_is_asked_decided_and_there_again_after_a_reload(open_lab: OpenLab):
    lab = open_lab("x = 0")
    panel = Panel.open(lab)
    panel.send("say **Bold** words\nrun x = 6 * 7")
    expect(panel.root.locator("strong", has_text="Bold")).to_be_visible()
    expect(panel.question).to_be_visible()

    panel.reload()

    expect(panel.question).to_have_count(1)
    expect(panel.title).to_have_text("say **Bold** words")
    panel.question.press("a")
    panel.stands("Done")
    assert lab.value("x") == "42"
    assert len(panel.threads(notebookPath=lab.name)) == 1
    assert lab.errors == []


def test_the_thread_of_the_notebook_in_front_opens_by_itself(open_lab: OpenLab, server: RealServer):
    other = write_notebook(server, ["y = 1"])
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("say of the first")
    panel.stands("Done")

    lab.page.evaluate("path => jupyterapp.commands.execute('docmanager:open', { path })", other)
    expect(panel.title).to_have_text("New thread")
    panel.send("say of the second")
    panel.stands("Done")
    lab.page.get_by_role("tab", name=lab.name).click()
    expect(panel.title).to_have_text("say of the first")
    lab.page.get_by_role("tab", name=other).click()

    expect(panel.title).to_have_text("say of the second")
    assert [t["title"] for t in panel.threads(notebookPath=other)] == ["say of the second"]


def test_threads_are_searched_renamed_archived_deleted_and_had_back(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("say the quick zebra")
    panel.stands("Done")
    panel.button("New thread").click()
    panel.send("say nothing of note")
    panel.stands("Done")

    panel.title.dblclick()
    panel.root.get_by_label("Title").fill("Renamed")
    panel.root.get_by_label("Title").press("Enter")
    expect(panel.title).to_have_text("Renamed")

    panel.button("All threads").click()
    search = panel.root.get_by_label("Search threads")
    search.fill("quick ZEBRA")
    expect(panel.rows).to_have_count(1)
    expect(panel.rows).to_contain_text("say the quick zebra")
    search.fill("renam")
    expect(panel.rows).to_contain_text("Renamed")
    panel.button("Actions for Renamed").click()
    panel.menu("Archive")
    expect(panel.rows).to_have_count(0)
    panel.root.get_by_label("Archived").check()
    expect(panel.rows).to_contain_text("Renamed")
    panel.root.get_by_label("Archived").uncheck()
    expect(panel.rows).to_have_count(0)

    search.fill("zebra")
    expect(panel.rows).to_contain_text("the quick zebra")
    panel.rows.focus()
    panel.rows.press("Delete")
    expect(panel.rows).to_have_count(0)
    panel.button("Undo").click()
    expect(panel.rows).to_have_count(1)
    panel.rows.click()
    expect(panel.root.locator(".lobu-assistant")).to_contain_text("the quick zebra")


SWITCH = """async () => {
    const rows = [...document.querySelectorAll('.lobu-thread-open')];
    const row = rows.find(one => one.textContent.includes('Line 0'));
    const began = performance.now();
    row.click();
    while (document.querySelectorAll('.lobu-panel .lobu-markdown p').length < 80) {
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - began;
}"""


def scrolled_up(panel: Panel) -> bool:
    """Scroll; has the panel seen it? What is drawn before it has, goes to the end."""
    panel.root.locator(".lobu-scroll").evaluate("one => (one.scrollTop = 200)")
    return panel.button("Jump to latest").is_visible()


def test_a_switch_is_quick_and_keeps_scroll_and_draft(open_lab: OpenLab, server: RealServer):
    with server.client() as client:
        for n in range(50):
            client.post("threads", json={"title": f"thread {n}"})
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send(LONG)
    panel.stands("Done")
    scroller = panel.root.locator(".lobu-scroll")
    wait_for("the panel to see the scrolling", lambda: scrolled_up(panel))
    panel.composer.fill("half a thought")

    def switch() -> float:
        panel.button("All threads").click()
        panel.rows.filter(has_text="thread 7").first.click()
        expect(panel.title).to_have_text("thread 7")
        expect(panel.composer).to_have_value("")
        panel.button("All threads").click()
        expect(panel.rows.filter(has_text="Line 0")).to_be_visible()
        return lab.page.evaluate(SWITCH)

    assert best_of(10, switch, 100) <= 100
    expect(panel.composer).to_have_value("half a thought")
    assert abs(scroller.evaluate("one => one.scrollTop") - 200) < 5
    panel.reload()
    expect(panel.composer).to_have_value("half a thought")


def test_what_went_on_elsewhere_is_marked_until_it_is_read(open_lab: OpenLab, server: RealServer):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("say here")
    panel.stands("Done")
    with server.client() as client:
        thread = client.post("threads", json={"title": "Elsewhere"}).json()["threadId"]
        client.post(f"threads/{thread}/runs", json={"prompt": "say done", "agent": "script"})

    expect(panel.root.locator(".lobu-header .lobu-badge")).to_have_text("1")
    panel.button("All threads").click()
    row = panel.rows.filter(has_text="Elsewhere")
    expect(row).to_contain_text("unread")
    row.click()
    expect(panel.root.locator(".lobu-assistant")).to_contain_text("done")
    panel.button("All threads").click()

    expect(row).not_to_contain_text("unread")


def test_the_panel_outlives_its_server(context: BrowserContext, mortal: RealServer):
    lab = Lab.open(context.new_page(), mortal, ("x = 1",), None)
    lost = lab.page.locator(".jp-Dialog")  # JupyterLab's own word on it
    lab.page.add_locator_handler(lost, lambda: lab.page.keyboard.press("Escape"))
    panel = Panel.open(lab)
    panel.send("say before\nslow 5000 10")
    expect(panel.root.locator(".lobu-assistant")).to_contain_text("before")

    mortal.kill()
    expect(panel.root.locator(".lobu-connection")).to_be_visible()
    panel.composer.fill("kept meanwhile")
    mortal.restart()

    expect(panel.root.locator(".lobu-error")).to_have_count(1)
    expect(panel.root.locator(".lobu-assistant")).to_contain_text("before")
    expect(panel.composer).to_have_value("kept meanwhile")
    panel.send("say after")
    panel.stands("Done")
    expect(panel.root.locator(".lobu-assistant").last).to_contain_text("after")
    found = mortal.client().get("threads").json()["threads"]
    assert len(found) == 1, json.dumps(found)
