"""The block `substitution` of a campaign: what is refused in one line, what it asks for, and that it changes nothing elsewhere."""

import json

import pytest
import yaml
from campaign_folder import CAMPAIGN, workplace

from peropass.config import load_campaign
from peropass.errors import InputError
from peropass.plan import planned_jobs
from peropass.workflow import Plan
from peropass.workflow_substitution import cell_mesh, strain_name, strain_of


@pytest.fixture
def load(tmp_path):
    def read(**block):
        file = tmp_path / "mine.yaml"
        data = {**CAMPAIGN, "campaign": "mine"}
        file.write_text(yaml.safe_dump({**data, "substitution": block} if block else data))
        return load_campaign(file)[0]

    return read


@pytest.mark.parametrize(
    ("block", "named"),
    [
        (
            {"dopants": ["Ti"]},
            "substitution.dopants.0: found Ti, of which no neutral site is known",
        ),
        ({"dopants": ["Sr", "Pb"]}, "substitution.dopants.1: found Pb, the B ion of CsPbBr3-cubic"),
        ({"dopants": ["Sr", "Sr"]}, "each element once"),
        ({"dopants": ["Sr"], "strains": [-0.01, 0.01]}, "substitution.strains"),
        ({"dopants": ["Sr"], "strains": [0.0, 0.01]}, "substitution.strains"),
        ({"dopants": ["Sr"], "strains": [0.0, 0.01, 0.02]}, "both sides of 0"),
        ({"dopants": []}, "substitution.dopants"),
        ({"dopants": ["Sr"], "cell": "1x1"}, "substitution.cell"),
    ],
)
def test_refusals_are_one_line(load, block, named):
    with pytest.raises(InputError) as refusal:
        load(**block)
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_site_of_a_dopant_keeps_the_cell_neutral(load):
    settings = load(dopants=["Sr", "Bi", "Ag"]).substitution
    assert settings.sites == ["Sr-Pb", "Bi-Pb-V-Cs", "Ag-Pb-V-X", "V-CsX", "Sr-Pb-V-CsX"]
    assert load(dopants=["Sr"], vacancy="none").substitution.sites == ["Sr-Pb"]
    assert load(dopants=["Sr"], surface=False).substitution.sites == []


def test_a_campaign_without_the_block_has_no_trace_of_it(load):
    assert "substitution" not in load().model_dump()
    assert "substitution" not in json.loads(load().model_dump_json())
    assert load(dopants=["Sr"]).model_dump()["substitution"]["dopants"] == ["Sr"]


def test_strains_have_names_and_come_back():
    for strain in (-0.01, 0.0, 0.0125, 0.05):
        assert strain_of(strain_name(strain)) == pytest.approx(strain, abs=1e-9)
    assert strain_name(0.0) == "a10000"


@pytest.mark.parametrize(
    ("n", "cell", "mesh"),
    [
        (4, "sqrt2x2", (3, 3, 2)),
        (3, "sqrt2x2", (2, 2, 2)),
        (2, "sqrt2x2", (1, 1, 1)),
        (4, "2x2x2", (2, 2, 2)),
        (6, "2x2x2", (3, 3, 3)),
    ],
)
def test_meshes_have_the_density_of_the_cubic_cell(n, cell, mesh):
    """Within half a point per axis, as whole numbers allow."""
    assert cell_mesh(n, cell) == mesh


def test_the_plan_lists_every_job_of_the_block_once(tmp_path, monkeypatch):
    monkeypatch.chdir(workplace(tmp_path))
    place = {"host": "CsPbBr3-cubic", "termination": "001-CsX", "site": "V-CsX"}
    base = {
        **CAMPAIGN,
        "campaign": "mine",
        "candidates": [],
        "controls": [{"name": "hole", **place}],
    }
    block = {"dopants": ["Sr"], "strains": [-0.01, 0.0, 0.01], "phases": True}
    for name, more in (("bare", {}), ("doped", {"substitution": block})):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**base, **more}))
    bare, doped = Plan("bare.yaml"), Plan("doped.yaml")
    before, after = ({j.output: j for j in planned_jobs(p)} for p in (bare, doped))
    assert {file for file, _ in doped.all_records()} == {
        name for name in after if not name.endswith("build.extxyz")
    }
    assert set(before) <= set(after)
    rules = [after[name].rule for name in set(after) - set(before)]
    # three strains of two cells, the slab with strontium and that with a vacancy beside it, two salts
    expected = {"doped": 6, "slab": 2, "relax_clean": 2, "phase_source": 2, "substitution": 1}
    assert {rule: rules.count(rule) for rule in set(rules)} == expected
    for name, job in before.items():
        if job.rule != "report":
            assert after[name] == job
