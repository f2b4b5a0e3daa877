"""What is written in the side panel, and what can be done with what it shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from playwright.sync_api import BrowserContext, TimeoutError, expect

from tests.servers import RealServer, wait_for

from .lab import READY, READY_QUESTION, Lab, write_notebook
from .panel import Panel
from .test_accessible import findings_in_all_themes

OpenLab = Callable[..., Lab]


def runs(panel: Panel) -> list[dict[str, str]]:
    """The person's runs, the last first, with what they were sent."""
    with panel.lab.server.client() as client:
        return client.get("runs").json()["runs"]


def context_of(panel: Panel) -> dict[str, str]:
    """What was sent beside the last prompt: description to value."""
    run = runs(panel)[0]
    with panel.lab.server.client() as client:
        exported = client.post(f"threads/{run['threadId']}/export", json={"format": "json"}).json()
    events = [entry["event"] for entry in exported["events"]]
    started = [e for e in events if e["type"] == "RUN_STARTED" and e["runId"] == run["runId"]]
    return {one["description"]: one["value"] for one in started[0]["input"]["context"]}


def offered(panel: Panel) -> bool:
    """Is something offered? If not, type the last letter again: the kernel may have had no time to answer."""
    try:
        panel.root.locator(".lobu-suggestion").first.wait_for(timeout=8_000)
    except TimeoutError:
        panel.composer.press("Backspace")
        panel.composer.press("l")
        return False
    return True


MENTIONED = "import time\ntime.sleep(3)\nsales = [1, 2, 3]"


