"""What an edit reruns, and what it must not: planned by Snakemake on a finished campaign, not executed."""

import copy
import json
import re
import shutil

import pytest
import yaml

from peropass.engine.work import RESULT

pytestmark = pytest.mark.workflow
FILE = "config/toy.yaml"
DFT = {"bulk", "reservoir", "molecule", "reference", "relax_clean", "relax_loaded", "fragment", "levels_clean", "levels_loaded"}  # fmt: skip
LAST = {"rank", "report"}


def edited(tree, path, old, new):
    """Replace one piece of text of a file in the tree; the fixture puts it back."""
    file = tree.root / path
    text = file.read_text()
    assert text.count(old) == 1, (path, old, text.count(old))
    file.write_text(text.replace(old, new))


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def test_order_comments_blanks_and_spelling_of_numbers_rerun_nothing(restored):
    data = reversed_keys(restored.campaign("toy"))
    text = "# another comment\n\n" + yaml.safe_dump(data, sort_keys=False, indent=4).replace(
        "26.0", "26"
    )
    restored.write("toy", text + "\n\n")
    protocols = restored.root / "config" / "protocols.yaml"
    blocks = reversed_keys(yaml.safe_load(protocols.read_text()))
    blocks["toy"]["description"] = "other words"
    blocks["smoke"]["energy"]["ecut_eV"] = 320  # of another protocol
    protocols.write_text(yaml.safe_dump(blocks, sort_keys=False))
    assert restored.planned(FILE).records == []


def test_the_same_file_by_another_path_reruns_nothing(restored):
    assert restored.planned("./config/../config/toy.yaml").records == []
    assert restored.planned(str(restored.root / FILE)).records == []


def test_tighter_forces_rerun_the_dft(restored):
    edited(
        restored,
        "config/protocols.yaml",
        "relax: {fmax_eV_per_ang: 0.05, max_steps: 400",
        "relax: {fmax_eV_per_ang: 0.03, max_steps: 400",
    )
    planned = restored.planned(FILE)
    assert {"relax_clean", "relax_loaded", "molecule", "reference"} <= planned.rules
    assert planned.candidates == {"csbr", "ma-br", "kx"}


def test_more_levels_rerun_the_levels_and_no_relaxation(restored):
    edited(
        restored,
        "config/protocols.yaml",
        "states_below: 6, states_above: 6",
        "states_below: 5, states_above: 6",
    )
    planned = restored.planned(FILE)
    assert planned.rules == {"levels_clean", "levels_loaded", "site", "candidate"} | LAST


@pytest.mark.parametrize(
    "ranking",
    [
        {"samples": 300},
        {"samples": 200, "seed": 8},
        {"samples": 200, "weights": {"vs_native_eV": 2.0}},
    ],
)
def test_a_weight_reruns_only_ranking_and_report(restored, ranking):
    restored.write("toy", {**restored.campaign("toy"), "ranking": ranking})
    assert restored.planned(FILE).rules == LAST


def test_conditions_of_the_solution_rerun_only_analysis(restored):
    restored.write("toy", {**restored.campaign("toy"), "lability": {"temperature_K": 350}})
    assert restored.planned(FILE).rules == {"candidate"} | LAST


def test_another_ligand_plans_only_its_own_chain(restored):
    data = restored.campaign("toy")
    data["candidates"].append({"ligand": "nax"})
    restored.write("toy", data)
    planned = restored.planned(FILE)
    assert planned.candidates == {"nax"}
    assert planned.rules == {
        "molecule", "thermo_molecule", "poses", "relax_loaded", "fragment", "levels_loaded", "candidate",
    } | LAST  # fmt: skip


def test_a_ligand_less_reruns_only_ranking_and_report(restored):
    data = restored.campaign("toy")
    data["candidates"] = [row for row in data["candidates"] if row["ligand"] != "kx"]
    restored.write("toy", data)
    assert restored.planned(FILE).rules == LAST


def test_another_row_of_the_same_ligand_is_its_own_candidate(restored):
    data = restored.campaign("toy")
    data["candidates"].append({"ligand": "csbr", "name": "csbr-again"})
    restored.write("toy", data)
    assert restored.planned(FILE).candidates == {"csbr-again"}


def test_words_about_a_ligand_rerun_no_calculation(restored):
    library = restored.root / "structures" / "ligands.yaml"
    before = library.read_text()
    library.write_text(before.replace("  kx:\n    name: ", "  kx:\n    name: another name of ", 1))
    try:
        assert not DFT & restored.planned(FILE).rules
    finally:
        library.write_text(before)


def test_an_edited_entry_reruns_that_ligand_alone(restored):
    library = restored.root / "structures" / "ligands.yaml"
    before = library.read_text()
    block = before[before.index("  kx:\n") :]
    changed = re.sub(r"motifs: \[[^\]]*\]", "motifs: [A-end-only]", block, count=1)
    assert changed != block
    library.write_text(before.replace(block, changed))
    try:
        planned = restored.planned(FILE)
        assert planned.candidates == {"kx"}
        assert not {"bulk", "relax_clean", "levels_clean"} & planned.rules
    finally:
        library.write_text(before)


