"""The page as text: escaped, complete, reproducible, nothing from the web."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pytest
from synthetic import HOSTILE, make_campaign

from peropass.report.collect import collect
from peropass.report.page import SHARD_CARDS, ReportContext, build_report, write_report
from peropass.report.validation import Comparison


@pytest.fixture(scope="module")
def html(made: Path) -> str:
    return build_report(collect(made)).html


def unpacked(html: str, name: str) -> object:
    text = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_the_same_records_give_the_same_page(made: Path, html: str) -> None:
    assert build_report(collect(made)).html == html


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    assert re.findall(r'(?:src|href)="(?!#)[^"]*"', html) == []
    assert "default-src 'none'" in html


def test_names_from_records_never_enter_as_markup(html: str) -> None:
    assert HOSTILE not in html
    assert "<script>window.hacked" not in html
    assert HOSTILE in unpacked(html, "rows")["columns"]["label"]


def test_a_hostile_reason_in_the_problem_list_is_escaped(campaign: Path) -> None:
    data = json.loads((campaign / "ranking.json").read_text())
    data["rows"][0] = {"candidate": HOSTILE}
    (campaign / "ranking.json").write_text(json.dumps(data))
    page = build_report(collect(campaign)).html
    assert HOSTILE not in page
    assert "&lt;script&gt;window.hacked" in page


def test_the_head_of_the_page_names_each_refused_file_and_why(campaign: Path) -> None:
    """One of each kind at once: a toy record, a torn one, other settings, a row of the ranking without a column."""
    site = "smoke/CsPbBr3-cubic/001-CsX/V-CsX"
    toy = campaign / site / "topo/candidate.record.json"
    toy.write_text(toy.read_text().replace('"toy": false', '"toy": true'))
    (campaign / site / "taurine/poses.record.json").write_text('{"kind": ')
    mixed = campaign / site / "kx/p00/relax.record.json"
    mixed.write_text(mixed.read_text().replace("synthetic0001", "another"))
    ranking = json.loads((campaign / "ranking.json").read_text())
    next(row for row in ranking["rows"] if row["candidate"] == "ddab").pop("status")
    (campaign / "ranking.json").write_text(json.dumps(ranking))
    page = build_report(collect(campaign)).html
    head = html_text(page[page.index("<header>") : page.index("</header>")])
    for told in (
        f"{site}/topo/candidate.record.json: made by the toy engine",
        f"{site}/taurine/poses.record.json: not JSON",
        f"{site}/kx/candidate.record.json kx: mixed protocols: settings another",
        "column status: Field required",
    ):
        assert told in head
    rows = unpacked(page, "rows")
    assert rows["n"] == 8
    assert not {"topo", "taurine", "kx", "ddab"} & set(rows["columns"]["candidate"])
    assert "4 left out" in head


def html_text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", markup).split())


def test_every_row_has_a_card_with_its_terms(html: str) -> None:
    rows = unpacked(html, "rows")
    assert rows["n"] == 12
    i = rows["columns"]["candidate"].index("taurine")
    card = unpacked(html, f"c{i}")
    binding = card["candidate"]["reactions"][0]
    total = sum(t["coefficient"] * t["energy_eV"] for t in binding["terms"])
    assert total == pytest.approx(binding["value_eV"], abs=1e-3)  # terms are shown to six digits
    assert [s["name"] for s in card["structures"]] == [
        "bare socket, relaxed",
        "starting pose",
        "relaxed",
    ]
    assert len(card["structures"][2]["p"]) == 3 * len(card["structures"][2]["s"].split())
    assert card["diagram"][0]["columns"][1]["name"] == "defect"


def test_assumptions_of_the_code_stand_in_the_limits(html: str) -> None:
    assert "These windows: they fix how many eV weigh" in html


def test_a_published_value_that_is_missed_stands_out(made: Path) -> None:
    missed = Comparison("a of <x>", 5.9, 5.98, "Angstrom", 0.02, "somebody 2020")
    page = build_report(collect(made), ReportContext(validation=[missed])).html
    row = re.search(r'<tr class="fail"><th scope="row">a of &lt;x&gt;.*?</tr>', page)[0]
    assert "-0.080" in row
    assert "DIFFERS" in row
    assert '<b class="bad">!</b>' in page  # in the navigation, too
    assert '<b class="bad">!</b>' not in build_report(collect(made)).html


def test_missing_numbers_are_dashes_not_zeros(html: str) -> None:
    rows = unpacked(html, "rows")["columns"]
    i = rows["status"].index("failed")
    assert rows["binding_energy_eV"][i] is None
    assert rows["rank"][i] is None


def test_many_cards_go_beside_the_page(made: Path) -> None:
    report = build_report(collect(made), embed_limit_MB=0.0, beside="r-cards")
    assert list(report.beside) == ["r-cards/0.js"]
    assert f"const SHARD = {SHARD_CARDS}" in report.html
    assert 'id="c0"' not in report.html
    text = report.beside["r-cards/0.js"]
    assert text.startswith("peropassCards(0,`")
    assert len(text.split("`")[1].splitlines()) == 12


def test_a_campaign_that_is_refused_still_gives_a_page(tmp_path: Path) -> None:
    report = write_report(tmp_path)
    assert report.rows == 0
    assert "ranking.json" in (tmp_path / "report.html").read_text()


def test_page_of_one_row(tmp_path: Path) -> None:
    report = write_report(make_campaign(tmp_path / "synthetic", n=1))
    assert (report.rows, report.refused) == (1, 0)
