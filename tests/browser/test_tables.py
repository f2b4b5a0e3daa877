"""Tables keep their cells, at every width, and prose breaks its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from .lab import LOAD, Lab, script
from .panel import Panel
from .test_accessible import findings

OpenLab = Callable[..., Lab]
FRAMES = """import numpy as np, pandas as pd
pd.set_option('display.max_columns', None, 'display.max_rows', None)
from IPython.display import display
names = ['north-east region', 'south', 'west coast', 'somewhere else']
wide = pd.DataFrame(np.arange(160).reshape(4, 40) * 1234.5, index=names,
                    columns=[f'measured_{n}' for n in range(40)])
multi = pd.DataFrame(np.arange(8).reshape(4, 2),
                     index=pd.MultiIndex.from_product([['east', 'west'], [2023, 2024]], names=['region', 'year']),
                     columns=pd.MultiIndex.from_product([['sales'], ['gross', 'net']]))
texts = pd.DataFrame({'name': ['Ann', 'שלום עולם'], 'note': ['a few words of text ' * 9, 'word' * 60],
                      'n': [1, 22], 'bar': [3, 4]})
styled = texts[['name', 'bar', 'n']].style.highlight_max(subset=['n'], color='yellow').set_caption('Styled')
styled = styled.bar(subset=['bar']).set_table_styles([{'selector': 'th', 'props': [('position', 'fixed')]}])
long = pd.DataFrame({'n': np.arange(10_000), 'word': 'word'})
for one in (wide, multi, texts, styled, long):
    display(one)""".splitlines()
MARKDOWN = [
    "| region | first quarter | second quarter | third quarter | fourth quarter | total |",
    "|---|--:|--:|--:|--:|--:|",
    "| North America | 1,234.50 | 2,345.60 | 3,456.70 | 4,567.80 | 11,604.60 |",
    "| Europe | 12.00 | 23.00 | 34.00 | 45.00 | 114.00 |",
    "",
    "A word of prose: " + "Donaudampfschifffahrtsgesellschaft" * 5,
    "",
    "שלום עולם, זה טקסט",
    "",
    "$$" + " + ".join(f"x_{{{n}}}^2" for n in range(60)) + "$$",
]
ASKED = [
    *(f"say {line}" for line in MARKDOWN),
    f"run {FRAMES[0]}",
    *(f"    {line}" for line in FRAMES[1:]),
]
SPLIT = """width => {
    const split = jupyterapp.shell._hsplitPanel;
    const all = split.node.clientWidth;
    jupyterapp.shell.collapseLeft();
    split.setRelativeSizes([0, all - width, width]);
}"""
# Each cell with text: its length, and how many lines it takes.
LINES = """view => [...view.querySelectorAll('.lobu-table :is(th, td)')].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const tops = new Set([...range.getClientRects()].map(r => Math.round(r.top)));
    return [cell.textContent.trim(), tops.size];
}).filter(([text]) => text !== '')"""
BOXES = """view => [...view.querySelectorAll('.lobu-table')].map(box => ({
    overflows: box.scrollWidth > box.clientWidth + 1,
    within: box.getBoundingClientRect().right <= view.getBoundingClientRect().right,
    rows: box.querySelectorAll('tbody tr').length
}))"""
OVERFLOWS = """view => [...view.querySelectorAll('.lobu-block, .lobu-html, .lobu-card, .lobu-transcript')]
    .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className)"""
STICKS = """box => {
    box.scrollTop = 150;
    const head = box.querySelector('thead').getBoundingClientRect();
    return box.scrollTop > 100 && Math.abs(head.top - box.getBoundingClientRect().top) < 3;
}"""


def broken(view: Locator) -> list[Any]:
    """The cells whose text is broken into lines of fewer than 8 characters."""
    lines = view.evaluate(LINES)
    assert len(lines) > 300
    return [[text, count] for text, count in lines if count > max(1, len(text) / 8)]


def is_readable(view: Locator) -> None:
    expect(view.locator(".lobu-table")).to_have_count(6)
    assert broken(view) == []
    boxes = view.evaluate(BOXES)
    assert all(box["within"] for box in boxes)
    assert [box["rows"] for box in boxes] == [2, 4, 4, 2, 2, 200]
    assert boxes[1]["overflows"]
    assert view.evaluate(OVERFLOWS) == []
    expect(view.locator(".lobu-table-note")).to_have_text("First 200 of 10,000 rows")
    assert view.locator(".lobu-table").nth(5).evaluate(STICKS)
    # pandas' Styler: its colours are there, and its sheet is not.
    cells = view.locator(".lobu-table").nth(4).locator("td")
    assert cells.last.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 0)"
    assert "gradient" in cells.nth(1).evaluate("e => getComputedStyle(e).backgroundImage")
    assert view.locator("style").count() == 0
    hebrew = view.locator(".lobu-block p", has_text="שלום")
    assert hebrew.evaluate("e => getComputedStyle(e).direction") == "rtl"


@pytest.mark.parametrize("width", [300, 520])
def test_tables_are_readable_in_the_panel(open_lab: OpenLab, width: int):
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    lab.page.evaluate(SPLIT, width)
    assert abs(panel.root.evaluate("e => e.getBoundingClientRect().width") - width) < 12
    panel.root.get_by_label("Mode", exact=True).select_option("allow")
    panel.composer.fill("\n".join(ASKED))
    panel.composer.press("Enter")
    panel.stands("Done")

    is_readable(panel.root.locator(".lobu-transcript"))

    box = panel.root.get_by_role("region", name="Table").nth(1)
    box.focus()
    lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function("e => e.scrollLeft > 0", arg=box.element_handle())
    assert findings(lab) == []


def test_tables_are_readable_below_a_cell(open_lab: OpenLab):
    lab = open_lab(LOAD, script(*ASKED))
    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.question.press("a")
    lab.stands("Done")

    is_readable(lab.view.locator(".lobu-transcript"))
