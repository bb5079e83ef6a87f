"""A ranking finds the same model in another campaign's folder, and nothing else."""

import shutil
from pathlib import Path

from peropass import gather
from peropass.config import load_campaign
from peropass.records import CandidateRecord, read_record

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "results" / "reference" / "quickstart"
ROW = "smoke/CsPbBr3-cubic/001-CsX/V-CsX/{}/candidate.record.json"


def test_the_same_model_at_another_coverage_stands_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(gather, "RESULTS", tmp_path)
    other = tmp_path / "reference" / "quickstart"
    for name in ("kx", "ma-br"):
        (other / ROW.format(name)).parent.mkdir(parents=True)
        shutil.copy(QUICKSTART / ROW.format(name), other / ROW.format(name))
    campaign = load_campaign(ROOT / "config" / "coverage.yaml")[0].model_copy(
        update={"beside": "quickstart"}
    )
    kx, topo = (read_record(QUICKSTART / ROW.format(n), CandidateRecord) for n in ("kx", "topo"))
    sparse = kx.model_copy(update={"coverage": 0.5 * kx.coverage})
    found = gather._beside(campaign, [sparse, topo], gather.error_model("smoke"), toy=False)
    assert [result.of for result in found] == ["kx"]  # no phosphine oxide over there
    assert found[0].value_eV == 0.0  # the same energy at both
    assert found[0].error_eV > 0
    assert gather._beside(campaign.model_copy(update={"beside": None}), [kx], None, False) == []
