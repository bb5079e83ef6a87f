"""The report in a real browser: what a reader does with it."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import Opened, watch
from matplotlib.image import imread
from playwright.sync_api import Browser
from synthetic import HOSTILE

from peropass.report.collect import collect
from peropass.report.page import build_report

pytestmark = pytest.mark.browser

NAMES = "#table tbody th button"
OPENED = "#card[data-shown]"


def column(page, index: int) -> list[str]:
    return [
        row.locator("td, th").nth(index).inner_text()
        for row in page.locator("#table tbody tr").all()
    ]


def names(page) -> list[str]:
    return page.locator(NAMES).all_inner_texts()


def open_card(page, row: int) -> None:
    page.locator(NAMES).nth(row).click()
    page.wait_for_selector(OPENED)


def wait_until(page, expression: str) -> None:
    """Wait until a JavaScript expression is true; the page's security policy forbids Playwright's own polling, which uses eval."""
    for _ in range(50):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}; address {page.evaluate('location.hash')}")


def close_card(page) -> None:
    """Press Escape until the card is gone: a browser drops keys that come before the first frame of a page is drawn."""
    for _ in range(50):
        page.keyboard.press("Escape")
        page.wait_for_timeout(100)
        if page.evaluate("!document.querySelector('#card').open"):
            return
    raise AssertionError("Escape does not close the card")


def drawn_colours(page, selector: str) -> tuple[int, str]:
    """Number of distinct colours of an element as painted, and a digest of the picture."""
    picture = page.locator(selector).screenshot()
    pixels = (imread(BytesIO(picture), format="png")[..., :3] * 255).round().astype(int)
    colours = np.unique(pixels.reshape(-1, 3), axis=0)
    return len(colours), sha256(pixels.tobytes()).hexdigest()


def digest_after(page, selector: str, before: str) -> str:
    """Digest of an element once it looks different than `before`; frames are drawn after the event that asks for them."""
    for _ in range(20):
        digest = drawn_colours(page, selector)[1]
        if digest != before:
            return digest
        page.wait_for_timeout(100)
    raise AssertionError(f"{selector} is drawn as before")


def test_first_screen_shows_coverage_limits_settings_and_all_rows(opened: Opened) -> None:
    page = opened.ready()
    assert len(names(page)) == 24
    top = page.locator("header").inner_text()
    assert "24 expected / 19 done" in top
    assert "2 failed" in top
    assert "1 anomalous" in top
    assert "1 missing" in top
    assert "xc PBE" in top
    assert "modelling choices" in top
    assert "passed" in top


def test_failed_and_missing_candidates_stand_with_their_reason(opened: Opened) -> None:
    page = opened.ready()
    body = page.locator("#table tbody").inner_text()
    assert "SCF did not converge after remedy 6 of 6" in body
    assert "no record" in body


def test_ties_are_drawn_between_neighbours(opened: Opened) -> None:
    page = opened.ready()
    assert page.locator("#table td.tie-down").count() > 0
    assert page.locator("#table td.tie-down").count() == page.locator("#table td.tie-up").count()


def test_sorting_by_a_column_reverses_on_the_second_click_and_keeps_missing_last(
    opened: Opened,
) -> None:
    page = opened.ready()
    button = page.locator('[data-sort="binding_energy_eV"]')
    button.click()
    header = page.locator("th", has=button)
    assert header.get_attribute("aria-sort") == "ascending"
    first = names(page)
    button.click()
    assert header.get_attribute("aria-sort") == "descending"
    second = names(page)
    n = 19  # of 24 rows; the others have no energy
    assert second[:n] == first[:n][::-1]
    assert set(first[n:]) == set(second[n:])


def test_sort_works_from_the_keyboard(opened: Opened) -> None:
    page = opened.ready()
    page.locator('[data-sort="label"]').focus()
    page.keyboard.press("Enter")
    shown = [name.lower() for name in names(page)]
    assert shown == sorted(shown)


def test_filters_by_class_status_and_text_combine(opened: Opened) -> None:
    page = opened.ready()
    page.select_option("#f-status", "failed")
    assert len(names(page)) == 2
    page.select_option("#f-status", "")
    page.select_option("#f-ligand_class", "zwitterion")
    assert set(column(page, 2)) == {"zwitterion"}
    page.fill("#q", "variant 21")
    assert names(page) == ["taurine variant 21"]
    assert "1 of 24" in page.locator("#count").inner_text()


def test_columns_can_be_switched(opened: Opened) -> None:
    page = opened.ready()
    page.locator("#columns-menu summary").click()
    page.locator("#columns").get_by_label("Dispersion (eV of binding)").check()
    assert page.locator('[data-sort="dispersion_share_eV"]').count() == 1
    page.locator("#columns").get_by_label("Class").uncheck()
    assert page.locator('[data-sort="ligand_class"]').count() == 0


def test_moving_a_weight_changes_the_order_and_the_address(opened: Opened) -> None:
    page = opened.ready()
    before = names(page)
    page.locator("#weights-menu summary").click()
    slider = page.locator("#w-trap_verdict")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "0"
    after = names(page)
    assert after != before
    assert sorted(after) == sorted(before)
    wait_until(page, "location.hash.includes('w.trap_verdict=0.0')")
    assert "Weights differ" in page.locator("#changed").inner_text()
    page.locator("#w-reset").click()
    assert names(page) == before


def test_default_weights_reproduce_the_order_of_the_ranking(opened: Opened) -> None:
    """Identity: the page's own arithmetic at the configured weights gives the ranks of the record."""
    page = opened.ready()
    ranks = page.locator("#table td.rank b").all_inner_texts()
    opened.ready("#w.distortion=0.5000000000001")
    assert page.locator("#changed").inner_text() == ""
    page = opened.ready("#w.distortion=0.501")
    assert page.locator("#table td.rank b").all_inner_texts() == ranks


