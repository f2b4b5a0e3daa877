"""What can be asked at a cell itself: its error explained or fixed, its text made or changed; reviewed in the cell."""

from __future__ import annotations

import json
from collections.abc import Callable

import nbformat
import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.servers import RealServer

from .lab import READY, Lab
from .panel import Panel
from .test_notebook_edits import ids, shows

OpenLab = Callable[..., Lab]
CRAFTED = """
<div class="lobu lobu-inline lobu-error-help" role="group" aria-label="Ask an agent about this error">
<button class="lobu-button">Fix</button></div><label for="lobu-fix">ValueError</label>
<img src=x onerror="document.querySelectorAll('.lobu-error-help button').forEach(one => one.click())">"""


def helps(lab: Lab) -> Locator:
    return lab.page.get_by_role("group", name="Ask an agent about this error")


def review(lab: Lab) -> Locator:
    return lab.page.locator('.lobu-review:not([aria-busy="true"])')


def failed(open_lab: OpenLab, *cells: str) -> tuple[Lab, Locator]:
    """A notebook whose cells were run, and the help below the one that failed."""
    lab = open_lab(*cells)
    lab.run_all()
    expect(helps(lab)).to_have_count(1)
    return lab, helps(lab)


def says(lab: Lab, *lines: str) -> None:
    """Let the script agent do this with whatever it is asked next: its messages begin with our words."""
    lab.page.evaluate(
        """lines => {
            const { fetch } = window;
            window.fetch = (url, init) => {
                const own = /threads\\/[^/]+\\/runs/.test(String(url?.url ?? url));
                if (!own || typeof init?.body !== 'string') { return fetch(url, init); }
                window.asked = JSON.parse(init.body);
                return fetch(url, { ...init, body: JSON.stringify({ ...window.asked, prompt: lines }) });
            };
        }""",
        "\n".join(lines),
    )


@pytest.mark.parametrize("mode", ["", "Run automatically"], ids=["usual", "automatic"])
def test_fix_at_the_error_proposes_a_change_that_is_reviewed_in_the_cell(open_lab: OpenLab, mode: str):
    lab, help_ = failed(open_lab, "x = 1", "1 / 0")
    cell = ids(lab)[1]
    if mode:
        Panel.open(lab).root.get_by_label("Mode", exact=True).select_option(mode)
    says(lab, f"tool edit_cell {json.dumps({'cell': cell, 'code': '1 / 1'})}")

    help_.get_by_role("button", name="Fix").click()

    expect(review(lab).locator(".cm-deletedLine")).to_have_text("1 / 0")
    asked = lab.page.evaluate("window.asked")
    assert asked["prompt"].startswith("Fix the error of cell [2]")
    source, error = asked["context"]
    assert (source["description"], source["value"]) == (f"cell [2], id {cell}", "1 / 0")
    assert error["description"] == "The error of cell [2]"
    assert "ZeroDivisionError: division by zero" in error["value"]
    assert "workIn" not in asked or asked["workIn"] == "chat"
    expect(lab.page.locator(".lobu-panel .lobu-sent")).to_contain_text("The error of cell [2]")

    review(lab).get_by_role("button", name="Keep").click()
    shows(lab, "x = 1", "1 / 1")


def test_explain_shows_the_answer_beside_the_notebook_which_keeps_the_focus(open_lab: OpenLab):
    lab, help_ = failed(open_lab, "1 / 0")
    says(lab, "say Nothing is divided by zero.")

    help_.get_by_role("button", name="Explain").click()

    panel = Panel(lab)
    expect(panel.root).to_contain_text("Nothing is divided by zero.")
    panel.stands("Done")
    focus = "document.querySelector('.jp-Notebook').contains(document.activeElement)"
    lab.page.wait_for_function(focus)


def test_the_buttons_go_with_the_error_and_come_for_errors_of_the_kernel_only(open_lab: OpenLab):
    lab = open_lab("import sys; print('ValueError: no', file=sys.stderr)", "1 / 0")
    lab.run_all()
    expect(helps(lab)).to_have_count(1)
    inside = lab.page.locator(".jp-Cell").nth(1)
    expect(inside.get_by_role("group", name="Ask an agent about this error")).to_have_count(1)
    assert lab.page.evaluate("document.querySelectorAll('.jp-OutputArea .lobu-error-help').length") == 0

    lab.command("notebook:clear-all-cell-outputs")
    expect(helps(lab)).to_have_count(0)


