"""A script in an output that came with a request does not run in the open page, nor in one that opens later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import expect

from .lab import Lab
from .panel import Panel
from .test_notebook_edits import ids, propose

OpenLab = Callable[..., Lab]
HTML = "<b>shown</b><img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script>"
SHOWS_SCRIPTS = f"""from IPython.display import HTML, Javascript, display
display(HTML({HTML!r}))
display(Javascript("window.hacked = 1"))"""
TRUSTED = "() => jupyterapp.shell.currentWidget.content.model.cells.get(0).trusted"


def is_inert(lab: Lab) -> None:
    """The output is drawn, nothing of it has run, and the cell is not trusted."""
    outputs = lab.page.locator(".jp-Notebook .jp-OutputArea-output")
    expect(outputs.filter(has_text="shown").first).to_be_visible()
    lab.page.wait_for_timeout(300)  # an image that fails to load says so a moment later
    assert lab.page.evaluate("window.hacked") is None
    assert lab.page.evaluate(TRUSTED) is False


class Outside:
    """An outside worker with one run on a notebook's thread, on which everything is allowed."""

    def __init__(self, person: httpx.Client, notebook: str) -> None:
        agents = [{"name": "outside", "description": "a test's"}]
        made = person.post("workers", json={"kind": "test", "agents": agents}).raise_for_status().json()
        self._http = person
        self._path = f"workers/{made['workerId']}"
        self._headers = {"Authorization": f"Lobu-Worker {made['token']}"}
        self._notebook = notebook
        thread = person.post("threads", json={"notebookPath": notebook}).raise_for_status().json()
        run = {"prompt": "x", "agent": "outside", "mode": "allow"}
        person.post(f"threads/{thread['threadId']}/runs", json=run).raise_for_status()
        inbox = person.get(f"{self._path}/inbox", params={"wait": 20}, headers=self._headers)
        self._task = inbox.raise_for_status().json()["items"][0]["task"]

    def show(self, cell: str, source: str, outputs: list[Any]) -> Any:
        """Put outputs below a cell, as those of an allowed call."""
        args = json.dumps({"cell": cell, "code": source})
        events = [
            {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "run_cell"},
            {"type": "TOOL_CALL_ARGS", "toolCallId": "c", "delta": args},
            {"type": "TOOL_CALL_END", "toolCallId": "c"},
        ]
        run = {"runId": self._task["runId"], "incarnation": self._task["incarnation"]}
        self._post("events", {**run, "batch": 1, "events": events})
        request = {"do": "outputs", "cell": cell, "was": source, "outputs": outputs}
        body = {"runId": run["runId"], "path": self._notebook, "request": request, "toolCallId": "c"}
        return self._post("notebook", body)

    def leave(self) -> None:
        self._http.delete(self._path, headers=self._headers).raise_for_status()

    def _post(self, what: str, body: Any) -> Any:
        reply = self._http.post(f"{self._path}/{what}", json=body, headers=self._headers)
        return reply.raise_for_status().json()


def test_a_script_of_an_outside_worker_does_not_run_in_the_open_page(open_lab: OpenLab):
    lab = open_lab("x = 1")
    data = {"text/html": HTML, "application/javascript": "window.hacked = 1"}
    script_alone = {
        "application/javascript": "window.hacked = 1",
        "image/svg+xml": "<svg onload='hacked=1'/>",
    }
    outputs = [
        {"output_type": "display_data", "data": each, "metadata": {"trusted": True}}
        for each in (data, script_alone)
    ]

    with lab.server.client() as person:
        outside = Outside(person, lab.name)
        assert outside.show(ids(lab)[0], "x = 1", outputs) == {"done": True}
        is_inert(lab)
        outside.leave()

    saved = lab.save().cells[0]
    assert [output.data for output in saved.outputs] == [{"text/html": "<b>shown</b>"}]
    is_inert(open_lab(name=lab.name))


def test_a_script_that_approved_code_shows_runs_only_once_the_person_runs_the_cell(open_lab: OpenLab):
    lab = open_lab(SHOWS_SCRIPTS)
    panel = Panel.open(lab)

    propose(panel, "run_cell", cell=ids(lab)[0])
    expect(panel.question).to_contain_text("HTML or JavaScript")
    panel.question.press("a")
    panel.stands("Done")
    is_inert(lab)
    lab.save()
    again = open_lab(name=lab.name)
    is_inert(again)

    again.page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    again.page.wait_for_function("window.hacked === 1")


WIDGET = """import anywidget
class Quiet(anywidget.AnyWidget):
    _esm = "export default { initialize() { window.hacked = 1; } }"
quiet = Quiet()"""
PRESSES = """async () => {
    const card = document.querySelector('.lobu-decide');
    const key = (target, key, more) => target.dispatchEvent(
        new KeyboardEvent('keydown', { key, code: key, bubbles: true, cancelable: true, composed: true, ...more }));
    for (let n = 0; n < 3; n++) {
        [...card.querySelectorAll('button')].forEach(one => one.click());
        ['a', 'e', 'r', 'Enter'].forEach(one => key(card, one));
        for (const place of [card, document.querySelector('.lobu-message-input'), document.body, document]) {
            key(place, 'Enter', { ctrlKey: true, keyCode: 13 });
            key(place, 'Enter', { ctrlKey: true });
        }
        await jupyterapp.commands.execute('lobu:approve');
        await new Promise(done => setTimeout(done, 200));
    }
}"""


def test_a_script_that_a_widgets_code_brings_into_the_page_presses_no_button(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    first, *rest = WIDGET.splitlines()
    panel.send("\n".join([f"run {first}", *(f"    {line}" for line in rest)]))
    expect(panel.question).to_contain_text("HTML or JavaScript")
    panel.question.press("a")
    panel.stands("Done")
    lab.page.wait_for_function("window.hacked === 1")  # as Jupyter's widgets do: the model's code runs

    panel.send("run x = 2")
    expect(panel.question).to_be_visible()
    lab.page.evaluate(PRESSES)

    expect(panel.question).to_be_visible()
    assert lab.value("x") is None
    panel.composer.press("Control+Enter")
    panel.stands("Done")
    assert lab.value("x") == "2"
