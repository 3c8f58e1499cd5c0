"""A page in a browser: what its controls are set to, and what is read off it."""

from __future__ import annotations

import json
from typing import Any

LATE_MESSAGES = ("GPU stall due to ReadPixels", "willReadFrequently")  # Chromium's, of software rendering


class PageInBrowser:
    """An explorer that was opened; everything that it says to the console or asks of a network is kept."""

    def __init__(self, context: Any, path: Any) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"file://{path}")
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)

    def _heard(self, message: Any) -> None:
        if not any(known in message.text for known in LATE_MESSAGES):
            self.messages.append(message.text)

    def reset(self) -> PageInBrowser:
        """Back to where the page began."""
        self.page.click("#reset")
        return self

    def slide(self, control: str, value: float) -> None:
        """Move a slider, as fingers do."""
        self.page.eval_on_selector(
            f"#{control}",
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }",
            value,
        )

    def choose(self, name: str, value: str) -> None:
        """Choose one of several, by what is written beside it."""
        self.page.locator(f'label:has(input[name="{name}"][value="{value}"])').click()

    def keys(self, *names: str) -> None:
        """Press keys on the map."""
        self.page.focus("#map-frame")
        for name in names:
            self.page.keyboard.press(name)

    def number(self, name: str, key: str) -> float:
        """One number that the page reads out."""
        return float(self.page.get_attribute(f"#{name}", f"data-{key}"))

    def row(self, axis: int) -> dict[str, Any]:
        """Numbers of an axis in the table."""
        return json.loads(self.page.get_attribute(f"#limits tbody tr:nth-child({axis + 1})", "data-numbers"))

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)
