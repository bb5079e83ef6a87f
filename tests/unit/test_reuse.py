"""Work folders travel whole, once, and only between different campaigns."""

import json
from pathlib import Path

import pytest
from campaign_folder import CAMPAIGN, copied, run_campaign

from peropass.engine import equation_of_state, level_jobs, pose_jobs
from peropass.engine import jobs as relaxation_jobs
from peropass.errors import InputError, RecordError
from peropass.reuse import reuse


def made(root, name="smoke/host/work-relax-1"):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_text("steps\n")
    (folder / "lock").write_text("")
    return folder


def test_a_work_folder_is_copied_to_the_same_place_without_its_lock(tmp_path):
    made(tmp_path / "a")
    assert reuse(tmp_path / "a", tmp_path / "b", "smoke") == 1
    copy = tmp_path / "b" / "smoke/host/work-relax-1"
    assert {p.name for p in copy.iterdir()} == {"journal.jsonl"}


def test_a_protocol_of_another_name_finds_the_folders_too(tmp_path):
    """Names are not hashed: a job with other energy settings has another hash and finds nothing there."""
    made(tmp_path / "a")
    reuse(tmp_path / "a", tmp_path / "b", "smoke-hse")
    assert (tmp_path / "b/smoke-hse/host/work-relax-1/journal.jsonl").exists()
    assert not (tmp_path / "b/smoke").exists()


def test_what_the_target_has_is_left_alone(tmp_path):
    made(tmp_path / "a")
    mine = made(tmp_path / "b")
    (mine / "journal.jsonl").write_text("more steps\n")
    assert reuse(tmp_path / "a", tmp_path / "b", "smoke") == 0
    assert (mine / "journal.jsonl").read_text() == "more steps\n"


def test_a_folder_that_is_not_there_or_is_the_same_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        reuse(tmp_path / "none", tmp_path / "b", "smoke")
    with pytest.raises(InputError, match="another campaign"):
        reuse(tmp_path, tmp_path, "smoke")


RESULTS = ("result.record.json", "initial.extxyz", "final.extxyz", "equilibrium.extxyz")


def results(root):
    """What the jobs of a campaign would find: result and structures of each work folder, less whose command it was."""
    found = {}
    for file in sorted(root.rglob("work-*/*")):
        if file.name in RESULTS or file.name.endswith(".build.extxyz"):
            text = file.read_text()
            if file.suffix == ".json":
                data = json.loads(text)
                data["provenance"].pop("command")
                text = json.dumps(data, sort_keys=True)
            found[str(file.relative_to(root))] = text
    return found


def test_a_published_campaign_gives_the_same_work_folders(in_toy_place, tmp_path):
    root = Path("results/small")
    reuse(copied(root, tmp_path / "published"), tmp_path / "other", "toy")
    again, before = results(tmp_path / "other"), results(root)
    kinds = {Path(name).parent.name.split("-")[1] for name in again}
    assert {"eos", "relax", "poses", "levels", "default", "fragment"} <= kinds
    assert again == before


def test_a_campaign_takes_over_a_published_one_and_computes_nothing(
    in_toy_place, tmp_path, monkeypatch
):
    other = {**CAMPAIGN, "campaign": "again"}
    reuse(copied(Path("results/small"), tmp_path / "published"), Path("results/again"), "toy")

    def computed(*_, **__):
        raise AssertionError("computed what was published")

    for module in (relaxation_jobs, level_jobs, pose_jobs, equation_of_state):
        name = {pose_jobs: "_funnel", equation_of_state: "_Scan", level_jobs: "_toy_levels"}
        monkeypatch.setattr(module, name.get(module, "_compute"), computed)
    root = run_campaign(Path("again.yaml"), other)
    assert (root / "ranking.json").exists()


def test_a_record_that_does_not_parse_is_named(tmp_path):
    file = tmp_path / "a/smoke/relax.record.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"kind": "rel')
    with pytest.raises(RecordError, match="relax.record.json"):
        reuse(tmp_path / "a", tmp_path / "b", "smoke")
