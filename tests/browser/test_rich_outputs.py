"""Outputs that live in a page: bars, widgets, charts, figures. What could act as the person waits for their click."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from .lab import Lab
from .panel import Panel
from .test_accessible import findings

OpenLab = Callable[..., Lab]
BARS = """import time
from tqdm import tqdm
from tqdm.notebook import tqdm as tqdm_notebook
from rich.progress import track
for _ in tqdm(range(30), desc='plain'):
    time.sleep(0.01)
for _ in tqdm_notebook(range(40), desc='widget'):
    time.sleep(0.01)
for _ in track(range(50), description='rich'):
    time.sleep(0.01)"""
SLIDER = """import ipywidgets
slider = ipywidgets.IntSlider(value=3, description='Amount')
slider"""
HOSTILE = """import ipywidgets
ipywidgets.HTML("<img src=x onerror='window.hacked = 1'>")"""
CHART = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": [{"a": "A", "b": 28}, {"a": "B", "b": 55}]},
    "mark": "bar",
    "encoding": {"x": {"field": "a", "type": "nominal"}, "y": {"field": "b", "type": "quantitative"}},
}
REMOTE = {**CHART, "data": {"url": "/api/contents"}}
CHARTS = f"""from IPython.display import display
for chart in ({CHART!r}, {REMOTE!r}):
    display({{'application/vnd.vegalite.v5+json': chart, 'text/plain': 'a chart'}}, raw=True)"""
SCRIPTED = """from IPython.display import HTML, Javascript, display
display(Javascript("window.hacked = 1"))
display(HTML("<b>map</b><iframe srcdoc='<script>parent.hacked = 1</script>'></iframe>"))"""
IN_DIALOG = """async () => (await axe.run('dialog')).violations
    .filter(v => ['serious', 'critical'].includes(v.impact)).map(v => v.id)"""
FIGURE = """import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
plt.show()"""


def run(panel: Panel, code: str, *, work_in: str = "chat") -> None:
    first, *rest = code.splitlines()
    panel.root.get_by_label("Where the agent shows the code that it runs").select_option(work_in)
    panel.root.get_by_label("Mode", exact=True).select_option("allow")
    panel.composer.fill("\n".join([f"run {first}", *(f"    {line}" for line in rest)]))
    panel.composer.press("Enter")
    panel.stands("Done")


def cells(lab: Lab) -> list[str]:
    sources = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells.map(c => c.getSource())"
    return lab.page.evaluate(sources)


def test_the_last_state_of_progress_bars_is_shown(open_lab: OpenLab):
    panel = Panel.open(open_lab("x = 1"))

    run(panel, BARS)

    card = panel.root.locator(".lobu-card").last
    expect(card).to_contain_text("30/30")
    expect(card).to_contain_text("40/40")
    expect(card).to_contain_text("rich ━")
    expect(card.get_by_role("button", name="Show live widget")).to_have_count(0)  # a bar is at its end
    text = card.inner_text()
    assert text.count("100%") == 3
    assert " 0%" not in text


def test_a_live_widget_is_shown_on_a_click_and_changes_the_kernel(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    run(panel, SLIDER)
    card = panel.root.locator(".lobu-card").last
    expect(card).to_contain_text("IntSlider")
    assert findings(lab) == []

    card.get_by_role("button", name="Show live widget").click()
    expect(card.locator(".widget-slider")).to_be_visible()
    expect(card).to_contain_text("Amount")
    card.locator(".noUi-handle").press("ArrowRight")

    assert lab.value("slider.value") == "4"
    run(panel, HOSTILE)
    lab.page.wait_for_timeout(500)
    assert lab.page.evaluate("window.hacked") is None  # nothing acts as the person unasked


def test_charts_are_drawn_by_jupyterlab_and_load_nothing(open_lab: OpenLab):
    lab = open_lab("x = 1")
    asked: list[str] = []
    panel = Panel.open(lab)
    lab.page.on("request", lambda request: asked.append(request.url))

    run(panel, CHARTS)

    card = panel.root.locator(".lobu-card").last
    expect(card.locator(".lobu-drawn .vega-embed")).to_have_count(1)
    expect(card.locator(".lobu-drawn canvas.marks, .lobu-drawn svg.marks")).to_be_visible()
    expect(card).to_contain_text("a chart")  # in place of the one that names an address
    assert [url for url in asked if url.split("?")[0].endswith("/api/contents")] == []
    card.get_by_role("button", name="Add as cell to use it").click()
    assert cells(lab) == ["x = 1", CHARTS]


def test_what_takes_scripts_runs_only_in_a_cell_that_the_person_runs(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    run(panel, SCRIPTED)
    card = panel.root.locator(".lobu-card").last
    expect(card).to_contain_text("map")
    lab.page.wait_for_timeout(300)
    assert lab.page.evaluate("window.hacked") is None
    assert panel.root.locator("iframe").count() == 0

    card.get_by_role("button", name="Add as cell to use it").first.click()
    assert cells(lab) == ["x = 1", SCRIPTED]
    assert lab.page.evaluate("window.hacked") is None
    lab.run_all()
    lab.page.wait_for_function("window.hacked === 1")


def test_what_takes_scripts_does_nothing_in_a_cell_that_the_agent_ran(open_lab: OpenLab):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)

    run(panel, SCRIPTED, work_in="cells")

    expect(lab.page.locator(".jp-Notebook .jp-OutputArea b", has_text="map")).to_be_visible()
    assert cells(lab) == ["x = 1", SCRIPTED]
    lab.page.wait_for_timeout(300)
    assert lab.page.evaluate("window.hacked") is None


def test_a_figure_opens_large_and_is_copied_and_saved(open_lab: OpenLab, context: BrowserContext):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    run(panel, FIGURE)
    figure = panel.root.locator(".lobu-figure-open")
    assert findings(lab) == []
    figure.focus()
    lab.page.keyboard.press("Enter")
    dialog = lab.page.get_by_role("dialog")
    expect(dialog.locator("img")).to_be_visible()
    large = dialog.locator("img").evaluate("e => e.getBoundingClientRect().width")
    assert large > figure.evaluate("e => e.getBoundingClientRect().width")
    assert lab.page.evaluate(IN_DIALOG) == []

    dialog.get_by_role("button", name="Copy image").click()
    expect(dialog).to_contain_text("Copied.")
    kinds = lab.page.evaluate("async () => (await navigator.clipboard.read()).flatMap(one => one.types)")
    assert kinds == ["image/png"]
    with lab.page.expect_download() as saved:
        dialog.get_by_role("button", name="Save image").click()
    assert saved.value.suggested_filename == "figure.png"
    lab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(figure).to_be_focused()
