"""Debian's Chromium, driven by Playwright: pages as a reader sees them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

# Its sandbox wants a user who is not root; WebGL is drawn by the processor.
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Opened:
    """A page, and what was heard of it since it was opened."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    clock: CDPSession | None = None

    def busy_s(self) -> float:
        """CPU seconds of the page's thread since it was opened with `clock`."""
        assert self.clock is not None
        metrics = self.clock.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "ThreadTime"))


@contextlib.contextmanager
def opened(
    browser: Browser,
    path: Path,
    *,
    width: int = 1200,
    scheme: Any = "light",
    clock: bool = False,
) -> Iterator[Opened]:
    """The file as a page, all its charts drawn."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    found = Opened(page)
    if clock:
        found.clock = page.context.new_cdp_session(page)
        found.clock.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))
    try:
        page.goto(path.resolve().as_uri())
        page.wait_for_selector("html[data-drawn]", state="attached", timeout=60_000)
        yield found
    finally:
        page.close()
