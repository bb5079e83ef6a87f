"""Halide hops in the graph: only where a campaign asks, on the clean surface and next to a ligand, into the record."""

import json

import pytest

CAMPAIGN = {
    "campaign": "hops",
    "protocol": "toy",
    "hosts": ["CsPbBr3-cubic"],
    "terminations": ["001-CsX"],
    "sites": ["V-CsX"],
    "slab": {"lateral": "sqrt2", "layers": 3, "frozen_layers": 1, "height_ang": 26.0},
    "poses": {"generate": 4, "relax": 1, "xtb": "none", "xtb_steps": 0, "conformers": 1},
    "candidates": [{"ligand": "ma-br", "role": "native"}, {"ligand": "csbr"}],
    "migration": {"rows": ["csbr"], "images": 3, "fmax_eV_per_ang": 1.0},
    "ranking": {"samples": 200},
}
SOCKET = "results/hops/toy/CsPbBr3-cubic/001-CsX/V-CsX"


@pytest.fixture(scope="module")
def hopped(tree):
    config = tree.write("hops", CAMPAIGN)
    done = tree.peropass("run", config, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree


def read(tree, path):
    return json.loads((tree.root / SOCKET / path).read_text())


def test_barriers_of_the_ligand_and_of_the_clean_surface_are_in_the_record(hopped):
    record = read(hopped, "csbr/candidate.record.json")
    own, clean = record["migration"], record["migration_clean"]
    assert record["migration_barrier_eV"] == own["barrier_eV"] > 0
    assert len(own["energies_eV"]) == len(clean["energies_eV"]) == 5
    # What the ligand is compared with is the same hop: the two start as far apart as relaxation lets them.
    assert own["distance_ang"] == pytest.approx(clean["distance_ang"], abs=0.5)
    assert read(hopped, "ma-br/candidate.record.json")["migration"] is None


def test_a_second_run_has_nothing_to_do_and_the_folder_verifies(hopped):
    again = hopped.peropass("run", "config/hops.yaml", "--cores", "1")
    assert "nothing to do" in again.stdout
    verified = hopped.peropass("verify", "results/hops")
    assert verified.returncode == 0, verified.stdout


def test_a_barrier_that_was_moved_is_named(hopped):
    file = hopped.root / SOCKET / "none/hops/csbr/band.record.json"
    text = file.read_text()
    band = json.loads(text)
    band["path"]["barrier_eV"] -= 0.1
    file.write_text(json.dumps(band))
    try:
        said = hopped.peropass("verify", "results/hops").stdout
    finally:
        file.write_text(text)
    assert "hops/csbr/band.record.json: barrier" in said


def test_more_images_rerun_the_bands_and_no_end(hopped):
    config = hopped.write("hops", {**CAMPAIGN, "migration": {**CAMPAIGN["migration"], "images": 5}})
    planned = hopped.planned(config)
    assert "band" in planned.rules
    assert not planned.rules & {"hopend", "relax_clean", "relax_loaded"}


def test_top_rows_come_from_the_last_ranking(hopped):
    """The only candidate that is no native is the best one: it is asked for, and its band is there already."""
    best = {**CAMPAIGN["migration"], "rows": [], "top": 1}
    config = hopped.write("hops", {**CAMPAIGN, "migration": best})
    assert "band" not in hopped.planned(config).rules
    asked = hopped.python(
        "from peropass.workflow import Plan; "
        f"plan = Plan('{config}'); print(plan.hops.of_socket(plan.sockets()[0]))"
    )
    assert "['bare', 'csbr']" in asked.stdout


def test_without_the_block_there_is_no_hop(hopped):
    bare = {key: value for key, value in CAMPAIGN.items() if key != "migration"}
    config = hopped.write("nohops", {**bare, "campaign": "nohops"})
    assert not hopped.planned(config).rules & {"hop", "hopend", "band"}


def test_a_row_that_is_no_candidate_is_refused(hopped):
    config = hopped.write("hops", {**CAMPAIGN, "migration": {"rows": ["topo"]}})
    refused = hopped.peropass("check", config)
    assert refused.returncode == 2
    assert "migration.rows.0: found topo" in refused.stdout + refused.stderr