def test_a_crafted_notebook_neither_presses_nor_imitates_the_buttons(open_lab: OpenLab):
    lab = open_lab("x = 1")
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[CRAFTED])
    shown = nbformat.v4.new_output("display_data", data={"text/html": CRAFTED})
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "P"}})
    notebook.cells = [
        nbformat.v4.new_code_cell("raise", outputs=[shown, error]),
        nbformat.v4.new_code_cell("1", outputs=[shown]),
    ]
    nbformat.write(notebook, lab.server.root / "crafted.ipynb")
    other = open_lab(name="crafted.ipynb")
    page = other.page
    page.evaluate(
        "window.sent = 0; const { fetch } = window; window.fetch = (u, i) => {"
        " if (/lobu.*runs/.test(String(u?.url ?? u))) { window.sent++; } return fetch(u, i); }"
    )

    expect(page.locator(".jp-Cell > .lobu-error-help")).to_have_count(1)
    expect(page.locator(".jp-OutputArea .lobu-error-help")).to_have_count(2)
    expect(page.locator(".jp-OutputArea .lobu-error-help:visible")).to_have_count(0)
    expect(helps(other)).to_have_count(1)
    assert page.evaluate("[...document.querySelectorAll('.lobu-error-help button')].every(one => !one.id)")
    page.evaluate("document.querySelectorAll('.lobu-error-help button').forEach(one => one.click())")
    page.wait_for_function(READY)
    assert page.evaluate("window.sent") == 0


@pytest.mark.parametrize("before", ["x = 1", ""], ids=["change", "generate"])
def test_control_k_in_a_cell_proposes_a_change_there(open_lab: OpenLab, before: str):
    lab = open_lab(before, "y = 2")
    cell = ids(lab)[0]
    Panel.open(lab)
    says(lab, f"tool edit_cell {json.dumps({'cell': cell, 'code': 'x = 5'})}")
    lab.page.locator(".jp-Notebook .cm-content").first.click()

    lab.page.keyboard.press("Control+k")
    box = lab.page.get_by_role("group", name="Generate or change cell 1")
    expect(box.get_by_role("textbox")).to_be_focused()
    lab.page.keyboard.type("five, please")
    lab.page.keyboard.press("Enter")

    expect(review(lab)).to_contain_text("x = 5")
    expect(box).to_have_count(0)
    asked = lab.page.evaluate("window.asked")
    assert asked["prompt"] == "five, please"
    assert f"id {cell}" in asked["context"][0]["description"]
    review(lab).get_by_role("button", name="Keep").click()
    shows(lab, "x = 5", "y = 2")


def test_escape_closes_the_box_and_the_focus_is_in_the_cell_again(open_lab: OpenLab):
    lab = open_lab("x = 1")
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+k")
    box = lab.page.locator(".lobu-inline-box")
    expect(box.get_by_role("textbox")).to_be_focused()
    lab.page.keyboard.type("dd a b")  # no shortcut of the notebook

    lab.page.keyboard.press("Escape")

    expect(box).to_have_count(0)
    assert lab.page.evaluate("document.querySelector('.jp-Cell').contains(document.activeElement)")
    shows(lab, "x = 1")


def test_a_run_without_a_proposal_says_so_and_a_locked_cell_takes_none(open_lab: OpenLab):
    lab = open_lab("x = 1")
    Panel.open(lab)
    says(lab, "say It is fine as it is.")
    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+k")
    box = lab.page.locator(".lobu-inline-box")
    box.get_by_role("textbox").fill("better")
    box.get_by_role("textbox").press("Enter")
    expect(box.get_by_role("status")).to_have_text("The agent proposed no change. Its answer is in the chat.")
    box.get_by_role("button", name="Close").click()

    lab.page.evaluate(
        "jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0].setMetadata('editable', false)"
    )
    lab.command("lobu:change-cell")
    expect(box.get_by_role("status")).to_contain_text("This cell cannot be changed: it is locked")


def test_the_same_in_notebook_7(notebook7: RealServer, context: BrowserContext):
    lab = Lab.open(context.new_page(), notebook7, ("1 / 0",), None, path="notebooks/")
    panel = Panel.open(lab)
    panel.choose_agent("script")
    lab.run_all()
    says(lab, f"tool edit_cell {json.dumps({'cell': ids(lab)[0], 'code': '1 / 1'})}")

    helps(lab).get_by_role("button", name="Fix").click()
    review(lab).get_by_role("button", name="Keep").click()
    shows(lab, "1 / 1")

    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+k")
    expect(lab.page.locator(".lobu-inline-box").get_by_role("textbox")).to_be_focused()
