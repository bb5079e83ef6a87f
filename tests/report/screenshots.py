"""Pictures of every view of a report: ``python tests/report/screenshots.py REPORT.html FOLDER [--compare COMPARE.html]``."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from chromium import FLAGS
from playwright.sync_api import Page, sync_playwright

SECTIONS = ("map", "method", "validation", "limits")


def load(page: Page, report: Path, fragment: str = "") -> None:
    page.goto("about:blank")
    page.goto(report.resolve().as_uri() + fragment)
    page.wait_for_selector("html[data-ready]", state="attached")


def open_card(page: Page) -> None:
    page.locator("#table tbody th button").first.click()
    page.wait_for_selector("#card[data-shown]")
    page.wait_for_timeout(400)


def take(report: Path, folder: Path) -> None:
    """Write PNG files: first screen, sections, card, weights, dark, and the page on paper as PDF."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        load(page, report)
        page.screenshot(path=folder / "first-screen.png")
        for name in SECTIONS:
            page.evaluate(
                f"document.getElementById('{name}').scrollIntoView({{behavior: 'instant'}})"
            )
            page.wait_for_timeout(400)
            page.screenshot(path=folder / f"{name}.png")
        load(page, report)
        page.locator("#weights-menu summary").click()
        page.locator("#weights input").first.focus()
        for _ in range(8):
            page.keyboard.press("ArrowRight")
        page.screenshot(path=folder / "weights.png")
        load(page, report)
        open_card(page)
        page.screenshot(path=folder / "card.png")
        for part, name in (
            ("Levels and traps", "card-levels"),
            ("Convergence", "card-convergence"),
        ):
            heading = page.locator("#card h3", has_text=part)
            if heading.count():
                heading.first.evaluate("e => e.scrollIntoView()")
                page.wait_for_timeout(200)
                page.screenshot(path=folder / f"{name}.png")
        page.emulate_media(color_scheme="dark")
        load(page, report)
        page.screenshot(path=folder / "dark.png")
        page.emulate_media(color_scheme="light", media="print")
        load(page, report)
        page.pdf(path=folder / "paper.pdf", format="A4", landscape=True)
        browser.close()


def take_comparison(file: Path, folder: Path) -> None:
    """Picture of the page that `peropass compare` drew."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        page.goto(file.resolve().as_uri())
        page.screenshot(path=folder / "compare.png")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compare", type=Path, help="page of a comparison")
    options = parser.parse_args()
    take(options.report, options.folder)
    if options.compare:
        take_comparison(options.compare, options.folder)


if __name__ == "__main__":
    main()
