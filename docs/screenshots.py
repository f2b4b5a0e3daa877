"""Make the pictures of docs/images: each state of an output and of the widget, in three themes.

``python -m docs.screenshots [STATE …]`` (or ``make screenshots``) drives a real JupyterLab whose model is
scripted on loopback, so that the pictures can be made anew by anyone. Look at what has changed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, expect, sync_playwright

from docs import hub_pictures
from tests.browser.conftest import lab_server, launch
from tests.browser.lab import LOAD, READY, SLOW, Lab
from tests.browser.panel import Panel
from tests.extending.test_acp import SCRIPTED
from tests.providers import MODEL, Call, Provider, Reply, calls, fails, says
from tests.servers import RealServer

IMAGES = Path(__file__).with_name("images")
THEMES = {
    "light": "JupyterLab Light",
    "dark": "JupyterLab Dark",
    "contrast": "JupyterLab Dark High Contrast",
}
SALES = """\
import pandas as pd
sales = pd.DataFrame({
    "month": pd.date_range("2026-01-01", periods=12, freq="MS").strftime("%b"),
    "region": ["North", "South", "West"] * 4,
    "amount": [12, 18, 9, 21, 25, 14, 29, 31, 17, 26, 38, 24],
})"""
ASK = "%lobu plot sales by month"
PLOT = """\
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 2.6))
ax.bar(sales["month"], sales["amount"])
ax.set_ylabel("amount")
plt.show()"""
PLAN = "`sales` has 12 rows, one per month. I would draw them as bars:"
ANSWER = """\
**November** is the best month, **March** the weakest.

| region | amount | share |
|---|---|---|
| North | 88 | 33 % |
| South | 112 | 42 % |
| West | 64 | 24 % |

The growth from quarter to quarter is $g = \\frac{a_{n+1}}{a_n} - 1$; in code:

