"""What people with a keyboard, a screen reader or less sight meet; judged by axe-core where it can judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from tests.servers import REPOSITORY

from .lab import LOAD, READY_QUESTION, Lab, script

OpenLab = Callable[..., Lab]
AXE = REPOSITORY / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
ASSESS = """async () => {
    const { violations, passes } = await axe.run('.lobu');
    if (!passes.some(rule => rule.id === 'color-contrast')) {
        throw new Error('axe judged nothing');
    }
    return violations.filter(v => ['serious', 'critical'].includes(v.impact))
        .map(v => ({ id: v.id, help: v.help, nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary) }));
}"""


def findings(lab: Lab) -> list[dict[str, Any]]:
    if not lab.page.evaluate("() => 'axe' in window"):
        lab.page.add_script_tag(path=AXE)
    return lab.page.evaluate(ASSESS)


def findings_in_all_themes(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for theme in THEMES:
        lab.wear(theme)
        found += [{"theme": theme, **finding} for finding in findings(lab)]
    return found


def test_axe_finds_nothing_serious_in_any_state_and_theme(open_lab: OpenLab):
    outputs = "from IPython.display import HTML, display"
    lab = open_lab(
        LOAD,
        script(f"run {outputs}", "    display(HTML('<table><tr><td>1</td></tr></table>'))", "    print('x')"),
        script("ask Which colour? | red | blue").replace("script", "script --thread asks"),
        script("think a thought", "say `code` and [a link](https://example.org)", "run 1 / 0").replace(
            "script", "script --thread done"
        ),
        script("fail 500 broken").replace("script", "script --thread failed"),
        script("run x = 1 && run y = 2").replace("script", "script --thread two"),
    )
    lab.run_all()
    expect(lab.question).to_have_count(5)
    expect(lab.view.locator(".lobu-error")).to_be_visible()

    waiting = findings_in_all_themes(lab)
    lab.button("More actions").nth(1).click()
    lab.question.nth(0).press("e")
    lab.question.nth(3).press("r")
    editing = findings_in_all_themes(lab)
    lab.question.nth(0).press("Escape")
    lab.question.nth(0).press("a")
    lab.question.get_by_label("blue").check()
    lab.button("Answer").first.click()
    lab.view.nth(2).locator(READY_QUESTION).press("a")
    expect(lab.view.nth(0).locator(".lobu-standing")).to_contain_text("Done")
    lab.view.locator(".lobu-output-error summary").click()
    done = findings_in_all_themes(lab)
    lab.server.restart_kernel(lab.kernel_id())
    expect(lab.question.locator(".lobu-warning").first).to_be_visible()
    lost = findings_in_all_themes(lab)

    assert [*waiting, *editing, *done, *lost] == []


def test_a_person_with_a_keyboard_alone_decides(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))
    lab.run_all()
    expect(lab.question).to_be_visible()
    keyboard = lab.page.keyboard

    lab.question.focus()
    keyboard.press("e")
    expect(lab.question.locator(".cm-content")).to_be_focused()
    keyboard.press("Escape")
    expect(lab.question).to_be_focused()
    keyboard.press("r")
    expect(lab.question.locator("input")).to_be_focused()
    keyboard.press("Escape")
    expect(lab.question).to_be_focused()
    lab.button("More actions").click()
    expect(lab.view.get_by_role("menuitem", name="Edit")).to_be_focused()
    keyboard.press("Escape")
    lab.question.focus()
    keyboard.press("Tab")
    expect(lab.button("Approve").first).to_be_focused()
    keyboard.press("Enter")

    lab.stands("Done")
    assert lab.value("x") == "1"


def test_how_it_stands_is_said_once_in_a_live_region(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))
    lab.run_all()
    region = lab.view.get_by_role("status")
    expect(region).to_have_text("Needs approval")

    lab.question.press("a")

    expect(region).to_have_text("Done")
    expect(region).to_have_count(1)


def test_nothing_moves_for_who_wants_no_motion(open_lab: OpenLab):
    lab = open_lab(LOAD, script("slow 2000 50"))
    lab.page.emulate_media(reduced_motion="reduce")
    lab.run_all()
    lab.stands("Working")

    moving = "getComputedStyle(document.querySelector('.lobu-run-running'), '::before').animationName"

    assert lab.page.evaluate(moving) == "none"


def test_forced_colours_keep_every_button(open_lab: OpenLab):
    lab = open_lab(LOAD, script("run x = 1"))
    lab.page.emulate_media(forced_colors="active")
    lab.run_all()
    expect(lab.question).to_be_visible()

    edges = lab.view.locator(".lobu-button").evaluate_all(
        "all => all.map(b => getComputedStyle(b).borderTopStyle)"
    )

    assert set(edges) == {"solid"}
