"""The recall estimate: dropped poses that were drawn are relaxed and compared with the best kept one."""

from dataclasses import replace

import pytest
from ase import Atoms

from peropass.config import PoseSettings
from peropass.engine import pose_jobs, xtb
from peropass.records import Filter
from peropass.surfaces.funnel import run_funnel
from peropass.surfaces.poses import PlacedPose, PoseSet

SETTINGS = PoseSettings(recall=3, relax=1, xtb_steps=2)


def score(energy, accepted=True):
    return xtb.XtbScore(energy, accepted, "", "GFN1-xTB", Atoms("H"))


def placed(n):
    poses = [
        PlacedPose(f"p{k:02d}", "m", "a", 0, Atoms("H", [[3.0 * k, 0, 0]]), "upright", 0.0)
        for k in range(n)
    ]
    return PoseSet(poses, [Filter(name="placed", before=n, after=n)])


def test_the_best_of_each_wanted_class_is_relaxed_however_it_scores_as_placed(monkeypatch):
    """Three flat poses score better than the only upright one: with two poses wanted it is relaxed too, with one it is not."""
    tried = []

    def score_poses(poses, *, relax_steps, **_):
        if relax_steps:
            tried.append([round(float(pose.positions[0, 0]) / 3.0) for pose in poses])
        return [score(0.1 * pose.positions[0, 0]) for pose in poses]

    monkeypatch.setattr(xtb, "score_poses", score_poses)
    turned = [replace(pose, orientation="flat") for pose in placed(4).poses[:3]]
    poses = PoseSet([*turned, placed(4).poses[3]], [])
    for wanted in (1, 2):
        pose_jobs.score_and_relax(poses, SETTINGS, wanted)
    assert tried == [[0, 1], [0, 1, 3]]


def estimate(monkeypatch, scores, relaxed):
    """`relaxed` is what the cheap tier finds for poses that were only scored as placed."""
    monkeypatch.setattr(xtb, "score_poses", lambda poses, **_: [score(relaxed)])
    poses = placed(len(scores))
    chosen = run_funnel(poses, scores, keep=1, recall_sample=3)
    return pose_jobs.estimate_recall(poses, scores, chosen, SETTINGS)


def test_a_lost_winner_is_counted(monkeypatch):
    """Kept -3 eV; the dropped one that was only scored as placed falls to -3.5 eV."""
    found = estimate(monkeypatch, [score(-3.0), score(-2.0), score(-1.0, accepted=False)], -3.5)
    assert (found.dropped, found.drawn, found.better, found.failed) == (2, 2, 1, 0)
    assert found.lowest_eV == pytest.approx(-0.5)


def test_nothing_lost(monkeypatch):
    found = estimate(monkeypatch, [score(-3.0), score(-2.0), score(None, accepted=False)], None)
    assert (found.drawn, found.better, found.failed) == (2, 0, 1)
    assert found.lowest_eV == pytest.approx(1.0)


def test_a_campaign_without_the_estimate_keeps_its_parameters():
    assert "recall" not in PoseSettings().model_dump()
    assert PoseSettings(recall=3).model_dump()["recall"] == 3
    assert PoseSettings.model_validate(SETTINGS.model_dump()) == SETTINGS
