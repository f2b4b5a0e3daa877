"""The same outputs in Jupyter Notebook 7."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer

from .lab import LOAD, Lab, script
from .panel import Panel

CELL = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0]"


def test_a_person_asks_reloads_and_approves_in_notebook_7(context: BrowserContext, notebook7: RealServer):
    cell = script("say **Bold** words", "run x = 6 * 7", "  print('ran', x)")
    lab = Lab.open(context.new_page(), notebook7, (LOAD, cell), None, path="notebooks/")
    lab.run_all()
    expect(lab.view.locator("strong", has_text="Bold")).to_be_visible()
    expect(lab.question).to_be_visible()
    lab.save()

    lab.reload()

    expect(lab.question).to_have_count(1)
    lab.question.press("a")
    lab.stands("Done")
    assert lab.value("x") == "42"
    expect(lab.view).to_contain_text("Approved by you")
    assert "ran 42" in lab.save_ended().cells[1].outputs[0].data["text/html"]
    assert [error for error in lab.errors if "lobu" in error] == []  # Notebook has one of its own


def test_an_agent_changes_a_cell_of_the_open_notebook_7(context: BrowserContext, notebook7: RealServer):
    lab = Lab.open(context.new_page(), notebook7, ("x = 1",), None, path="notebooks/")
    cell = lab.page.evaluate(f"{CELL}.getId()")
    panel = Panel.open(lab)
    panel.choose_agent("script")

    panel.send(f'tool edit_cell {{"cell": "{cell}", "code": "x = 5"}}')
    review = lab.page.locator('.lobu-review:not([aria-busy="true"])')
    expect(review.locator(".cm-deletedLine")).to_have_text("x = 1")
    review.get_by_role("button", name="Keep").click()
    panel.stands("Done")

    assert lab.page.evaluate(f"{CELL}.getSource()") == "x = 5"
    lab.page.evaluate(f"{CELL}.undo()")
    assert lab.page.evaluate(f"{CELL}.getSource()") == "x = 1"