def test_the_address_restores_filter_sort_and_card(opened: Opened) -> None:
    page = opened.ready(
        "#sort=label:down&ligand_class=L-type&card=CsPbBr3-cubic/001-CsX/V-CsX/topo-11"
    )
    page.wait_for_selector(OPENED)
    assert "TOPO variant 11" in page.locator("#card-title").inner_text()
    close_card(page)
    wait_until(page, "!location.hash.includes('card')")
    assert page.locator("#f-ligand_class").input_value() == "L-type"


def test_card_shows_terms_poses_convergence_and_the_command(opened: Opened) -> None:
    page = opened.ready()
    open_card(page, 1)
    text = page.locator("#card").inner_text()
    for expected in ("Terms of binding", "interaction at frozen geometry", "Desorption channels", "Levels and traps",
                     "H closer than 1.2", "SCF iterations", "Remedies", "Measured, not computed", "Park2020", "snakemake"):  # fmt: skip
        assert expected in text
    close_card(page)
    wait_until(page, "document.activeElement.tagName == 'BUTTON'")


def test_card_plots_the_path_of_the_halide_hop(opened: Opened) -> None:
    page = opened.ready()
    open_card(page, names(page).index("DDAB"))
    plot = page.locator("#card svg[aria-label^='Path of the halide hop']")
    assert "clean surface 0.34 eV" in plot.get_attribute("aria-label")
    text = page.locator("#card").inner_text()
    assert "+0.270 eV" in text  # 0.61 - 0.34: what the ligand adds to the barrier
    page.keyboard.press("Escape")


def test_structure_is_drawn_and_turns_with_the_mouse_and_the_keyboard(opened: Opened) -> None:
    page = opened.ready()
    open_card(page, 0)
    colours, first = drawn_colours(page, ".view.after")
    assert colours > 50  # shaded atoms; a blank canvas has one
    box = page.locator(".view.after").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 150, steps=4)
    page.mouse.up()
    dragged = digest_after(page, ".view.after", first)
    _, other = drawn_colours(page, ".view.before")
    page.locator(".view.after").focus()
    page.keyboard.press("ArrowLeft")
    digest_after(page, ".view.after", dragged)
    digest_after(page, ".view.before", other)  # both views turn together


