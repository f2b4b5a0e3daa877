"""What goes with a message is seen, and the ways into the panel have names."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer

from .lab import Lab
from .panel import Panel
from .test_accessible import findings

OpenLab = Callable[..., Lab]


def test_context_is_seen_before_and_after_a_message_is_sent(open_lab: OpenLab):
    lab = open_lab("sales = [1, 2, 3]", "1 / 0")
    lab.run_all()
    lab.page.wait_for_function(
        "jupyterapp.shell.currentWidget.content.model.sharedModel.cells[1].getOutputs().length > 0"
    )
    panel = Panel.open(lab)
    ideas = panel.root.locator(".lobu-ideas")
    expect(ideas).to_contain_text("Fix the ZeroDivisionError in: 1 / 0")
    expect(ideas).to_contain_text("Explain @sales")

    panel.composer.press_sequentially("say seen @sal")
    panel.root.locator(".lobu-suggestion", has_text="@sales").click()
    expect(panel.composer).to_have_value("say seen @sales ")
    chips = panel.root.locator(".lobu-mentioned")
    expect(chips).to_have_text(["sales"])
    assert findings(lab) == []
    panel.button("Remove @sales").click()
    expect(panel.composer).to_have_value("say seen ")
    expect(chips).to_have_count(0)
    panel.send("say seen @sales @cell")
    panel.stands("Done")
    expect(panel.root.locator(".lobu-sent .lobu-chip")).to_have_text(
        [lab.name, "sales", "The active cell of the notebook"]
    )
    panel.reload()
    expect(panel.root.locator(".lobu-sent .lobu-chip")).to_have_count(3)
    assert findings(lab) == []

    panel.composer.fill("/nosuch")
    panel.composer.press("Escape")
    panel.composer.press("Enter")
    expect(panel.root.get_by_role("alert")).to_contain_text("There is no command /nosuch")
    expect(panel.root.locator(".lobu-user")).to_have_count(1)


def test_the_launcher_and_the_notebook_toolbar_open_the_panel(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel(lab)
    toolbar = lab.page.locator(".jp-NotebookPanel-toolbar")
    labelled = toolbar.locator(".jp-Toolbar-item", has_text="Ask an agent")
    labelled.get_by_role("button", name="Ask an agent").click()
    expect(panel.composer).to_be_focused()
    lab.command("application:toggle-right-area")
    expect(panel.root).to_have_count(0)

    lab.command("launcher:create")
    card = lab.page.locator(".jp-LauncherCard", has_text="Ask an agent")
    expect(lab.page.locator(".jp-Launcher-section", has=card)).to_contain_text("Agents")
    card.click()
    expect(panel.composer).to_be_focused()


def test_the_toolbar_of_notebook_7_has_the_button_too(context: BrowserContext, notebook7: RealServer):
    lab = Lab.open(context.new_page(), notebook7, ("x = 1",), None, path="notebooks/")
    lab.page.locator(".jp-NotebookPanel-toolbar").get_by_text("Ask an agent").click()
    expect(Panel(lab).composer).to_be_visible()
