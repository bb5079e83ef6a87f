"""A site that the relaxed face cannot have: records that say so all the way to the ranking, and nothing else stops."""

import json

import pytest
from campaign_folder import CAMPAIGN, run_campaign, workplace

from peropass import verify
from peropass.errors import InputError
from scripts import slab

REASON = "no Pb has three halides of its own"
SITE = "toy/CsPbBr3-cubic/001-CsX/V-CsX"


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """A toy campaign of one candidate whose socket cannot be made."""

    def make_site(pristine, site):
        raise InputError(f"site {site}", REASON, "another site")

    with pytest.MonkeyPatch.context() as patch:
        folder = workplace(tmp_path_factory.mktemp("refused"))
        patch.chdir(folder)
        patch.setattr(slab, "make_site", make_site)
        data = {**CAMPAIGN, "candidates": [{"ligand": "csbr", "role": "native"}]}
        yield run_campaign(folder / "small.yaml", data).absolute()


def told(root, name):
    data = json.loads((root / f"{name}.record.json").read_text())
    return data["status"], data["reason"]


def test_the_slab_step_says_why(refused):
    status, reason = told(refused, f"{SITE}/none/none/build")
    assert status == "failed"
    assert REASON in reason
    assert (refused / SITE / "none/none/build.extxyz").read_text() == ""


@pytest.mark.parametrize(
    "name",
    [
        "none/none/relax",
        "none/none/levels",
        "none/none/site",
        "csbr/poses",
        "csbr/k0/relax",
        "csbr/k0/levels",
        "csbr/k0/fragment-slab",
        "csbr/candidate",
    ],
)
def test_every_stage_behind_it_is_missing_with_the_reason(refused, name):
    status, reason = told(refused, f"{SITE}/{name}")
    assert status == "missing"
    assert REASON in reason


def test_what_does_not_need_it_goes_on_and_the_ranking_shows_the_row(refused):
    assert told(refused, "toy/CsPbBr3-cubic/001-CsX/pristine/none/none/site")[0] == "ok"
    (row,) = json.loads((refused / "ranking.json").read_text())["rows"]
    assert row["status"] == "missing"
    assert REASON in row["reason"]
    assert verify.verify(verify.open_folder(refused), any_versions=True).deviations == []
