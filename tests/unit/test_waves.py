"""Waves of a large campaign: what is settled is not planned again, what changed is, and nothing else."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest
import yaml
from campaign_folder import CAMPAIGN, workplace

from peropass import paths
from peropass.waves import Waves
from peropass.workflow import Plan

NEW = {"ligand": "nax"}


@pytest.fixture
def place(toy_place, tmp_path, monkeypatch):
    """A finished campaign of two rows; waves of one row make it a large one."""
    shutil.copytree(toy_place / "results", tmp_path / "results")
    monkeypatch.chdir(workplace(tmp_path))
    write(CAMPAIGN)
    return tmp_path


def write(data):
    Path("small.yaml").write_text(yaml.safe_dump(data))


@cache
def plan_of(_text):
    """A plan looks at files when it is asked, so one per campaign file serves all tests."""
    return Plan("small.yaml")


def waves(size=1):
    """As a new process sees them: nothing is remembered but what stands on the disk."""
    plan = plan_of(Path("small.yaml").read_text())
    plan.waves = Waves(plan, size)
    return plan.waves


def candidate(key):
    return f"results/small/toy/CsPbBr3-cubic/001-CsX/V-CsX/{key}/candidate.record.json"


def settle_all():
    for _ in range(4):
        now = waves()
        if not now.to_come:
            return
        now.settle(succeeded=True)
    raise AssertionError("not settled after as many waves as there are rows")


def test_a_small_campaign_has_no_waves(place):
    small = waves(size=2)
    assert not small.active
    small.settle(succeeded=True)
    assert small.to_come == 0
    assert not Path(small.manifest).exists()


def test_one_wave_after_the_other_and_the_ranking_last(place):
    first = waves()
    assert first.targets() == [candidate("ma-br")]
    assert first.to_come == 2
    first.settle(succeeded=True)
    second = waves()
    assert second.targets() == [candidate("kx")]
    second.settle(succeeded=True)
    plan = waves().plan
    assert plan.targets() == [plan.path(paths.REPORT)]
    assert plan.candidate_records() == [plan.waves.manifest]


def test_a_row_more_is_the_only_one_planned(place):
    settle_all()
    write({**CAMPAIGN, "candidates": [*CAMPAIGN["candidates"], NEW]})
    assert waves().unsettled == [candidate("nax")]


def test_a_row_less_leaves_the_manifest(place):
    settle_all()
    write({**CAMPAIGN, "candidates": [*CAMPAIGN["candidates"], NEW]})
    waves().settle(succeeded=True)
    write(CAMPAIGN)
    assert waves().to_come == 0


def test_a_weight_and_a_comment_unsettle_nothing(place):
    settle_all()
    write({**CAMPAIGN, "ranking": {"samples": 200, "weights": {"vs_native_eV": 2.0}}})
    Path("small.yaml").write_text("# a remark\n" + Path("small.yaml").read_text())
    assert waves().to_come == 0


def test_a_row_that_changed_is_the_only_one_unsettled(place):
    settle_all()
    rows = [CAMPAIGN["candidates"][0], {"ligand": "kx", "halide": "Cl"}]
    write({**CAMPAIGN, "candidates": rows})
    assert waves().unsettled == [candidate("kx")]


def test_other_conditions_unsettle_every_row(place):
    settle_all()
    write({**CAMPAIGN, "lability": {"temperature_K": 350}})
    assert len(waves().unsettled) == 2


def test_a_record_that_is_gone_is_asked_for_by_name(place):
    settle_all()
    gone = Path(candidate("kx")).parent / "k0" / "levels.record.json"
    gone.unlink()
    assert waves().targets() == [candidate("kx"), str(gone)]


def test_a_record_that_is_newer_than_its_candidate_unsettles_that_one(place):
    settle_all()
    file = Path(candidate("kx")).parent / "k0" / "relax.record.json"
    os.utime(file)
    assert waves().unsettled == [candidate("kx")]


def test_only_a_run_that_was_asked_for_a_wave_settles_what_it_did_not_write(place):
    """`snakemake -- one.record.json` ends well too, and has looked at nothing else."""
    now = waves()
    assert not now.asked
    now.targets()
    assert now.asked


def test_a_clock_that_was_an_hour_ahead_keeps_no_row_unsettled(place):
    """Snakemake compares contents and does nothing; the same times are then as good as older ones."""
    file = Path("results/small/toy/CsPbBr3-cubic/bulk/eos.record.json")
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime + 3600))
    assert waves().to_come == 2
    settle_all()
    assert waves().to_come == 0
    os.utime(file, (file.stat().st_atime, file.stat().st_mtime + 1))
    assert waves().to_come == 2


def test_after_a_run_with_failures_only_what_it_wrote_is_settled(place):
    run = waves()
    run.started += 3600  # long after the records were made
    run.settle(succeeded=False)
    assert waves().to_come == 2
    os.utime(candidate("ma-br"))
    waves().settle(succeeded=False)
    assert waves().unsettled == [candidate("kx")]


def test_a_torn_manifest_costs_a_look_and_no_job(place):
    settle_all()
    for content in ("", "{", "[1, 2]", '"text"'):
        Path(waves().manifest).write_text(content)
        assert waves().to_come == 2
    settle_all()
    assert waves().to_come == 0