@pytest.mark.parametrize(
    ("module", "reruns"),
    [
        ("analysis/ranking.py", {"site", "candidate"} | LAST),
        ("chemistry/reactions.py", {"candidate"} | LAST),
        ("report/page.py", {"report"}),
        ("engine/electronic.py", set()),
        ("surfaces/slabs.py", set()),
        ("monitor.py", set()),
    ],
)
def test_an_edit_of_code_reruns_cheap_steps_and_never_dft(restored, module, reruns):
    file = restored.root / "peropass" / module
    file.write_text(file.read_text() + "\n# a remark\n")
    assert restored.planned(FILE).rules == reruns


def test_a_bumped_revision_reruns_that_stage_and_what_follows(restored):
    edited(restored, "peropass/revisions.py", '"levels": 1,', '"levels": 2,')
    assert (
        restored.planned(FILE).rules
        == {"levels_clean", "levels_loaded", "site", "candidate"} | LAST
    )


def test_a_deleted_record_comes_back_from_its_work_folder(finished):
    """Planned: that job and what follows it. Executed: not one calculation, the same numbers."""
    tree, _ = finished
    folder = tree.root / "results/toy/toy/CsPbBr3-cubic/001-CsX/V-CsX/csbr/k0"
    file = folder / "relax.record.json"
    before, ranking = file.read_bytes(), (tree.root / "results/toy/ranking.csv").read_text()
    journals = {j: j.stat().st_mtime_ns for j in (tree.root / "results").rglob("journal.jsonl")}
    assert journals
    file.unlink()
    planned = tree.planned(FILE)
    assert str(file.relative_to(tree.root)) in planned.records
    assert planned.candidates == {"csbr"}
    assert planned.rules <= {"relax_loaded", "fragment", "levels_loaded", "candidate"} | LAST
    done = tree.peropass("run", FILE, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_bytes() == before
    assert {
        j: j.stat().st_mtime_ns for j in (tree.root / "results").rglob("journal.jsonl")
    } == journals
    assert without_times((tree.root / "results/toy/ranking.csv").read_text()) == without_times(
        ranking
    )
    assert tree.planned(FILE).records == []


SOCKET = "results/toy/toy/CsPbBr3-cubic/001-CsX/V-CsX/csbr"


@pytest.mark.parametrize(
    ("record", "followers"),
    [
        (f"{SOCKET}/k0/levels.record.json", {"levels_loaded", "candidate"} | LAST),
        (f"{SOCKET}/k0/fragment-slab.record.json", {"fragment", "candidate"} | LAST),
        (f"{SOCKET}/candidate.record.json", {"candidate"} | LAST),
        ("results/toy/ranking.json", LAST),
        ("results/toy/report.html", {"report"}),
    ],
)
def test_a_deleted_record_plans_itself_and_what_is_made_from_it(restored, record, followers):
    file, aside = restored.root / record, restored.root / "aside"
    file.rename(aside)
    try:
        planned = restored.planned(FILE)
    finally:
        aside.rename(file)
    assert planned.rules == followers
    made = {
        f"{SOCKET}/candidate.record.json",
        "results/toy/ranking.json",
        "results/toy/report.html",
    }
    assert set(planned.records) - made == {record} - made


def test_a_record_lost_with_its_work_folder_is_the_only_calculation(finished):
    """As in a campaign that was published without work folders: its followers find their own results again."""
    tree, _ = finished
    place = tree.root / SOCKET / "k0"
    file = place / "relax.record.json"
    before = json.loads(file.read_text())
    (work,) = place.glob("work-relax-*")
    shutil.rmtree(work)
    file.unlink()
    calculations = computed(tree)
    done = tree.peropass("run", FILE, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    after = json.loads(file.read_text())
    assert after["energy"] == before["energy"]
    assert after["final"] == before["final"]
    again = computed(tree)
    assert {f for f in again if again[f] != calculations.get(f)} == {work / RESULT}
    assert tree.planned(FILE).records == []


def computed(tree):
    """Time of each result that an engine left in its work folder."""
    found = (tree.root / "results/toy").rglob(f"work-*/{RESULT}")
    return {file: file.stat().st_mtime_ns for file in found}


def without_times(table):
    header, *rows = [line.split(",") for line in table.splitlines()]
    cost = header.index("core_seconds")
    return [header, *[[cell for n, cell in enumerate(row) if n != cost] for row in rows]]


def test_campaigns_share_nothing(restored):
    """A second campaign of the same content plans everything for itself."""
    data = copy.deepcopy(restored.campaign("toy"))
    data["campaign"] = "second"
    planned = restored.planned(restored.write("second", data))
    assert planned.rules >= DFT | LAST
