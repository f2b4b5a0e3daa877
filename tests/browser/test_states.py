"""A question outlives its kernel: its card says what is missing, and brings it back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .lab import LOAD, Lab, script
from .panel import Panel

OpenLab = Callable[..., Lab]


def test_a_question_in_a_new_kernel_names_what_is_missing_and_brings_it_back(open_lab: OpenLab):
    lab = open_lab("sales = 41")
    lab.run_all()
    panel = Panel.open(lab)
    panel.send("run total = sales + 1")
    expect(panel.question).to_be_visible()
    warning = panel.root.locator(".lobu-decide .lobu-warning")
    expect(warning).to_have_count(0)

    lab.server.restart_kernel(lab.kernel_id())
    lab.wait_ready()
    expect(warning).to_contain_text("New kernel: sales is missing")
    panel.button("Run cells above").click()
    expect(warning).to_contain_text("New kernel. It has the variables this code needs.")

    lab.server.shut_down_kernel(lab.kernel_id())
    expect(warning).to_contain_text("No kernel is running for this notebook.")
    panel.button("Start kernel").click()
    expect(warning).to_contain_text("New kernel: sales is missing")
    panel.button("Run cells above").click()
    expect(warning).to_contain_text("It has the variables")
    panel.question.press("a")

    panel.stands("Done")
    assert lab.value("total") == "42"


def test_rebuild_on_a_waiting_card_shows_the_code_of_the_chat_and_runs_it_with_the_code_that_waits(
    open_lab: OpenLab,
):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.root.get_by_label("Where the agent shows the code that it runs").select_option("chat")
    panel.send("run sales = 41")
    panel.question.press("a")
    panel.stands("Done")
    panel.send("run total = sales + 1")
    expect(panel.question).to_be_visible()
    warning = panel.root.locator(".lobu-decide .lobu-warning")

    lab.server.restart_kernel(lab.kernel_id())
    lab.wait_ready()
    expect(warning).to_contain_text("New kernel: sales is missing")
    panel.button("Rebuild").click()
    editor = panel.question.locator(".cm-content")
    expect(editor).to_contain_text("sales = 41")
    expect(editor).to_contain_text("total = sales + 1")
    assert lab.value("'sales' in globals()") == "False"  # nothing runs before it is approved
    panel.button("Approve as edited").click()

    panel.stands("Done")
    assert lab.value("(sales, total)") == "(41, 42)"


def test_a_reload_of_a_notebook_that_was_not_saved_brings_each_output_back_into_its_cell(
    open_lab: OpenLab,
):
    lab = open_lab(LOAD, script("say the first"), "y = 2", script("say the second"), script("say not run"))
    for cell in range(4):
        lab.select(cell)
        lab.command("notebook:run-cell")
        if cell in (1, 3):
            expect(lab.view).to_have_count((cell + 1) // 2)
    expect(lab.view.nth(1)).to_contain_text("the second")

    lab.page.on("dialog", lambda dialog: dialog.accept())
    lab.reload()

    cells = lab.page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells.nth(1).locator(".lobu")).to_contain_text("the first")
    expect(cells.nth(3).locator(".lobu")).to_contain_text("the second")
    expect(lab.view).to_have_count(2)
    lab.save_ended()
    lab.reload()
    expect(lab.view).to_have_count(2)


def test_what_a_person_cleared_and_saved_stays_away_and_a_newer_run_replaces_an_older(open_lab: OpenLab):
    lab = open_lab(LOAD, script("say cleared"), script("say once more"))
    lab.run_all()
    expect(lab.view).to_have_count(2)
    lab.stands("Done")
    expect(lab.view.nth(1).locator(".lobu-standing")).to_contain_text("Done")
    lab.select(1)
    lab.command("notebook:clear-cell-output")
    expect(lab.view).to_have_count(1)
    lab.save_ended()
    lab.select(2)
    lab.command("notebook:run-cell")
    lab.page.wait_for_function("jupyterapp.shell.currentWidget.content.widgets[2].model.executionCount === 4")
    run = "jupyterapp.shell.currentWidget.content.widgets[2].model.outputs.toJSON()[0].data['application/vnd.lobu.thread+json'].runId"
    newer = lab.page.evaluate(run)

    lab.page.on("dialog", lambda dialog: dialog.accept())
    lab.reload()

    lab.page.wait_for_function(f"{run} === '{newer}'")
    expect(lab.view).to_have_count(1)
    expect(lab.view).to_contain_text("once more")