def test_mentions_are_completed_and_sent_with_what_they_mean(open_lab: OpenLab, server: RealServer):
    (server.root / "notes.txt").write_text("remember the milk")
    panel = Panel.open(lab := open_lab(MENTIONED))
    lab.run_all()
    lab.page.wait_for_function(
        "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    )
    options = panel.root.locator(".lobu-suggestion")

    panel.composer.press_sequentially("say seen @sal")  # while the cell still runs
    wait_for("an offer", lambda: offered(panel), 60)
    expect(options).to_have_count(1)
    expect(options).to_contain_text("@sales")
    expect(options).to_contain_text("list 3")
    panel.composer.press("Enter")
    expect(panel.composer).to_have_value("say seen @sales ")
    panel.composer.press_sequentially("@notes")
    options.filter(has_text="@file:notes.txt").click()
    panel.composer.press_sequentially("@cel")
    expect(options.first).to_contain_text("@cell")
    panel.composer.press("Tab")
    expect(panel.composer).to_have_value("say seen @sales @file:notes.txt @cell ")
    lab.page.wait_for_function(READY)
    panel.composer.press("Enter")
    panel.stands("Done")

    assert context_of(panel) == {
        "The variable sales (list 3)": "[1, 2, 3]",
        "The file notes.txt": "remember the milk",
        "The active cell of the notebook": MENTIONED,
    }

    panel.composer.press("ArrowUp")
    expect(panel.composer).to_have_value("say seen @sales @file:notes.txt @cell")
    panel.composer.press("ArrowDown")
    expect(panel.composer).to_have_value("")
    panel.composer.press_sequentially("/ren")
    panel.composer.press("Tab")
    panel.composer.press_sequentially("By command")
    panel.composer.press("Enter")
    expect(panel.title).to_have_text("By command")
    panel.composer.press_sequentially("one")
    panel.composer.press("Shift+Enter")
    expect(panel.composer).to_have_value("one\n")


def test_what_waits_its_turn_is_shown_and_can_be_withdrawn(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    queued = panel.root.locator(".lobu-queued")
    panel.send("slow 20000 5")
    panel.stands("Working")

    panel.send("say first")
    panel.send("say second")
    expect(queued).to_have_count(2)
    panel.reload()
    expect(queued).to_have_count(2)
    panel.button("Remove: say first").click()
    expect(queued).to_have_count(1)
    panel.root.get_by_role("button", name="Stop").click()

    expect(panel.composer).to_have_value("say second")  # it is not sent, but back in the box
    expect(queued).to_have_count(0)
    assert [run["status"] for run in runs(panel)[:3]] == ["cancelled"] * 3


def test_the_inbox_gathers_the_questions_of_two_notebooks(open_lab: OpenLab, server: RealServer):
    other = write_notebook(server, ["y = 1"])
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run import os\n    os.remove('no such file')")
    expect(panel.question).to_be_visible()
    expect(panel.question).to_contain_text("This code deletes files")
    lab.page.evaluate("path => jupyterapp.commands.execute('docmanager:open', { path })", other)
    expect(panel.title).to_have_text("New thread")
    lab.page.wait_for_function(READY)
    panel.send("run y = 6 * 7")
    expect(panel.question).to_be_visible()

    lab.page.get_by_role("button", name="Agents: 2 need approval").click()

    expect(panel.question).to_have_count(2)
    expect(lab.page.locator("[data-lobu-waiting='2']")).to_have_count(1)
    expect(panel.root.locator(".lobu-inbox")).to_contain_text(lab.name)
    mine = panel.root.locator(".lobu-inbox-thread", has_text=other)
    mine.locator(READY_QUESTION).press("a")
    expect(panel.question).to_have_count(1)
    inbox, send = panel.root.locator(".lobu-inbox"), panel.root.get_by_role("button", name="Reject and send")

    def is_rejected() -> bool:
        """Try as a person does: a card that the inbox has drawn anew takes no decision for half a second."""
        if send.count() == 0 and panel.question.count() == 1:
            panel.question.press("r")
        with suppress(TimeoutError):  # it was drawn anew under the click
            send.click(timeout=1000)
        return "All caught up." in inbox.inner_text()

    wait_for("the rejection", is_rejected, 60)
    expect(lab.page.locator("[data-lobu-waiting]")).to_have_count(0)
    wait_for("the code to have run", lambda: lab.value("y") == "42", 45)


def test_a_cell_is_explained_and_its_error_fixed(open_lab: OpenLab):
    lab = open_lab("1 / 0")
    panel = Panel.open(lab)
    cell = lab.page.locator(".jp-CodeCell").first
    cell.click()
    tools = lab.page.locator(".jp-cell-toolbar")
    expect(tools.get_by_text("Fix error")).to_be_hidden()

    lab.page.locator("jp-button[data-command='lobu:explain-cell']").click()
    expect(panel.root.locator(".lobu-user")).to_contain_text("Explain this code.")
    panel.stands("Done")
    assert context_of(panel) == {"The active cell of the notebook": "1 / 0"}

    lab.run_all()
    tools.get_by_text("Fix error").click()
    expect(panel.root.locator(".lobu-user").last).to_contain_text("Fix the error")
    panel.stands("Done")
    assert "ZeroDivisionError" in context_of(panel)["The output of the active cell"]

    cell.click(button="right")
    panel.menu("Ask About Selection")
    expect(panel.composer).to_have_value("@selection ")
    expect(panel.composer).to_be_focused()


def test_code_goes_into_the_notebook_and_a_message_written_anew_into_a_fork(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    lines = "say ```python\nsay y = 2\nsay ```\nsay\nsay end"
    panel.send("say the first")
    panel.stands("Done")
    panel.send(lines)
    expect(panel.button("Insert below the active cell")).to_have_count(1)
    cells = "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(c => c.getSource())"

    panel.button("Insert below the active cell").click()
    assert lab.page.evaluate(cells) == ["x = 1", "y = 2"]
    lab.command("notebook:undo-cell-action")
    lab.page.wait_for_function(f"({cells})().length === 1")
    panel.button("Replace the active cell").click()
    assert lab.page.evaluate(cells) == ["y = 2"]

    panel.root.locator(".lobu-user").last.hover()
    panel.button("Edit").last.click()
    expect(panel.composer).to_have_value(lines)
    panel.composer.fill("say differently")
    panel.composer.press("Enter")
    expect(panel.root.locator(".lobu-assistant").last).to_contain_text("differently")
    expect(panel.root.locator(".lobu-user")).to_have_text(["say the first", "say differently"])
    assert len(panel.threads(notebookPath=lab.name)) == 2


def test_cells_files_and_pictures_are_dropped_into_a_message(open_lab: OpenLab):
    lab = open_lab("x = 'dragged'")
    panel = Panel.open(lab)
    data = lab.page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(['a,b'], 'a.csv', { type: 'text/csv' }));
            data.items.add(new File([new Uint8Array(8)], 'p.png', { type: 'image/png' }));
            return data;
        }"""
    )

    panel.root.locator(".lobu-box").dispatch_event("drop", {"dataTransfer": data})
    chips = panel.root.locator(".lobu-attached .lobu-chip")
    expect(chips).to_have_count(2)
    lab.page.locator(".jp-InputPrompt").first.drag_to(panel.composer)
    expect(chips).to_have_count(3)
    panel.send("say got it")
    panel.stands("Done")

    assert context_of(panel) == {"The file a.csv": "a,b", "A code cell of the notebook": "x = 'dragged'"}
    expect(chips).to_have_count(0)


def test_two_thousand_messages_are_walked_through_a_window(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("say message 0")
    panel.stands("Done")
    lab.page.evaluate(
        """() => {
            const scope = globalThis[Symbol.for('lobu_jupyter.page.1')];
            const id = JSON.parse(localStorage.getItem(
                Object.keys(localStorage).find(name => / thread$/.test(name))));
            const thread = scope.thread(id);
            const items = thread.state.items;
            const one = items.find(item => item.role === 'assistant');
            const many = Array.from({ length: 2000 }, (_, n) =>
                ({ ...one, id: 'm' + n, content: 'Message **' + n + '**' }));
            items.splice(0, items.length, ...many);
            thread.changed();
        }"""
    )
    entries = panel.root.locator(".lobu-entry")
    scroller = panel.root.locator(".lobu-scroll")
    expect(entries.last).to_contain_text("Message 1999")
    assert entries.count() <= 300

    for _ in range(12):
        scroller.evaluate("one => (one.scrollTop = 0)")
        lab.page.wait_for_function("() => document.querySelector('.lobu-panel .lobu-scroll').scrollTop > 0")
    assert entries.count() <= 300
    expect(panel.button("Jump to latest")).to_be_visible()
    panel.button("Jump to latest").click()

    expect(entries.last).to_contain_text("Message 1999")
    expect(panel.button("Jump to latest")).to_have_count(0)


def test_from_prompt_to_decision_by_keyboard_and_axe_finds_nothing_serious(open_lab: OpenLab):
    lab = open_lab("x = 1")
    keyboard = lab.page.keyboard
    lab.page.locator(".jp-Notebook").first.focus()
    keyboard.press("Control+Alt+l")
    panel = Panel(lab)
    expect(panel.composer).to_be_focused()
    # JupyterLab's body has no height and hides what overflows: axe would take all text for hidden.
    lab.page.add_style_tag(content="body { overflow: visible !important }")
    empty = findings_in_all_themes(lab)

    keyboard.type("run x = 6 * 7")
    keyboard.press("Enter")
    expect(panel.question).to_be_visible()
    waiting = findings_in_all_themes(lab)
    keyboard.press("Control+Alt+i")
    expect(panel.root.locator(".lobu-inbox .lobu-decide")).to_be_visible()
    inbox = findings_in_all_themes(lab)
    panel.question.focus()
    keyboard.press("a")
    expect(panel.root.locator(".lobu-inbox")).to_contain_text("All caught up.")
    keyboard.press("Control+Alt+t")
    expect(panel.root.get_by_label("Search threads")).to_be_focused()
    threads = findings_in_all_themes(lab)
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    panel.stands("Done")
    done = findings_in_all_themes(lab)

    assert lab.value("x") == "42"
    assert [*empty, *waiting, *inbox, *threads, *done] == []


def test_the_first_steps_go_with_the_demo_agent_in_notebook_7(context: BrowserContext, notebook7: RealServer):
    cell = "import pandas as pd\nsales = pd.DataFrame({'month': [1, 2], 'amount': [3, 4]})"
    lab = Lab.open(context.new_page(), notebook7, (cell,), None, path="notebooks/")
    lab.run_all()
    lab.command("lobu:open")
    panel = Panel(lab)
    expect(panel.root).to_be_visible()
    tour = panel.root.locator(".lobu-tour")
    expect(tour).to_contain_text("1 of 3")

    tour.get_by_role("button", name="Ask the demo").click()
    expect(tour).to_contain_text("2 of 3")
    panel.stands("Done")
    expect(panel.root.locator(".lobu-assistant").first).to_contain_text("demo")
    tour.get_by_role("button", name="Skip", exact=True).click()
    expect(tour).to_contain_text("3 of 3")
    tour.get_by_role("button", name="Show threads").click()

    expect(panel.rows).to_have_count(1)
    expect(tour).to_have_count(0)
    panel.reload()
    expect(tour).to_have_count(0)


def test_an_empty_thread_is_read_from_its_top_in_a_low_window(open_lab: OpenLab):
    lab = open_lab()
    panel = Panel.open(lab)
    lab.page.set_viewport_size({"width": 1280, "height": 480})

    panel.root.locator(".lobu-welcome-lead").scroll_into_view_if_needed()
    expect(panel.root.locator(".lobu-welcome-lead")).to_be_in_viewport(ratio=1)
    panel.button("Save").scroll_into_view_if_needed()
    expect(panel.button("Save")).to_be_in_viewport(ratio=1)


def test_who_asks_in_their_own_words_has_done_the_tours_first_step(open_lab: OpenLab):
    panel = Panel.open(open_lab())
    expect(panel.root.locator(".lobu-tour")).to_contain_text("1 of 3")

    panel.send("say hello")

    expect(panel.root.locator(".lobu-tour")).to_contain_text("2 of 3")
