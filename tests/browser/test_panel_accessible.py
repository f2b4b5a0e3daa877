"""All views of the panel and of cells: axe in three themes, targets of 24 px, narrow and wide, and at 200 % zoom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from .lab import Lab
from .panel import Panel
from .test_accessible import THEMES, findings
from .test_notebook_edits import OpenLab, ids

# WCAG 2.2's target size; a link within a sentence is exempt.
SMALL = """() => [...document.querySelectorAll('.lobu button, .lobu select, .lobu input, .lobu textarea, .lobu summary')]
    .filter(one => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !one.closest('.cm-editor'))
    .filter(one => { const { width, height } = (one.closest('label') ?? one).getBoundingClientRect();
        return width > 0 && (width < 23.5 || height < 23.5); })
    .map(one => one.outerHTML.slice(0, 160))"""


class Looks:
    """What was found in each view, in all themes."""

    def __init__(self, lab: Lab, panel: Panel) -> None:
        self.lab, self.panel, self.found = lab, panel, list[Any]()

    def take(self, view: str) -> None:
        for theme in THEMES:
            self.lab.wear(theme)
            self.found += [{"view": view, "theme": theme, **one} for one in findings(self.lab)]
        self.found += [{"view": view, "small": one} for one in self.lab.page.evaluate(SMALL)]
        wide = "root => root.scrollWidth > root.clientWidth"
        if self.panel.root.count() and self.panel.root.evaluate(wide):
            self.found.append({"view": view, "wider than the panel": True})


@pytest.mark.parametrize("width", [300, 520])
def test_every_view_is_accessible_at_each_width(open_lab: OpenLab, width: int):
    lab = open_lab("x = 1", "1 / 0")
    # JupyterLab's body has no height and hides what overflows: axe would take all text for hidden.
    lab.page.add_style_tag(content="body { overflow: visible !important }")
    lab.run_all()
    panel = Panel.open(lab)
    panel.root.evaluate(f"root => root.style.width = '{width}px'")
    looks = Looks(lab, panel)
    expect(lab.page.locator(".lobu-error-help")).to_be_visible()
    looks.take("first, with Explain and Fix")

    panel.root.locator(".lobu-model-chip").click()
    panel.root.get_by_role("button", name="Add model…").click()
    expect(panel.root.get_by_role("form", name="Model provider").last).to_be_visible()
    looks.take("model form")
    panel.page.keyboard.press("Escape")

    steps = [
        {"description": "Look", "status": "completed"},
        {"description": "Change", "status": "in_progress"},
    ]
    change = {"cell": ids(lab)[0], "code": "x = 5"}
    panel.send(f"tool plan {json.dumps({'steps': steps})}\ntool edit_cell {json.dumps(change)}")
    expect(lab.page.locator(".lobu-review-bar")).to_be_visible()
    panel.root.locator(".lobu-plan-line").click()
    looks.take("plan, question and review in the cell")
    panel.question.press("a")
    panel.stands("Done")

    panel.root.locator(".lobu-user").first.hover()
    panel.button("Restore to here").first.click()
    expect(panel.root.get_by_role("group", name="Restore to here")).to_be_visible()
    looks.take("preview of a restore")
    panel.page.keyboard.press("Escape")

    lab.command("lobu:permissions")
    expect(panel.root.get_by_role("region", name="Approvals")).to_be_visible()
    looks.take("permissions")
    lab.command("lobu:inbox")
    expect(panel.root.locator(".lobu-inbox")).to_be_visible()
    looks.take("inbox")

    lab.page.locator(".jp-Notebook .cm-content").first.click()
    lab.page.keyboard.press("Control+k")
    expect(lab.page.locator(".lobu-inline-box textarea")).to_be_focused()
    looks.take("box at a cell")

    assert looks.found == [], "\n".join(str(one) for one in looks.found)


def widths(lab: Lab) -> tuple[float, float]:
    """Of the notebook and of the panel."""
    sides = "['.jp-NotebookPanel', '.lobu-panel'].map(one => document.querySelector(one).getBoundingClientRect().width)"
    notebook, side = lab.page.evaluate(sides)
    return notebook, side


def test_at_200_percent_zoom_the_panel_leaves_room_for_the_notebook(open_lab: OpenLab):
    lab = open_lab("x = 1")
    lab.command("application:toggle-left-area")
    panel = Panel.open(lab)
    lab.page.set_viewport_size({"width": 640, "height": 450})  # a window of 1280 by 900 at 200 %

    lab.page.wait_for_function("document.querySelector('.lobu-panel').getBoundingClientRect().width < 300")
    notebook, side = widths(lab)
    assert notebook >= side
    expect(panel.composer).to_be_in_viewport()
    assert panel.root.evaluate("root => root.scrollWidth <= root.clientWidth")


def test_opened_at_200_percent_zoom_it_takes_the_place_of_the_left_sidebar(open_lab: OpenLab):
    lab = open_lab("x = 1")
    lab.page.set_viewport_size({"width": 640, "height": 450})
    Panel.open(lab)

    expect(lab.page.locator(".jp-FileBrowser")).to_be_hidden()
    notebook, side = widths(lab)
    assert notebook >= side
