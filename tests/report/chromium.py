"""Headless Chromium for the report tests: flags, and a page that remembers its errors and requests."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Page

FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # WebGL 2 without a graphics card
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = ("file:", "blob:", "data:")


@dataclass
class Opened:
    """A page with what its console said and what it asked the network for."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ready(self, fragment: str = "") -> Page:
        """Load (again) with a fragment and wait until the table stands."""
        self.page.goto("about:blank")
        self.page.goto(self.url + fragment)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page


def watch(page: Page, url: str) -> Opened:
    """Record errors and requests of `page` from now on."""
    opened = Opened(page, url)
    page.on("console", lambda m: opened.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: opened.errors.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else opened.requests.append(r.url))
    return opened
