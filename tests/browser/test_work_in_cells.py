"""The code that an agent runs, in cells of the notebook: below the prompt's place, as executed, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
from playwright.sync_api import BrowserContext, expect

from tests.servers import RealServer, wait_for

from .lab import Lab
from .panel import Panel
from .test_notebook_edits import UNDO, shows

OpenLab = Callable[..., Lab]
SCRIPT = "[...document.querySelectorAll('.jp-Notebook script')].length"


def cell(lab: Lab, index: int) -> dict[str, Any]:
    """A cell as the open notebook has it."""
    return lab.page.evaluate(
        "i => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[i].toJSON()", index
    )


def runs(panel: Panel, code: str) -> None:
    panel.send(f"run {code}")
    panel.question.press("a")
    panel.stands("Done")


def test_code_runs_in_a_cell_below_the_active_one_and_one_undo_takes_it_away(open_lab: OpenLab):
    lab = open_lab("x = 1", "y = 2")
    panel = Panel.open(lab)
    lab.select(0)

    runs(panel, "print('hi'), 6 * 7")

    shows(lab, "x = 1", "print('hi'), 6 * 7", "y = 2")
    prompt = lab.page.locator(".jp-Notebook .jp-Cell").nth(1).locator(".jp-InputPrompt")
    expect(prompt).to_have_text("[1]:")
    expect(lab.page.locator(".jp-OutputPrompt").last).to_have_text("[1]:")
    made = cell(lab, 1)
    assert made["execution_count"] == 1
    assert made["metadata"]["lobu"].keys() == {"threadId", "runId", "toolCallId", "messageId"}
    assert made["metadata"].get("trusted") is not True

    panel.root.locator(".lobu-card-head").last.click()
    panel.button("Go to cell [1]").click()
    lab.command(UNDO)
    shows(lab, "x = 1", "y = 2")


def test_the_next_cell_of_the_person_has_the_next_number(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    runs(panel, "6 * 7")
    shows(lab, "x = 1", "6 * 7")

    lab.select(0)
    lab.command("notebook:run-cell")

    prompts = lab.page.locator(".jp-Notebook .jp-InputPrompt")
    expect(prompts).to_have_text(["[2]:", "[1]:"])


def test_restore_takes_the_cells_of_a_message_away(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run y = 5\nrun y + 1")
    panel.question.press("a")
    expect(panel.root.locator(".lobu-card")).to_have_count(2)
    panel.question.press("a")
    panel.stands("Done")
    shows(lab, "x = 1", "y = 5", "y + 1")

    panel.root.locator(".lobu-user").first.hover()
    panel.button("Restore to here").first.click()
    panel.button("Restore all 2").click()

    shows(lab, "x = 1")


def test_the_picker_and_the_setting_keep_code_in_the_chat(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    picker = panel.root.get_by_label("Where the agent shows the code that it runs")
    expect(picker).to_have_value("cells")

    picker.select_option("chat")
    runs(panel, "6 * 7")
    shows(lab, "x = 1")

    panel.page.evaluate("localStorage.clear()")
    lab.server.jupyter("PUT", "lab/api/settings/lobu-jupyter:panel", {"raw": '{"workIn": "chat"}'})
    panel.reload()
    expect(picker).to_have_value("chat")


def test_html_of_the_code_cannot_act_in_its_cell(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)

    runs(panel, "from IPython.display import HTML; HTML('<b>bold</b><script>window.hacked = 1</script>')")

    expect(lab.page.locator(".jp-Notebook .jp-RenderedHTMLCommon b")).to_have_text("bold")
    assert lab.page.evaluate("window.hacked") is None
    assert lab.page.evaluate(SCRIPT) == 0


def test_what_the_person_types_in_the_cell_while_it_runs_stays(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run import time; print(1); time.sleep(600)")
    panel.question.press("a")
    shows(lab, "x = 1", "import time; print(1); time.sleep(600)")
    expect(panel.root.locator(".lobu-card")).to_contain_text("running")

    lab.page.locator(".jp-Notebook .cm-content").last.click()
    lab.page.keyboard.press("Control+End")
    lab.page.keyboard.type("  # mine")
    lab.server.jupyter("POST", f"api/kernels/{lab.kernel_id()}/interrupt")

    panel.stands("Done")
    expect(panel.root.locator(".lobu-card")).to_contain_text("Its outputs are not below the cell")
    shows(lab, "x = 1", "import time; print(1); time.sleep(600)  # mine")
    assert cell(lab, 1)["outputs"] == []


def test_with_no_page_open_the_cell_is_in_the_file(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    panel.send("run 6 * 7")
    expect(panel.question).to_be_visible()
    lab.page.close()

    with lab.server.client() as person:
        wait_for("the page to be gone", lambda: person.get("health").json()["pages"] == 0, 45)
        (waiting,) = person.get("interrupts").json()["interrupts"]
        assert waiting["message"] == "Run this code in a new cell?"
        entry = {"interruptId": waiting["id"], "status": "resolved", "payload": {"approved": True}}
        started = person.post(f"threads/{waiting['threadId']}/resume", json={"resume": [entry]}).json()
        person.get(
            f"threads/{waiting['threadId']}/events", params={"runId": started["runId"]}, timeout=60
        ).raise_for_status()

    made = nbformat.read(lab.server.root / lab.name, as_version=4).cells[1]
    assert (made.source, made.execution_count) == ("6 * 7", 1)
    assert made.outputs[0].data["text/plain"] == "42"


def test_the_same_in_notebook_7(notebook7: RealServer, context: BrowserContext):
    lab = Lab.open(context.new_page(), notebook7, ("x = 1",), None, path="notebooks/")
    panel = Panel.open(lab)
    panel.choose_agent("script")

    runs(panel, "6 * 7")

    shows(lab, "x = 1", "6 * 7")
    expect(lab.page.locator(".jp-Notebook .jp-InputPrompt").last).to_have_text("[1]:")