def test_a_map_point_opens_its_card(opened: Opened) -> None:
    page = opened.ready()
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_selector("#plot .point")
    point = page.locator("#plot .point").first
    label = point.get_attribute("aria-label")
    point.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(OPENED)
    assert label.startswith(page.locator("#card-title").inner_text())


def test_rings_mark_the_pareto_front_of_the_axes_shown(opened: Opened, report_file: Path) -> None:
    """Against the definition: no ranked row of the same socket is at least as good on both axes and better on one."""
    page = opened.ready()
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_selector("#plot .point")
    labels = page.locator("#plot .point").evaluate_all(
        "nodes => nodes.map((n) => n.getAttribute('aria-label'))"
    )
    ringed = {label.rpartition(", rank")[0] for label in labels if "Pareto front" in label}
    ranked = [one for one in collect(report_file.parent).evidence if one.row.rank is not None]

    def beaten(a, b) -> bool:
        least = b.vs_native_eV <= a.vs_native_eV and b.lability_eV >= a.lability_eV
        same = (b.vs_native_eV, b.lability_eV) == (a.vs_native_eV, a.lability_eV)
        return a.site == b.site and least and not same

    front = [one for one in ranked if not any(beaten(one.row, other.row) for other in ranked)]
    assert ringed == {one.candidate.label for one in front}
    assert len(ringed) < len(ranked)
    page.select_option("#map-x", "gap_eV")
    assert "No Pareto front" in page.locator("#map-note").inner_text()


def test_map_axes_change_including_a_third_as_colour(opened: Opened) -> None:
    page = opened.ready()
    page.locator("#map").scroll_into_view_if_needed()
    page.wait_for_selector("#plot .point")
    page.select_option("#map-x", "trap_verdict")
    page.select_option("#map-y", "distortion")
    page.select_option("#map-c", "lability_eV")
    assert "healed" in page.locator("#plot svg").last.text_content()
    wait_until(page, "location.hash.includes('map-c=lability_eV')")


def test_a_ligand_called_script_is_text(opened: Opened) -> None:
    page = opened.ready()
    assert HOSTILE in names(page)
    open_card(page, names(page).index(HOSTILE))
    assert page.locator("#card-title").inner_text() == HOSTILE
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_finding(opened: Opened, scheme: str) -> None:
    page = opened.ready()
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.getElementById('map').scrollIntoView()")
    page.wait_for_selector("#plot .point")
    for card in (False, True):
        if card:
            open_card(page, 1)
        found = Axe().run(page).response["violations"]
        serious = [
            f"{v['id']}: {v['nodes'][0]['html'][:120]}"
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == []
    page.emulate_media(color_scheme="light")


def test_paper_shows_every_row_and_no_tools(opened: Opened) -> None:
    page = opened.ready()
    page.emulate_media(media="print")
    assert not page.locator(".tools").first.is_visible()
    assert len(page.pdf(format="A4", landscape=True)) > 20_000
    page.emulate_media(media="screen")


def test_cards_that_stand_beside_the_page_open_with_their_structures(
    browser: Browser, report_file: Path, tmp_path: Path
) -> None:
    """What a campaign of ten thousand rows gets: the page holds the table alone."""
    report = build_report(collect(report_file.parent), embed_limit_MB=0.0, beside="page-cards")
    (tmp_path / "page.html").write_text(report.html)
    (tmp_path / "page-cards").mkdir()
    for name, text in report.beside.items():
        (tmp_path / name).write_text(text)
    beside = watch(
        browser.new_page(viewport={"width": 1360, "height": 850}),
        (tmp_path / "page.html").as_uri(),
    )
    page = beside.ready()
    open_card(page, 0)
    assert drawn_colours(page, ".view.after")[0] > 50
    assert beside.requests == beside.errors == []
    for name in report.beside:
        (tmp_path / name).unlink()
    page = beside.ready()
    open_card(page, 0)
    assert "page-cards/0.js is not beside the page" in page.locator("#card").inner_text()
    page.close()


def test_nothing_leaves_the_page_and_nothing_is_reported_as_error(opened: Opened) -> None:
    """Runs last in this file: covers every page load and card above."""
    page = opened.ready()
    open_card(page, 0)
    assert opened.requests == []
    assert opened.errors == []
