"""A clean campaign is clean wherever it lies; whatever is tampered with is named."""

import json

import pytest
from campaign_folder import copied

from peropass import gather, recompute, record_checks, verify
from peropass.cli import main
from peropass.engine import jobs
from peropass.errors import InputError

SITE = "toy/CsPbBr3-cubic/001-CsX"
LOADED = f"{SITE}/V-CsX/kx/k0/relax.record.json"


@pytest.fixture
def original(in_toy_place):
    return in_toy_place / "results" / "small"


@pytest.fixture
def folder(original, tmp_path):
    """The campaign, moved to results/reference as it is committed: other folder, no work folders."""
    return copied(original, tmp_path / "reference" / "small")


def deviations(folder):
    return verify.verify(verify.open_folder(folder)).deviations


def edited(file, change):
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_a_moved_campaign_is_clean(folder, capsys):
    assert main(["verify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "clean" in said
    assert "2 candidates" in said


def test_recomputed_toy_energies_agree(folder, capsys):
    assert main(["verify", str(folder), "--recompute", "2"]) == 0
    assert capsys.readouterr().out.count("recomputed toy/") == 2


def test_recomputing_clears_its_own_scratch_alone(original, capsys):
    """Also where the campaign is named by a path that ends in `..`."""
    kept = original.parent / "verify" / "kept"
    kept.mkdir(parents=True)
    assert main(["verify", str(original / "toy" / ".."), "--recompute", "1"]) == 0
    assert kept.is_dir()
    assert (original / "ranking.json").exists()
    kept.rmdir()


def test_two_processes_may_recompute_one_campaign(folder, monkeypatch):
    """One starts and ends while the other is under way: neither finds, nor removes, what the other computes."""
    computed = jobs.run
    places, inner = [], []

    def run(atoms, job):
        places.append(job.record)
        if len(places) == 1:
            inner.extend(recompute.recompute(verify.open_folder(folder), 2, 1, verify.Findings()))
        return computed(atoms, job)

    monkeypatch.setattr(jobs, "run", run)
    findings = verify.Findings()
    outer = recompute.recompute(verify.open_folder(folder), 2, 1, findings)
    assert findings.deviations == []
    assert outer == inner
    assert len(set(places)) == len(places) == 4


def test_an_energy_that_was_moved_is_found_in_the_record_and_in_all_that_follows(folder):
    def lower(data):
        data["energy"]["electronic_eV"] -= 0.1
        data["energy"]["total_eV"] -= 0.1

    edited(folder / LOADED, lower)
    found = deviations(folder)
    assert any(line.startswith(LOADED) and "last step" in line for line in found)
    assert any("kx/candidate.record.json: reactions.binding.value_eV" in line for line in found)


def test_an_energy_that_is_no_sum_is_refused_by_the_schema(folder):
    edited(folder / LOADED, lambda data: data["energy"].update(total_eV=0.0))
    assert any(
        line.startswith(LOADED) and "sum of its terms" in line for line in deviations(folder)
    )


TAMPERED = {
    "a reaction of a candidate": (
        f"{SITE}/V-CsX/kx/candidate.record.json",
        lambda data: data["reactions"][0].update(value_eV=-9.0),
        "reactions.binding.value_eV is -9.0",
    ),
    "a row of the ranking": (
        "ranking.json",
        lambda data: data["rows"][0].update(rank=7),
        "rank is 7",
    ),
    "the settings": (LOADED, lambda data: data["settings"].update(ecut_eV=500.0), "settings hash"),
    "the k-points": (LOADED, lambda data: data.update(kpts=[3, 3, 1]), "identity"),
    "the status": (LOADED, lambda data: data.update(fmax_eV_per_ang=0.4), "0.4"),
    "the address": (
        LOADED,
        lambda data: data["address"].update(candidate="ma-br"),
        "candidate ma-br",
    ),
    "the campaign": (
        LOADED,
        lambda data: data["address"].update(campaign="other"),
        "campaign other",
    ),
    "the lattice constant": (
        "toy/CsPbBr3-cubic/bulk/eos.record.json",
        lambda data: data.update(a_ang=5.5),
        "lattice constant 5.5",
    ),
    "the levels' structure": (
        f"{SITE}/V-CsX/kx/k0/levels.record.json",
        lambda data: data["structure"].update(hash="0" * 16),
        "0000000000000000",
    ),
    "the versions of the ranking": (
        "ranking.json",
        lambda data: data["provenance"].update(versions={"gpaw": "1.0"}),
        "provenance.versions.gpaw",
    ),
    "a version": (LOADED, lambda data: data["provenance"]["versions"].update(numpy="1.0"), "numpy"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_tampered_with_is_named(what, folder):
    name, change, said = TAMPERED[what]
    edited(folder / name, change)
    assert any(said in line for line in deviations(folder)), deviations(folder)


def test_a_ranking_names_the_versions_of_its_rows(folder):
    name = f"{SITE}/V-CsX/kx/candidate.record.json"
    lock = {"gpaw": "26.7.0", "paw-Br": "3f19edda0410b779"}
    edited(folder / name, lambda data: data["provenance"].update(versions=lock))
    opened = verify.open_folder(folder).copy
    assert gather.ranked(opened.campaign, opened.protocol, folder).provenance.versions == lock


def test_a_moved_atom_is_found_by_its_hash(folder):
    file = folder / SITE / "V-CsX" / "kx" / "k0" / "relax.final.extxyz"
    lines = file.read_text().splitlines()
    words = lines[2].split()
    words[1] = f"{float(words[1]) + 0.001:.8f}"
    lines[2] = " ".join(words)
    file.write_text("\n".join(lines) + "\n")
    assert any("relax.final.extxyz" in line and "hash" in line for line in deviations(folder))


def test_a_table_that_is_not_the_ranking_and_files_that_are_gone_are_named(folder):
    table = folder / "ranking.csv"
    table.write_text(table.read_text().replace("kx", "xk"))
    (folder / SITE / "V-CsX" / "kx" / "k0" / "relax.initial.extxyz").unlink()
    (folder / SITE / "V-CsX" / "ma-br" / "candidate.record.json").unlink()
    found = "\n".join(deviations(folder))
    assert "ranking.csv" in found
    assert "relax.initial.extxyz: the structure file is missing" in found
    assert "ma-br/candidate.record.json: no such record" in found


def test_datasets_of_another_release_are_named_unless_allowed(folder):
    for file in folder.rglob("*.record.json"):
        edited(file, lambda data: data["provenance"]["versions"].update({"numpy": "1.0"}))
    opened = verify.open_folder(folder)
    assert any("1.0 in the records" in line for line in verify.verify(opened).deviations)
    assert not any(
        "in the records" in line for line in verify.verify(opened, any_versions=True).deviations
    )


def test_a_folder_without_its_campaign_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no campaign\.json"):
        verify.open_folder(tmp_path)


def test_numbers_within_rounding_agree_and_names_lead_to_the_difference():
    stored = {"rows": [{"name": "a", "x": 1.0, "ok": True}], "n": 2}
    derived = {"rows": [{"name": "a", "x": 1.0 + 1e-9, "ok": False}], "n": 3}
    assert list(verify.differences(stored, derived)) == [("n", 2, 3), ("rows.a.ok", True, False)]


def test_drafts_in_work_folders_are_not_records(original):
    opened = record_checks.Folder(original, verify.open_folder(original).copy)
    assert all("work-" not in str(file.relative_to(original)) for file in opened.files())


def test_words_may_differ_by_the_rounding_of_a_number_and_by_nothing_else():
    same = verify.same_words
    assert same("weight 0.538 - edge's -0.142: yes", "weight 0.538 - edge's -0.143: yes")
    assert not same("weight 0.538: yes", "weight 0.540: yes")
    assert not same("weight 0.538: yes", "weight 0.538: no")
    assert not same("weight 0.538", "weight 0.5380")
