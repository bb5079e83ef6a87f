"""A finished funnel of poses is found again, also from another campaign; a changed input is not."""

from pathlib import Path

import pytest
from ase.io import read

from peropass.config import CandidateSettings, PoseSettings
from peropass.engine import pose_jobs
from peropass.records import Address
from peropass.reuse import reuse

FACE = (
    Path(__file__).resolve().parents[3] / "results/reference/quickstart/smoke/CsPbBr3-cubic/001-CsX"
)
PLACE = "toy/CsPbBr3-cubic/001-CsX/V-CsX/kx/poses.record.json"


def place(folder: Path, *, settings=None, ligand="kx", entry="1", campaign="c"):
    return pose_jobs.run(
        read(FACE / "V-CsX/none/none/relax.final.extxyz"),
        read(FACE / "pristine/none/none/relax.final.extxyz"),
        candidate=CandidateSettings(ligand=ligand),
        settings=settings or PoseSettings(generate=2, relax=1, xtb="none"),
        entry=entry,
        halide="Br",
        address=Address(campaign=campaign, protocol="toy", site="V-CsX", candidate=ligand),
        out=folder / PLACE,
        toy=True,
    )


@pytest.fixture
def funnels(monkeypatch):
    """Calls of the funnel itself."""
    seen, funnel = [], pose_jobs._funnel

    def counted(*arguments, **named):
        seen.append(named["address"].campaign)
        return funnel(*arguments, **named)

    monkeypatch.setattr(pose_jobs, "_funnel", counted)
    return seen


def test_another_campaign_finds_the_poses_and_writes_its_own_address(tmp_path, funnels):
    first = place(tmp_path / "c")
    reuse(tmp_path / "c", tmp_path / "d", "toy")
    second = place(tmp_path / "d", campaign="d")
    assert funnels == ["c"]
    assert (first.address.campaign, second.address.campaign) == ("c", "d")
    assert second.poses == first.poses
    kept = (tmp_path / "c" / PLACE).with_name("k0.build.extxyz")
    assert (tmp_path / "d" / PLACE).with_name("k0.build.extxyz").read_text() == kept.read_text()


def test_other_settings_or_another_ligand_are_placed_anew(tmp_path, funnels):
    place(tmp_path)
    place(tmp_path, settings=PoseSettings(generate=3, relax=1, xtb="none"))
    place(tmp_path, ligand="nax")
    place(tmp_path, entry="2")  # the same key with another SMILES in the library
    place(tmp_path)
    assert len(funnels) == 4


def test_a_failed_placement_is_tried_again(tmp_path, funnels, monkeypatch):
    from peropass.errors import BuildError

    def fails(*_):
        raise BuildError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(pose_jobs, "_placed", fails)
        assert place(tmp_path).status == "failed"
    assert place(tmp_path).status == "ok"
    assert len(funnels) == 2
