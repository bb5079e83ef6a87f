"""What the report refuses: it says which file and why, leaves the row out and invents nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from peropass.engine.jobs import write_structure
from peropass.ids import structure_hash
from peropass.report.collect import Collection, collect

TOPO = "smoke/CsPbBr3-cubic/001-CsX/V-CsX/topo"


def edit(path: Path, **changes) -> None:
    data = json.loads(path.read_text())
    data.update(changes)
    path.write_text(json.dumps(data))


def names(collection: Collection) -> set[str]:
    return {one.row.candidate for one in collection.evidence}


def only_problem(collection: Collection) -> tuple[str, str]:
    assert len(collection.problems) == 1
    return collection.problems[0].file, collection.problems[0].reason


def test_a_whole_campaign_has_no_problem_and_every_row(made: Path) -> None:
    collection = collect(made)
    assert collection.problems == []
    assert len(collection.evidence) == 12
    assert all(
        one.best.final is not None for one in collection.evidence if one.candidate is not None
    )


@pytest.mark.parametrize(
    "file",
    [
        "candidate.record.json",
        "poses.record.json",
        "p00/relax.record.json",
        "p00/levels.record.json",
    ],
)
def test_a_toy_record_takes_its_row_out(campaign: Path, file: str) -> None:
    edit(campaign / TOPO / file, toy=True)
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert len(collection.evidence) == 11
    where, reason = only_problem(collection)
    assert where == f"{TOPO}/{file}"
    assert "toy engine" in reason


def test_a_toy_ranking_shows_nothing(campaign: Path) -> None:
    edit(campaign / "ranking.json", toy=True)
    collection = collect(campaign)
    assert collection.ranking is None
    assert collection.evidence == []
    assert "toy engine" in only_problem(collection)[1]


def test_a_toy_ranking_with_a_broken_row_shows_nothing_either(campaign: Path) -> None:
    data = json.loads((campaign / "ranking.json").read_text())
    del data["rows"][0]["site"]
    (campaign / "ranking.json").write_text(json.dumps(data | {"toy": True}))
    collection = collect(campaign)
    assert collection.evidence == []
    assert "toy engine" in only_problem(collection)[1]


def test_a_record_that_does_not_parse_takes_its_row_out(campaign: Path) -> None:
    (campaign / TOPO / "candidate.record.json").write_text('{"kind": "candidate", ')
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert "not JSON" in only_problem(collection)[1]


@pytest.mark.parametrize("file", ["p00/relax.record.json", "p00/levels.record.json"])
def test_mixed_protocols_take_their_row_out(campaign: Path, file: str) -> None:
    edit(campaign / TOPO / file, settings_hash="another")
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert "mixed protocols: settings another" in only_problem(collection)[1]


def test_a_row_without_a_column_is_named_and_the_others_stay(campaign: Path) -> None:
    data = json.loads((campaign / "ranking.json").read_text())
    row = next(r for r in data["rows"] if r["candidate"] == "topo")
    del row["site"]
    (campaign / "ranking.json").write_text(json.dumps(data))
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert len(collection.evidence) == 11
    assert any("column site" in p.reason and p.row == "topo" for p in collection.problems)


def test_a_ranking_older_than_its_records_is_stale(campaign: Path) -> None:
    path = campaign / TOPO / "candidate.record.json"
    data = json.loads(path.read_text())
    data["reactions"][0]["value_eV"] += 0.01
    path.write_text(json.dumps(data))
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert "stale" in only_problem(collection)[1]


def test_a_vanished_candidate_record_takes_its_row_out(campaign: Path) -> None:
    (campaign / TOPO / "candidate.record.json").unlink()
    collection = collect(campaign)
    assert "topo" not in names(collection)
    assert "no candidate record" in only_problem(collection)[1]


def test_a_structure_that_is_not_the_recorded_one_is_not_shown_but_its_row_is(
    campaign: Path,
) -> None:
    path = campaign / TOPO / "p00/relax.final.extxyz"
    text = path.read_text().splitlines()
    fields = text[3].split()
    fields[1] = f"{float(fields[1]) + 0.5:.8f}"
    path.write_text("\n".join([*text[:3], " ".join(fields), *text[4:]]) + "\n")
    collection = collect(campaign)
    topo = next(one for one in collection.evidence if one.row.candidate == "topo")
    assert topo.best.final is None
    assert "hash differs" in only_problem(collection)[1]


def test_a_moved_campaign_folder_still_finds_its_files(made: Path, campaign: Path) -> None:
    moved = campaign.rename(campaign.parent / "elsewhere")
    assert collect(moved).problems == []


def test_a_structure_keeps_its_hash_through_a_file_of_the_engine(tmp_path: Path) -> None:
    """Positions near the middle of two rounding steps included: 12,000 random coordinates."""
    for seed in range(20):
        positions = np.random.default_rng(seed).normal(0, 9, (200, 3))
        atoms = Atoms("H200", positions, cell=[9.123456749999, 8, 7], pbc=True)
        assert structure_hash(write_structure(atoms, tmp_path / "h.extxyz")) == structure_hash(
            atoms
        )


def test_an_empty_folder_names_the_missing_ranking(tmp_path: Path) -> None:
    collection = collect(tmp_path)
    assert collection.evidence == []
    assert collection.problems[0].file == "ranking.json"