```python
sales.groupby("region")["amount"].sum()
```"""


def run_code(code: str) -> Call:
    return Call("run_code", json.dumps({"code": code}))


@dataclass
class Studio:
    """A JupyterLab, its scripted model, and where the pictures go."""

    context: BrowserContext
    server: RealServer
    provider: Provider

    def open(self, *cells: str) -> Lab:
        """A new notebook that has run these cells, all of the window for it."""
        lab = Lab.open(self.context.new_page(), self.server, cells, None)
        lab.wear(THEMES["light"], empty=True)
        lab.command("application:toggle-left-area")
        lab.run_all()
        expect(lab.view).to_be_visible(timeout=SLOW)
        return lab

    def ask(self, *replies: Reply, prompt: str = ASK) -> Lab:
        self.provider.script = [*replies]
        return self.open(LOAD, SALES, prompt)

    def shoot_window(self, lab: Lab, state: str) -> None:
        """All of the window, in each theme; a list of suggestions closes when the theme changes."""
        for name, theme in THEMES.items():
            if name != "light" and lab.page.locator(".lobu-suggestions").count() > 0:
                return
            lab.wear(theme)
            lab.page.screenshot(path=IMAGES / f"{state}-{name}.png", animations="disabled")

    def shoot(self, lab: Lab, state: str) -> None:
        """The cell of the output, in each theme; a page without its server cannot change it."""
        cell = lab.page.locator(".jp-Cell", has=lab.view)
        alone = lab.view.locator(".lobu-connection").count() > 0
        own = lab.page.locator(".jp-Dialog").get_by_role("button", name="Close")  # JupyterLab's own
        if own.count() > 0:
            own.first.click()
        for name, theme in THEMES.items():
            if alone and name != "light":
                return
            if not alone:
                lab.wear(theme)
            lab.page.mouse.move(0, 0)
            cell.screenshot(path=IMAGES / f"{state}-{name}.png", animations="disabled")


def streaming(studio: Studio) -> Lab:
    lab = studio.ask(Reply(ANSWER, thinking="", end="hang"))
    expect(lab.view.locator("table")).to_be_visible(timeout=SLOW)
    return lab


def waiting(studio: Studio) -> Lab:
    lab = studio.ask(calls(run_code(PLOT), text=PLAN))
    expect(lab.question).to_be_visible(timeout=SLOW)
    return lab


def editing(studio: Studio) -> Lab:
    lab = waiting(studio)
    lab.question.press("e")
    expect(lab.question.locator(".cm-content")).to_be_focused()
    return lab


def rejecting(studio: Studio) -> Lab:
    lab = waiting(studio)
    lab.question.press("r")
    lab.question.locator("input").fill("as a line, please")
    return lab


def batch(studio: Studio) -> Lab:
    note = Call("write_file", json.dumps({"path": "notes.md", "content": "# Sales\n\nBest month: Nov\n"}))
    lab = studio.ask(calls(run_code(PLOT), note, text="A figure, and a note to go with it:"))
    expect(lab.question).to_have_count(2, timeout=SLOW)
    lab.question.first.press("a")
    return lab


def question(studio: Studio) -> Lab:
    asked = {"id": "kind", "question": "Which kind of figure?", "options": ["bars", "a line", "points"]}
    lab = studio.ask(calls(Call("ask_user", json.dumps({"questions": [asked]}))), says("Bars it is."))
    expect(lab.question).to_be_visible(timeout=SLOW)
    return lab


def answered(studio: Studio) -> Lab:
    lab = question(studio)
    lab.question.get_by_label("bars").check()
    lab.button("Answer").first.click()
    lab.stands("Done")
    return lab


def done(studio: Studio) -> Lab:
    lab = studio.ask(calls(run_code(PLOT), text=PLAN), says(ANSWER))
    lab.question.press("a", timeout=SLOW)
    lab.stands("Done")
    expect(lab.view.locator("img.lobu-figure")).to_be_visible()
    return lab


def edited(studio: Studio) -> Lab:
    lab = editing(studio)
    studio.provider.script = [says("Done, as you edited it.")]
    editor = lab.question.locator(".cm-content")
    editor.press("Control+A")
    editor.press_sequentially('sales["amount"].max()')
    lab.button("Approve as edited").click()
    lab.stands("Done")
    lab.view.locator(".lobu-card-head").click()
    return lab


def failing_code(studio: Studio) -> Lab:
    lab = studio.ask(calls(run_code('total = float("12,5")')), says("A point, not a comma."))
    lab.question.press("a", timeout=SLOW)
    lab.stands("Done")
    lab.view.locator(".lobu-output-error summary").click()
    return lab


def error(studio: Studio) -> Lab:
    lab = studio.ask(fails(401, "Incorrect API key provided."))
    expect(lab.button("Retry")).to_be_visible(timeout=SLOW)
    return lab


def kernel_restarted(studio: Studio) -> Lab:
    lab = waiting(studio)
    studio.server.restart_kernel(lab.kernel_id())
    expect(lab.question.locator(".lobu-warning")).to_be_visible(timeout=SLOW)
    return lab


def cut_off(studio: Studio) -> Lab:
    """The server died in the middle of an answer, and is back."""
    lab = studio.ask(Reply(ANSWER, thinking="", end="hang"))
    expect(lab.view.locator("table")).to_be_visible(timeout=SLOW)
    studio.server.restart()
    expect(lab.button("Continue")).to_be_enabled(timeout=SLOW)
    return lab


def kernel_died(studio: Studio) -> Lab:
    lab = studio.ask(calls(run_code('total = sales["amount"].sum()')), Reply(PLAN, thinking="", end="hang"))
    lab.question.press("a", timeout=SLOW)
    expect(lab.view).to_contain_text("12 rows", timeout=SLOW)
    os.kill(studio.server.kernel_pid(lab.kernel_id()), signal.SIGKILL)
    expect(lab.button("Rebuild")).to_be_enabled(timeout=SLOW)
    return lab


def reconnecting(studio: Studio) -> Lab:
    lab = waiting(studio)
    studio.server.kill()
    expect(lab.view.locator(".lobu-connection")).to_contain_text("Reconnecting in", timeout=SLOW)
    return lab


def server_gone(studio: Studio) -> Lab:
    """Another server took its place, and knows this page no more."""
    studio.server.restart()
    lab = waiting(studio)
    known = studio.server.token
    studio.server.kill()
    studio.server.token = "another"
    (studio.server.home / "runtime" / "jupyter_cookie_secret").unlink()  # else the page is still signed in
    studio.server.start()
    studio.server.token = known
    expect(lab.view.locator(".lobu-connection")).to_contain_text("signed out", timeout=SLOW)
    return lab


def widget(studio: Studio) -> Lab:
    studio.provider.script = [calls(run_code('sales.groupby("region")["amount"].sum()')), says(ANSWER)]
    lab = studio.open(SALES, "import lobu_jupyter as lobu\nlobu.ChatWidget()")
    box = lab.view.locator(".lobu-composer textarea")
    box.fill("which region sold most?")
    box.press("Enter")
    lab.question.press("a", timeout=SLOW)
    lab.stands("Done")
    return lab


def outside_agent(studio: Studio) -> Lab:
    """An agent of others, over ACP, asks before it writes a file."""
    prompt = "%%lobu --agent my-agent\nthink The best month goes into a note.\nsay I would write it down:\n"
    lab = studio.open(LOAD, SALES, prompt + "ask notes.md Best month: November")
    expect(lab.question).to_be_visible(timeout=SLOW)
    return lab


def agent_picker(studio: Studio) -> Lab:
    """The widget's composer, with an agent chosen that is not installed."""
    studio.provider.script = [says("Ask me something.")]
    lab = studio.open(SALES, "import lobu_jupyter as lobu\nlobu.ChatWidget(new=True)")
    lab.view.locator("select").select_option("codex")
    expect(lab.view).to_contain_text("npm install", timeout=SLOW)
    return lab


