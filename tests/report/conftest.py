"""A real browser on a synthetic campaign: Debian's Chromium, driven by Playwright, nothing but local files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from synthetic import make_campaign

from peropass.report.page import write_report

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
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ready(self, fragment: str = "") -> Page:
        """Load (again) with a fragment and wait until the table stands."""
        self.page.goto("about:blank")
        self.page.goto(self.url + fragment)
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    url: str = ""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "these tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def report_file(tmp_path_factory) -> Path:
    folder = make_campaign(tmp_path_factory.mktemp("campaign") / "synthetic", n=24)
    out = folder / "report.html"
    write_report(folder, out)
    return out


def watch(page: Page, url: str) -> Opened:
    """Record errors and requests of `page` from now on."""
    opened = Opened(page, url=url)
    page.on("console", lambda m: opened.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: opened.errors.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(LOCAL) else opened.requests.append(r.url))
    return opened


@pytest.fixture(scope="session")
def opened(browser: Browser, report_file: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1360, "height": 850})
    yield watch(page, report_file.as_uri())
    page.close()
