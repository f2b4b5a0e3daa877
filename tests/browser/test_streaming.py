"""A stream as a person sees it: what stands stays, and Stop stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.providers import MODEL, Provider, Reply
from tests.servers import RealServer, best_of

from .conftest import lab_server
from .lab import LOAD, Lab, script

OpenLab = Callable[..., Lab]

# Marks each block that stands when the next one begins, and each card that is done; says later which are gone.
OBSERVE = """() => {
    const lost = (window.lost = []);
    const seen = (window.seen = new Set());
    new MutationObserver(records => {
        for (const record of records) {
            for (const node of record.removedNodes) {
                if ([...seen].some(one => node === one || node.contains(one))) {
                    lost.push(node.outerHTML ?? node.textContent);
                }
            }
        }
        for (const text of document.querySelectorAll('.lobu-assistant .lobu-markdown')) {
            for (const block of [...text.children].slice(0, -1)) {
                seen.add(block);
                for (const inner of block.querySelectorAll('*')) {
                    seen.add(inner);
                }
            }
        }
        for (const card of document.querySelectorAll('.lobu-card.lobu-is-done')) {
            seen.add(card);
        }
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
PARTS = [
    "# A title",
    "A paragraph with **bold** and `code` and a [link](https://example.org).",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "- one\n- two\n- three",
    "```python\nx = 1\n```",
    "> a quotation",
    "The last paragraph.",
]


def slowly(parts: list[str]) -> list[str]:
    """Script lines that say markdown, with a breath between its parts."""
    lines: list[str] = []
    for part in parts:
        lines += [f"say {line}" for line in part.split("\n")]
        lines += ["say", "slow 4 30", "say"]
    return lines


def test_no_block_that_stands_is_replaced_while_more_is_written(open_lab: OpenLab):
    lab = open_lab(LOAD, script(*slowly(PARTS), "run 1 + 1", *slowly(PARTS)))
    lab.page.evaluate(OBSERVE)

    lab.run_all()
    expect(lab.question).to_be_visible()
    lab.question.press("a")

    lab.stands("Done")
    expect(lab.view.locator("td", has_text="2")).to_have_count(2)
    assert lab.page.evaluate("window.seen.size") > 30
    assert lab.page.evaluate("window.lost") == []


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def with_model(tmp_path: Path, provider: Provider) -> Iterator[RealServer]:
    """JupyterLab whose agent talks to a model provider on loopback."""
    entry = {"local": {"kind": "openai", "base_url": f"{provider.url}/v1", "api_key": "k"}}
    with lab_server(tmp_path, f"--LobuApp.providers={entry!r}") as server:
        yield server


def test_stop_acts_within_two_seconds_and_closes_the_providers_connection(
    context: BrowserContext, provider: Provider, with_model: RealServer
):
    provider.script = [Reply("I think about it for very long, word after word.", end="hang")]
    cell = f"%lobu --model local:{MODEL} think"
    lab = Lab.open(context.new_page(), with_model, (LOAD, cell), None)

    def stop() -> float:
        provider.closed.clear()
        lab.run_all()
        expect(lab.view.locator(".lobu-run-running")).to_have_count(1)
        expect(lab.view.locator(".lobu-assistant")).to_contain_text("I think")
        lab.button("Stop").click()
        began = time.monotonic()
        lab.stands("Stopped")
        assert provider.closed.wait(45)
        return time.monotonic() - began

    assert best_of(3, stop, 2) < 2
    expect(lab.button("Stop")).to_have_count(0)