# The last two end the server.
STATES: tuple[Callable[[Studio], Lab], ...] = (
    streaming, waiting, editing, rejecting, batch, question, answered, done, edited, failing_code, error,
    kernel_restarted, kernel_died, cut_off, widget, outside_agent, agent_picker, reconnecting, server_gone,
)  # fmt: skip


RAN = "() => jupyterapp.shell.currentWidget.content.widgets[0].model.executionCount === 1"


def panel_of(studio: Studio, *replies: Reply, prompt: str = "") -> Panel:
    """The side panel beside a notebook with data, after this prompt."""
    studio.provider.script = list(replies)
    page = studio.context.new_page()
    page.set_viewport_size({"width": 1180, "height": 760})
    lab = Lab.open(page, studio.server, (SALES,), None)
    lab.wear(THEMES["light"], empty=True)
    lab.command("application:toggle-left-area")
    lab.run_all()
    page.wait_for_function(RAN, timeout=SLOW)
    panel = Panel.open(lab)
    if prompt:
        if panel.button("Skip tour").count() > 0:
            panel.button("Skip tour").click()
        panel.button("New thread").click()
        panel.send(prompt)
    return panel


def panel_first(studio: Studio) -> Lab:
    panel = panel_of(studio)
    expect(panel.root.locator(".lobu-tour")).to_be_visible()
    return panel.lab


def panel_mentions(studio: Studio) -> Lab:
    panel = panel_of(studio, says("Noted."), prompt="hello")
    panel.stands("Done")
    panel.page.wait_for_function(READY, timeout=SLOW)
    panel.composer.press_sequentially("plot @")
    expect(panel.root.locator(".lobu-suggestion").first).to_be_visible()
    return panel.lab


RISKY = """\
import subprocess, os
subprocess.run(["pip", "install", "seaborn"])
os.remove("old.csv")"""


def panel_waiting(studio: Studio) -> Lab:
    panel = panel_of(studio, calls(run_code(RISKY), text=PLAN), prompt="tidy up")
    expect(panel.question).to_be_visible(timeout=SLOW)
    return panel.lab


def panel_inbox(studio: Studio) -> Lab:
    lab = panel_waiting(studio)
    lab.command("lobu:inbox")
    expect(lab.page.locator(".lobu-inbox .lobu-decide").first).to_be_visible(timeout=SLOW)
    return lab


def panel_done(studio: Studio) -> Lab:
    panel = panel_of(studio, says(ANSWER), prompt="which month is best? @variable:sales")
    panel.stands("Done")
    panel.root.locator(".lobu-entry").first.hover()
    return panel.lab


def panel_threads(studio: Studio) -> Lab:
    lab = panel_done(studio)
    lab.command("lobu:threads")
    expect(lab.page.locator(".lobu-thread-open").first).to_be_visible()
    return lab


