"""The side panel as a person uses it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from .lab import READY_QUESTION, SLOW, Lab


class Panel:
    """The side panel of one tab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.page = lab.page
        self.root: Locator = lab.page.locator(".lobu-panel")

    @classmethod
    def open(cls, lab: Lab) -> Panel:
        panel = cls(lab)
        lab.command("lobu:open")
        expect(panel.root).to_be_visible()
        return panel

    def reload(self) -> None:
        """Load the page anew; JupyterLab may not have noted yet that the panel was open."""
        self.lab.reload()
        Panel.open(self.lab)

    @property
    def composer(self) -> Locator:
        return self.root.get_by_label("Message to the agent")

    @property
    def title(self) -> Locator:
        return self.root.locator(".lobu-title")

    @property
    def question(self) -> Locator:
        return self.root.locator(READY_QUESTION)

    @property
    def rows(self) -> Locator:
        return self.root.locator(".lobu-thread-open")

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def send(self, text: str) -> None:
        self.composer.fill(text)
        self.composer.press("Enter")
        expect(self.composer).to_have_value("")

    def stands(self, text: str, timeout: float = SLOW) -> None:
        """Wait until the status line says so."""
        expect(self.root.locator(".lobu-standing")).to_contain_text(text, timeout=timeout)

    def choose_agent(self, name: str) -> None:
        """Choose an agent in the menu under the message."""
        self.root.locator(".lobu-model-chip").click()
        menu = self.root.get_by_role("dialog", name="Model and agent")
        menu.get_by_role("region", name="More agents").get_by_role("button", name=name).click()
        self.page.keyboard.press("Escape")
        expect(menu).to_have_count(0)

    def menu(self, name: str) -> None:
        """Choose from the menu that is open."""
        self.page.locator(".lm-Menu-item", has_text=name).click()

    def threads(self, **query: Any) -> list[dict[str, Any]]:
        """What the server lists."""
        with self.lab.server.client() as client:
            return client.get("threads", params=query).json()["threads"]
