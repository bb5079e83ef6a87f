"""A finished funnel of poses is found again, also from another campaign; a changed input is not."""

from pathlib import Path

import pytest
from ase.io import read, write

from peropass.config import CandidateSettings, PoseSettings
from peropass.engine import pose_jobs
from peropass.ids import structure_hash
from peropass.records import Address
from peropass.reuse import reuse

FACE = (
    Path(__file__).resolve().parents[3] / "results/reference/quickstart/smoke/CsPbBr3-cubic/001-CsX"
)
PLACE = "toy/CsPbBr3-cubic/001-CsX/V-CsX/kx/poses.record.json"


def place(folder: Path, *, settings=None, ligand="kx", entry="1", campaign="c", start=None):
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
        start=start,
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


KNOWN = FACE / "V-CsX/kx/k0/relax.final.extxyz"


def test_a_known_minimum_is_the_one_pose(tmp_path, funnels):
    placed = place(tmp_path)
    given = place(tmp_path, start=str(KNOWN))
    assert len(funnels) == 2  # another identity than the placed ones
    assert given.provenance.physics_hash != placed.provenance.physics_hash
    assert [(pose.kept, pose.file) for pose in given.poses] == [(True, "k0.build.extxyz")]
    assert str(KNOWN) in given.poses[0].reason
    built = read((tmp_path / PLACE).with_name("k0.build.extxyz"))
    known = read(KNOWN)
    assert structure_hash(built) == structure_hash(known)
    assert list(built.arrays["fragment"]) == list(known.arrays["fragment"])


def altered(tmp_path, change):
    atoms = read(KNOWN)
    change(atoms)
    write(tmp_path / "start.extxyz", atoms, format="extxyz")
    return place(tmp_path, start=str(tmp_path / "start.extxyz"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda atoms: atoms.set_chemical_symbols(
                ["Na" if s == "K" else s for s in atoms.symbols]
            ),
            "Na",
        ),
        (lambda atoms: atoms.set_cell(atoms.cell * 1.01), "cell"),
        (lambda atoms: atoms.positions.__setitem__(0, atoms.positions[0] + 0.01), "held atoms"),
    ],
    ids=["another ligand", "another cell", "moved held atoms"],
)
def test_a_start_that_is_not_of_this_row_is_a_row_with_its_reason(tmp_path, change, told):
    record = altered(tmp_path, change)
    assert record.status == "failed"
    assert told in record.reason
    assert "start.extxyz" in record.reason
