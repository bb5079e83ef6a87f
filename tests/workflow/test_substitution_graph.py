"""Dopants in the graph: only where a campaign asks, each cell from the one before it, into one record that verifies."""

import json

import pytest

CAMPAIGN = {
    "campaign": "dopants",
    "protocol": "toy",
    "hosts": ["CsPbBr3-cubic"],
    "terminations": ["001-CsX"],
    "sites": ["Sr-Pb"],
    "slab": {"lateral": "sqrt2", "layers": 3, "frozen_layers": 1, "height_ang": 26.0},
    "controls": [
        {
            "name": "clean",
            "host": "CsPbBr3-cubic",
            "termination": "001-CsX",
            "site": "pristine",
            "expected": "survey",
        }
    ],
    "substitution": {"dopants": ["Sr"], "strains": [0.0], "vacancy": "none"},
}
HOST = "results/dopants/toy/CsPbBr3-cubic"


@pytest.fixture(scope="module")
def doped(tree):
    config = tree.write("dopants", CAMPAIGN)
    done = tree.peropass("run", config, "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    return tree


def record(tree):
    text = (tree.root / HOST / "substitution/substitution.record.json").read_text()
    return json.loads(text)


def test_the_preference_has_a_number_and_solution_energies_name_the_missing_salts(doped):
    found = {row["name"]: row for row in record(doped)["rows"]}
    assert set(found) == {"solution-bulk", "solution-surface", "surface-preference"}
    assert found["surface-preference"]["value"] is not None
    for name in ("solution-bulk", "solution-surface"):
        assert found[name]["value"] is None
        assert "no PbBr2: not asked for" in found[name]["reason"]
        assert "no SrBr2: not asked for" in found[name]["reason"]


def test_a_second_run_has_nothing_to_do_and_the_folder_verifies(doped):
    assert "nothing to do" in doped.peropass("run", "config/dopants.yaml", "--cores", "1").stdout
    verified = doped.peropass("verify", "results/dopants")
    assert verified.returncode == 0, verified.stdout
    assert "3 dopant numbers" in verified.stdout


def test_a_second_dopant_reruns_no_cell(doped):
    block = {**CAMPAIGN["substitution"], "dopants": ["Sr", "Sn"]}
    config = doped.write("dopants", {**CAMPAIGN, "substitution": block})
    planned = doped.planned(config)
    cells = {name.split("/")[-3] for name in planned.records if "/sqrt2x2/" in name}
    assert cells == {"Sn"}


def test_strains_and_salts_add_their_jobs_and_rerun_no_cell(doped):
    block = {**CAMPAIGN["substitution"], "strains": [-0.01, 0.0, 0.01], "phases": True}
    planned = doped.planned(doped.write("dopants", {**CAMPAIGN, "substitution": block}))
    names = {name.removeprefix(f"{HOST}/substitution/") for name in planned.records}
    cells = {f"sqrt2x2/{d}/{s}" for d in ("undoped", "Sr") for s in ("a09900", "a10100")}
    added = {*cells, "phases/PbBr2", "phases/SrBr2"}
    assert {f"{name}/relax.record.json" for name in added} <= names
    assert not [
        name
        for name in names
        if "a10000" in name or name.startswith("results") and name.endswith("relax.record.json")
    ]


def test_without_the_block_there_is_no_dopant(doped):
    bare = {key: value for key, value in CAMPAIGN.items() if key != "substitution"}
    config = doped.write("nodopants", {**bare, "campaign": "nodopants"})
    planned = doped.planned(config)
    assert not planned.rules & {"doped", "phase_source", "substitution"}
    assert not [name for name in planned.records if "substitution" in name]
