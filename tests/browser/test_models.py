"""A person without a key adds a model in the panel, tries the connection, and is answered by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.providers import Provider, Reply, says
from tests.servers import RealServer

from .conftest import lab_server
from .lab import Lab
from .panel import Panel

KEY = "sk-of-a-person-0123456789"


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A server that speaks OpenAI's protocol with scripted answers; no model."""
    with Provider() as provider:
        provider.key = KEY
        yield provider


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A JupyterLab as it is installed: without any model, and without settings."""
    with lab_server(tmp_path_factory.mktemp("fresh")) as server:
        yield server


def test_a_model_is_added_tried_chosen_asked_and_removed(
    fresh: RealServer, context: BrowserContext, provider: Provider
):
    lab = Lab.open(context.new_page(), fresh, ["x = 1"], None)
    panel = Panel.open(lab)
    chip = panel.root.locator(".lobu-model-chip")
    form = panel.root.get_by_role("form", name="Model provider")
    expect(chip).to_have_text("Auto (Demo)")
    expect(panel.button("Try the demo")).to_be_visible()

    form.get_by_label("Provider").select_option("Other (OpenAI-compatible)")
    form.get_by_label("Name").fill("local")
    form.get_by_label("Base URL").fill(f"{provider.url}/wrong")
    form.get_by_label("API key").fill("sk-wrong-wrong-wrong")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("status")).to_contain_text("Does the base URL end in /v1?")
    form.get_by_label("Base URL").fill(f"{provider.url}/v1")
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("status")).to_contain_text("refused the key (HTTP 401)")
    form.get_by_label("API key").fill(KEY)
    form.get_by_role("button", name="Test connection").click()
    expect(form.get_by_role("status")).to_contain_text("Connected. local offers 2 models.")
    form.get_by_label("Model", exact=True).fill("test-model")
    form.get_by_role("button", name="Save").click()

    expect(chip).to_have_text("test-model")
    expect(panel.button("Try the demo")).to_have_count(0)
    provider.script = [says("Hello from the scripted server.")]
    panel.send("hello")
    panel.stands("Done")
    expect(panel.root).to_contain_text("Hello from the scripted server.")
    expect(panel.root.locator(".lobu-answered")).to_have_text("test-model · 11 in · 7 out · price not known")

    chip.click()
    menu = panel.root.get_by_role("dialog", name="Model and agent")
    menu.get_by_label("Max tokens").fill("64")
    menu.get_by_label("Max tokens").press("Tab")
    menu.get_by_role("button", name="another-model").click()
    menu.get_by_label("Temperature").fill("0.5")
    menu.get_by_label("Temperature").press("Tab")
    panel.page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(chip).to_have_text("another-model")
    provider.script = [Reply("Half of an ans", finish="length"), says("wer.")]
    panel.send("again")
    panel.stands("Incomplete")
    expect(panel.root.locator(".lobu-warning")).to_have_text("The answer was cut at the model's limit.")
    panel.button("Continue").click()
    panel.stands("Done")
    expect(panel.root).to_contain_text("wer.")

    asked = [request.body for request in provider.requests]
    assert [(body["model"], body.get("temperature")) for body in asked] == [
        ("test-model", None),
        ("another-model", 0.5),
        ("another-model", 0.5),
    ]
    assert "Continue where you stopped." in str(asked[-1]["messages"])
    with fresh.client() as client:
        assert KEY not in client.get("models").text + client.get("audit").text
    assert KEY not in lab.page.evaluate("JSON.stringify(localStorage) + document.documentElement.outerHTML")

    chip.click()
    menu.get_by_role("button", name="Edit local").click()
    expect(form.get_by_label("API key")).to_have_value("")
    form.get_by_role("button", name="Remove").click()
    expect(chip).to_have_text("Auto (Demo)")
    panel.send("hello")
    panel.stands("Done")
    assert len(provider.requests) == 3
    assert lab.errors == []