FIRST_CELL = "() => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[0].getId()"


def panel_notebook(studio: Studio) -> Lab:
    panel = panel_of(studio)
    if panel.button("Skip tour").count() > 0:
        panel.button("Skip tour").click()
    panel.button("New thread").click()
    code = SALES.replace('"amount"', '"amount (t)"')
    change = {"cell": panel.page.evaluate(FIRST_CELL), "code": code}
    studio.provider.script = [calls(Call("edit_cell", json.dumps(change)), text="With its unit, then:")]
    panel.send("name the unit of the amounts")
    expect(panel.question).to_be_visible(timeout=SLOW)
    panel.page.locator(".lobu-review").get_by_role("button", name="Show cell").click()
    panel.page.locator(".jp-Notebook .cm-content").first.click()
    panel.page.keyboard.press("Control+End")
    panel.page.keyboard.type("  # of this year")
    panel.button("Approve").click()
    expect(panel.question).to_contain_text("changed after you were asked", timeout=SLOW)
    return panel.lab


def panel_restore(studio: Studio) -> Lab:
    panel = panel_of(studio)
    if panel.button("Skip tour").count() > 0:
        panel.button("Skip tour").click()
    panel.button("New thread").click()
    code = SALES.replace('"amount"', '"amount (t)"')
    change = {"cell": panel.page.evaluate(FIRST_CELL), "code": code}
    note = Call("write_file", json.dumps({"path": "units.md", "content": "Amounts are in tons.\n"}))
    studio.provider.script = [calls(Call("edit_cell", json.dumps(change)), note), says("Done: in tons.")]
    panel.send("name the unit of the amounts")
    expect(panel.question).to_have_count(2, timeout=SLOW)
    panel.button("Approve all").click()
    panel.stands("Done")
    panel.root.locator(".lobu-user").first.hover()
    panel.button("Restore to here").first.click()
    expect(panel.button("Restore all 2")).to_be_enabled()
    return panel.lab


def review(studio: Studio) -> Lab:
    panel = panel_of(studio)
    if panel.button("Skip tour").count() > 0:
        panel.button("Skip tour").click()
    panel.button("New thread").click()
    cell = panel.page.evaluate(FIRST_CELL)
    code = SALES.replace("import pandas as pd", "import pandas as pd\n\nUNIT = 't'")
    code = code.replace('"amount"', '"amount (t)"')
    changes = [
        Call("edit_cell", json.dumps({"cell": cell, "code": code})),
        Call(
            "insert_cell", json.dumps({"code": "## Sales\n\nBy *month*.", "type": "markdown", "after": cell})
        ),
    ]
    studio.provider.script = [calls(*changes, text="With its unit, and a title:")]
    panel.send("name the unit of the amounts")
    expect(panel.page.locator(".lobu-review")).to_have_count(2, timeout=SLOW)
    return panel.lab


STEPS = (
    "Look at the table and its gaps",
    "Sum the amounts by month",
    "Draw the months as bars",
    "Say which month is best, and why",
)


def plan_of(*states: str) -> Call:
    steps = [
        {"description": step, "status": states[n] if n < len(states) else "pending"}
        for n, step in enumerate(STEPS)
    ]
    return Call("plan", json.dumps({"steps": steps}))


def panel_plan(studio: Studio) -> Lab:
    shown = plan_of("completed", "in_progress")
    panel = panel_of(studio, calls(shown), calls(run_code(PLOT), text=PLAN), prompt="which month is best?")
    expect(panel.question).to_be_visible(timeout=SLOW)
    panel.root.locator(".lobu-plan-line").click()
    return panel.lab


def panel_plan_first(studio: Studio) -> Lab:
    panel = panel_of(studio)
    if panel.button("Skip tour").count() > 0:
        panel.button("Skip tour").click()
    panel.button("New thread").click()
    panel.root.get_by_label("Mode", exact=True).select_option("Plan first")
    studio.provider.script = [calls(plan_of(), text="I looked at `sales`. This is my plan:")]
    panel.send("which month is best?")
    expect(panel.question).to_be_visible(timeout=SLOW)
    panel.root.get_by_label("Mode", exact=True).select_option("Default")
    return panel.lab


