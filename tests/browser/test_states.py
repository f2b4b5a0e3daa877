"""A question outlives its kernel: its card says what is missing, and brings it back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from .lab import Lab
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
