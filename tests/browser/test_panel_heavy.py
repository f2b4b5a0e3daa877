"""A long day's thread: 30 cards with figures, a frame of 10,000 rows and a long text stay smooth, and leave no memory behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect

from tests.servers import RealServer, best_of

from .lab import Lab
from .panel import Panel

OpenLab = Callable[..., Lab]
FIGURE = "run plt.figure(figsize=(4, 3)); plt.plot([{n}, 2, 3]); plt.show()"
HEAVY = "\n".join(
    (
        "run import matplotlib.pyplot as plt, pandas as pd",
        *(FIGURE.format(n=n) for n in range(30)),
        "run pd.DataFrame({f'column {c}': range(10_000) for c in range(12)})",
        "slow 500 1",
    )
)
FRAMES = 90
# Scrolls by one step in each frame, from the end up; returns the ms of a frame, on the average.
SCROLL = """async frames => {
    const scroller = document.querySelector('.lobu-panel .lobu-scroll');
    scroller.scrollTop = scroller.scrollHeight;
    await new Promise(requestAnimationFrame);
    const began = await new Promise(requestAnimationFrame);
    let now = began;
    for (let frame = 0; frame < frames; frame++) {
        scroller.scrollTop -= 40;
        now = await new Promise(requestAnimationFrame);
    }
    return (now - began) / frames;
}"""


@pytest.fixture
def heavy(open_lab: OpenLab, server: RealServer) -> Panel:
    lab = open_lab("x = 1")
    panel = Panel.open(lab)
    with server.client() as client:
        body = {"title": "A light one", "notebookPath": lab.name}
        client.post("threads", json=body).raise_for_status()
        thread = client.post(
            "threads", json={**body, "title": "A heavy one", "kernelId": lab.kernel_id()}
        ).json()["threadId"]
        run = {"agent": "script", "mode": "allow", "prompt": HEAVY}
        client.post(f"threads/{thread}/runs", json=run).raise_for_status()
    switch(panel, "A heavy one")
    panel.stands("Done", 120_000)
    return panel


def switch(panel: Panel, title: str) -> None:
    panel.button("All threads").click()
    panel.rows.filter(has_text=title).first.click()
    expect(panel.title).to_have_text(title)


def test_a_heavy_thread_scrolls_smoothly(heavy: Panel):
    expect(heavy.root.locator("img")).to_have_count(30)  # a card with a figure is never folded

    took = best_of(5, lambda: heavy.page.evaluate(SCROLL, FRAMES), 1000 / 55)

    assert took <= 1000 / 55, "at most a frame in twelve is missed"


def test_ten_switches_leave_no_more_memory_than_two(heavy: Panel):
    session = heavy.page.context.new_cdp_session(heavy.page)

    def there_and_back(times: int) -> int:
        for _ in range(times):
            switch(heavy, "A light one")
            switch(heavy, "A heavy one")
            expect(heavy.root.locator(".lobu-assistant").last).to_contain_text("Done.")
        return heap(session)

    after_two = there_and_back(2)
    after_ten = there_and_back(8)

    assert after_ten <= after_two * 1.02 + 500_000


def heap(session: CDPSession) -> int:
    """Bytes of the page's live objects."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    used: dict[str, Any] = session.send("Runtime.getHeapUsage")
    print(f"{used['usedSize'] / 1e6:.2f} MB")
    return int(used["usedSize"])