def panel_permissions(studio: Studio) -> Lab:
    panel = panel_of(
        studio, calls(run_code("sales.describe()")), says("It has 12 rows."), prompt="describe sales"
    )
    panel.button("More actions").click()
    panel.page.get_by_role("menuitem", name="Always allow simple code in this notebook").click()
    panel.stands("Done")
    path = panel.threads()[0]["notebookPath"]
    with panel.lab.server.client() as client:
        rules = {"ask": ["write_*"], "deny": ["delete_cell"], "mode": "ask"}
        client.put("policy", json={"notebookPath": path, "rules": rules}).raise_for_status()
    panel.lab.command("lobu:permissions")
    expect(panel.root.locator(".lobu-permissions li").first).to_be_visible(timeout=SLOW)
    return panel.lab


def new_chat(studio: Studio) -> Panel:
    """The panel with a new thread and nothing of the tour."""
    panel = panel_of(studio)
    if panel.button("Skip tour").count() > 0:
        panel.button("Skip tour").click()
    panel.button("New thread").click()
    return panel


def work_in_cells(studio: Studio) -> Lab:
    panel = new_chat(studio)
    studio.provider.script = [calls(run_code(PLOT), text="As bars:"), says("November is the best month.")]
    panel.send("plot sales by month")
    panel.question.press("a", timeout=SLOW)
    panel.stands("Done")
    figure = panel.page.locator(".jp-Notebook img")
    expect(figure).to_be_visible()
    figure.scroll_into_view_if_needed()
    return panel.lab


def inline_error(studio: Studio) -> Lab:
    lab = panel_of(studio).lab
    lab.command("application:toggle-right-area")
    lab.page.evaluate(
        "jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel.setSource('1 / 0')"
    )
    lab.run_all()
    expect(lab.page.locator(".lobu-error-help")).to_be_visible(timeout=SLOW)
    return lab


def inline_box(studio: Studio) -> Lab:
    panel = panel_of(studio)
    panel.page.locator(".jp-Notebook .cm-content").first.click()
    panel.page.keyboard.press("Control+k")
    box = panel.page.locator(".lobu-inline-box textarea")
    expect(box).to_be_focused(timeout=SLOW)
    box.fill("name the unit of the amounts")
    return panel.lab


PANEL = (
    panel_first,
    panel_plan,
    panel_plan_first,
    panel_permissions,
    panel_mentions,
    panel_waiting,
    panel_inbox,
    panel_done,
    panel_threads,
    panel_notebook,
    panel_restore,
    review,
    work_in_cells,
    inline_error,
    inline_box,
)


@contextmanager
def studio() -> Iterator[Studio]:
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright, Provider() as provider:
        entry = {"local": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}}
        files = ["--sessions", f"{home}/sessions.json", "--log", f"{home}/agent.log"]
        agents = {"my-agent": {"command": [sys.executable, SCRIPTED, *files]}}
        options = (
            f"--LobuApp.providers={entry!r}",
            f"--LobuApp.default_model=local:{MODEL}",
            f"--LobuApp.acp_agents={agents!r}",
            "--LobuApp.no_grant=fetch_url",
        )
        with launch(playwright) as browser, lab_server(Path(home), *options) as server:
            context = browser.new_context(viewport={"width": 900, "height": 1400})
            context.set_default_timeout(30_000)
            yield Studio(context, server, provider)
            context.close()


def main(names: list[str]) -> None:
    IMAGES.mkdir(exist_ok=True)
    if not names or "hub" in names:
        print("hub", flush=True)
        hub_pictures.take(IMAGES)
    if names == ["hub"]:
        return
    with studio() as place:
        for state in (*PANEL, *STATES):
            if not names or state.__name__ in names:
                print(state.__name__, flush=True)
                lab = state(place)
                shoot = place.shoot_window if state in PANEL else place.shoot
                shoot(lab, state.__name__.replace("_", "-"))
                if lab.button("Stop").count() > 0:
                    lab.button("Stop").click()
                    lab.stands("Stopped")
                lab.page.close()


if __name__ == "__main__":
    main(sys.argv[1:])
