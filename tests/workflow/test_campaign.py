"""A whole campaign on the toy engine, from the command to the page; the second call has nothing to do."""

import csv
import json
import os
import time

import pytest

from peropass.errors import ToyRecord
from peropass.records import CandidateRecord, read_record

pytestmark = pytest.mark.workflow
SOCKET = "results/toy/toy/CsPbBr3-cubic/001-CsX/V-CsX"


def record(tree, path):
    return json.loads((tree.root / path).read_text())


def test_every_record_is_there_and_the_end_says_so(finished):
    tree, printed = finished
    assert "0 to do" in printed
    assert "report: results/toy/report.html" in printed
    assert (tree.root / "results/toy/report.html").exists()


def test_every_record_is_marked_as_toy_and_refused_where_numbers_count(finished):
    tree, _ = finished
    files = sorted((tree.root / "results/toy").rglob("*.record.json"))
    assert len(files) > 30
    for file in files:
        with pytest.raises(ToyRecord):
            read_record(file)
        assert read_record(file, allow_toy=True).toy


def test_the_report_refuses_toy_numbers(finished):
    """The page exists and says why it is empty; no energy of the toy engine stands in it."""
    tree, _ = finished
    page = (tree.root / "results/toy/report.html").read_text()
    assert "toy engine" in page
    energy = record(tree, f"{SOCKET}/ma-br/k0/relax.record.json")["energy"]["total_eV"]
    assert f"{energy:.2f}" not in page
    assert "0 rows" in (tree.root / "results/toy/logs/report.log").read_text()


def test_there_is_a_row_for_each_candidate_also_for_the_failed_one(finished):
    tree, _ = finished
    with open(tree.root / "results/toy/ranking.csv", encoding="utf-8") as stream:
        rows = {row["candidate"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {"csbr", "ma-br", "kx"}
    assert rows["ma-br"]["status"] == rows["csbr"]["status"] == "ok"
    assert rows["kx"]["status"] == "failed"


def test_a_candidate_that_fails_says_why_and_the_others_go_on(finished):
    tree, printed = finished
    failed = record(tree, f"{SOCKET}/kx/k0/relax.record.json")
    assert failed["status"] == "failed"
    assert "told to fail for K" in failed["reason"]
    assert f"failed: {SOCKET}/kx" in printed
    for part in ("levels", "fragment-slab", "fragment-ligand"):
        assert record(tree, f"{SOCKET}/kx/k0/{part}.record.json")["status"] == "missing"
    whole = record(tree, f"{SOCKET}/kx/candidate.record.json")
    assert whole["status"] == "failed"
    assert "told to fail for K" in whole["reason"]
    assert record(tree, f"{SOCKET}/ma-br/candidate.record.json")["status"] == "ok"


def test_records_say_how_they_can_be_made_again(finished):
    tree, _ = finished
    for name in ("csbr/k0/relax", "csbr/k0/levels", "none/none/relax"):
        command = record(tree, f"{SOCKET}/{name}.record.json")["provenance"]["command"]
        assert (
            command
            == f"snakemake --config campaign=config/toy.yaml --forcerun -- {SOCKET}/{name}.record.json"
        )


def test_terms_name_the_records_that_they_come_from(finished):
    tree, _ = finished
    candidate = read_record(
        tree.root / SOCKET / "csbr/candidate.record.json", CandidateRecord, allow_toy=True
    )
    named = [
        term.record for reaction in candidate.reactions for term in reaction.terms if term.record
    ]
    assert named
    for file in named:
        assert (tree.root / "results/toy" / file).exists(), file


def test_nothing_is_written_outside_results(finished):
    tree, _ = finished
    outside = {path.name for path in tree.root.iterdir()} - {
        "peropass", "scripts", "workflow", "structures", "profiles", "config", "Snakefile", "results", ".snakemake",
    }  # fmt: skip
    assert outside == set()


@pytest.mark.parametrize("candidate", ["csbr", "ma-br"])
def test_ten_thousand_candidates_stay_below_two_hundred_thousand_files(finished, candidate):
    """Records and structures of one; work folders and logs are scratch. GPAW adds the density slices of the levels."""
    tree, _ = finished
    places = [
        tree.root / SOCKET / candidate,
        tree.root / SOCKET.replace("001-CsX/V-CsX", "molecules") / candidate,
    ]
    files = [
        f for place in places for f in place.rglob("*") if f.is_file() and "/work-" not in str(f)
    ]
    assert (len(files) + 1) * 10_000 < 200_000, sorted(f.name for f in files)


def test_no_torn_or_temporary_file_is_left(finished):
    tree, _ = finished
    left = [
        p.name
        for p in (tree.root / "results").rglob("*")
        if p.suffix == ".tmp" or p.name.startswith(".")
    ]
    assert left == []


def test_no_heartbeat_outlives_its_job(finished):
    tree, _ = finished
    assert list((tree.root / "results" / "toy").rglob("*progress.json")) == []


def test_a_second_run_does_nothing_and_says_so(finished):
    tree, _ = finished
    before = {p: p.stat().st_mtime_ns for p in (tree.root / "results").rglob("*") if p.is_file()}
    done = tree.peropass("run", "config/toy.yaml", "--cores", "1")
    assert done.returncode == 0
    assert "config/toy.yaml: nothing to do, all" in done.stdout
    after = {p: p.stat().st_mtime_ns for p in (tree.root / "results").rglob("*") if p.is_file()}
    assert after == before


def test_a_second_run_by_snakemake_itself_does_nothing(finished):
    tree, _ = finished
    assert tree.planned("config/toy.yaml").records == []


PLANNING = """
import sys
from peropass.workflow import Plan
Plan("config/toy.yaml")
heavy = sorted({"gpaw", "rdkit", "ase", "pymatgen", "tblite", "matplotlib"} & set(sys.modules))
assert not heavy, heavy
"""


def test_planning_a_checked_campaign_imports_no_engine_and_no_chemistry(finished):
    tree, _ = finished
    done = tree.python(PLANNING)
    assert done.returncode == 0, done.stderr


def test_snakemake_refuses_bad_input_in_one_line_before_any_job(finished):
    tree, _ = finished
    file = tree.write("bad", {**tree.campaign("toy"), "campaign": "bad", "hosts": ["NoSuchHost"]})
    for done in (tree.snakemake(file), tree.peropass("run", file)):
        assert done.returncode != 0
        lines = [line for line in (done.stdout + done.stderr).splitlines() if "NoSuchHost" in line]
        assert len(lines) == 1
        assert "config/bad.yaml: hosts: found NoSuchHost; allowed: " in lines[0]
        assert "Traceback" not in done.stdout + done.stderr
    assert not (tree.root / "results/bad").exists()


def test_the_clock_of_another_machine_reruns_nothing_that_is_newer_by_content(finished):
    """Results whose times were moved together into the past (a copied campaign) are still finished."""
    tree, _ = finished
    files = [p for p in (tree.root / "results").rglob("*") if p.is_file()]
    shift = 3600
    for file in files:
        times = file.stat()
        os.utime(file, (times.st_atime - shift, times.st_mtime - shift))
    assert tree.planned("config/toy.yaml").records == []
    assert time.time() - max(f.stat().st_mtime for f in files) > shift / 2
