"""The page in a real browser, for tests: Debian's chromium, driven by Playwright, and figures to draw with the mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]
THREE = [(0.32, 0.25), (0.45, 0.18), (0.6, 0.2), (0.66, 0.3), (0.6, 0.41), (0.46, 0.48), (0.6, 0.52), (0.68, 0.63)]
THREE += [(0.64, 0.75), (0.5, 0.82), (0.34, 0.77)]
"""Corners of a 3, in shares of the sheet's side."""
FOUR_OR_NINE = [(0.4, 0.2), (0.34, 0.45), (0.6, 0.45), (0.62, 0.2), (0.5, 0.2), (0.62, 0.2), (0.6, 0.85)]
SCRIBBLE = [(0.2, 0.2), (0.8, 0.8), (0.5, 0.2), (0.2, 0.8), (0.8, 0.3), (0.2, 0.5), (0.8, 0.55), (0.5, 0.9)]

expect.set_options(timeout=15_000)  # on a busy machine the first answer may take seconds


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start chromium, or skip the test where there is none."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed; .ci/run installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


class Visit:
    """One visit to the page. At its end nothing may have gone elsewhere, and the console must be empty."""

    def __init__(self, browser: Browser, address: str, path: str = "/", **options: Any) -> None:
        self.page: Page = browser.new_context(**options).new_page()
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._note(request.url, address))
        self.page.on("console", lambda message: self._hear(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address + path)
        expect(self.page.locator("#about")).not_to_be_empty()

    def _note(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.elsewhere.append(url)

    def _hear(self, text: str) -> None:
        if "willReadFrequently" not in text:  # advice on how these tests read canvases
            self.complaints.append(text)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.page.context.close()
        if kind is None:
            assert not self.elsewhere
            assert not self.complaints

    def locate(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        box = self.page.locator("#drawing").bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]

    def draw(self, points: list[tuple[float, float]]) -> None:
        first, *others = self.locate(points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in others:
            self.page.mouse.move(*point, steps=3)
        self.page.mouse.up()

    def expect(self, digit: str, addend: str, total: str) -> None:
        for name, text in (("digit", digit), ("addend", addend), ("sum", total)):
            expect(self.page.locator(f"#{name}")).to_have_text(text)

    def choose(self, addend: int) -> None:
        self.page.locator(f"label[for=add-{addend}]").click()
