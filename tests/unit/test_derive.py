"""A finished campaign is derived again from its calculations alone: what was edited comes back, better error terms arrive."""

import json

import pytest
from campaign_folder import copied

from peropass import derive, gather, verify
from peropass.analysis.uncertainty import ErrorModel
from peropass.cli import main
from peropass.errors import PeropassError

SITE = "toy/CsPbBr3-cubic/001-CsX"


@pytest.fixture
def folder(in_toy_place, tmp_path):
    return copied(in_toy_place / "results" / "small", tmp_path / "small")


def content(folder):
    """All JSON of a folder without what a clock says, and its table."""
    found = {}
    for file in sorted(folder.rglob("*.json")):
        data = json.loads(file.read_text())
        data.get("provenance", {}).pop("started_utc", None)
        found[str(file.relative_to(folder))] = data
    return found | {"csv": (folder / "ranking.csv").read_text()}


def test_a_second_analysis_changes_nothing(folder, capsys):
    before = content(folder)
    assert main(["analyse", str(folder)]) == 0
    assert content(folder) == before
    assert "records derived again" in capsys.readouterr().out


def test_derived_numbers_that_were_edited_come_back(folder):
    before = content(folder)
    file = folder / SITE / "V-CsX/kx/candidate.record.json"
    data = json.loads(file.read_text())
    data["reactions"][0]["value_eV"] = -9.0
    file.write_text(json.dumps(data))
    (folder / "ranking.csv").write_text("nothing\n")
    derive.analyse(derive.open_folder(folder))
    assert content(folder) == before
    assert verify.verify(derive.open_folder(folder)).deviations == []


def test_a_larger_error_term_reaches_records_and_ranking(folder, monkeypatch):
    known = gather.error_model("toy").model_dump()
    known["terms"]["cutoff"] |= {"sigma_eV": 2.0, "common": 0.0}
    larger = ErrorModel.model_validate(known)
    monkeypatch.setattr(gather, "error_model", lambda _: larger)
    before = content(folder)
    derive.analyse(derive.open_folder(folder))
    record = f"{SITE}/V-CsX/kx/candidate.record.json"

    def errors(found):
        return {r["name"]: r["error_eV"] for r in found[record]["reactions"] if r["error_eV"]}

    after = content(folder)
    assert errors(after)["binding"] > 2.0 > errors(before)["binding"]
    assert after["ranking.json"]["error_model"]["terms"]["cutoff"]["sigma_eV"] == 2.0
    assert verify.verify(derive.open_folder(folder)).deviations == []


def test_a_calculation_that_is_missing_is_named_and_later_records_stay(folder):
    (folder / SITE / "V-CsX/none/none/relax.record.json").write_text("{")
    before = (folder / "ranking.json").read_text()
    with pytest.raises(PeropassError, match="relax.record.json"):
        derive.analyse(derive.open_folder(folder))
    assert (folder / "ranking.json").read_text() == before
