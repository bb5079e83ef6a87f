"""A real browser on a synthetic campaign: Debian's Chromium, driven by Playwright, nothing but local files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import FLAGS, Opened, watch
from playwright.sync_api import Browser, sync_playwright
from synthetic import make_campaign

from peropass.report.page import write_report


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


@pytest.fixture(scope="session")
def opened(browser: Browser, report_file: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1360, "height": 850})
    yield watch(page, report_file.as_uri())
    page.close()
