"""Campaign files: closed schema, canonical parameters, and what each row must say."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from peropass import config
from peropass.config import (
    HOSTS_FOLDER,
    LIBRARY_FILE,
    MINIMUM_VACUUM_ANG,
    PROTOCOLS_FILE,
    canonical_candidate,
    canonical_energy,
    canonical_levels,
    canonical_poses,
    canonical_slab,
    load_campaign,
)
from peropass.engine.protocol import load_protocols
from peropass.errors import InputError

CAMPAIGN = {
    "campaign": "mine",
    "protocol": "toy",
    "hosts": ["CsPbBr3-cubic"],
    "terminations": ["001-CsX"],
    "sites": ["V-CsX"],
    "slab": {"lateral": "sqrt2", "layers": 3, "frozen_layers": 1, "height_ang": 26.0},
    "candidates": [{"ligand": "csbr", "role": "self-test"}, {"ligand": "ma-br", "role": "native"}],
}


@pytest.fixture
def load(tmp_path):
    def read(data):
        file = tmp_path / "mine.yaml"
        file.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
        return load_campaign(file)

    return read


def parameters(campaign, protocol):
    """Every canonical parameter that a rule receives from this campaign."""
    return [
        canonical_slab(campaign),
        canonical_poses(campaign),
        canonical_energy(protocol),
        canonical_levels(protocol),
        *(canonical_candidate(campaign, key) for key in sorted(campaign.by_key)),
    ]


def reordered(value):
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(list(value))}
    return value


def test_order_comments_blanks_and_spelling_of_numbers_have_no_meaning(load):
    plain = parameters(*load(CAMPAIGN))
    assert parameters(*load(reordered(CAMPAIGN))) == plain
    text = yaml.safe_dump(CAMPAIGN).replace("26.0", "26  # Angstrom")
    assert parameters(*load("# a comment\n\n" + text + "\n\n")) == plain


def test_defaults_written_out_have_no_meaning(load):
    campaign, protocol = load(CAMPAIGN)
    full = json.loads(campaign.model_dump_json())
    assert parameters(*load(full)) == parameters(campaign, protocol)


def test_a_role_or_a_name_is_no_input_of_a_calculation(load):
    other = copy.deepcopy(CAMPAIGN)
    other["candidates"][0] |= {"role": "candidate", "name": "salt"}
    assert canonical_candidate(load(other)[0], "salt") == canonical_candidate(
        load(CAMPAIGN)[0], "csbr"
    )


def test_a_start_is_no_input_of_a_molecule_and_has_to_be_there(load):
    other = copy.deepcopy(CAMPAIGN)
    other["candidates"][0]["start"] = "results/reference/cspbbr3/campaign.json"
    assert parameters(*load(other)) == parameters(*load(CAMPAIGN))
    other["candidates"][0]["start"] = "results/none.extxyz"
    with pytest.raises(InputError, match=r"candidates\.0\.start.*none\.extxyz"):
        load(other)


@pytest.mark.parametrize(
    ("block", "key", "value"),
    [("slab", "height_ang", 27.0), ("slab", "layers", 5), ("slab", "lateral", "2x2")],
)
def test_a_changed_number_changes_its_parameter_alone(load, block, key, value):
    other = copy.deepcopy(CAMPAIGN)
    other[block][key] = value
    before, after = parameters(*load(CAMPAIGN)), parameters(*load(other))
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_forces_and_levels_do_not_rerun_each_other():
    protocol = load_protocols(PROTOCOLS_FILE)["smoke"]
    tighter = protocol.model_copy(
        update={"relax": protocol.relax.model_copy(update={"fmax_eV_per_ang": 0.01})}
    )
    more = protocol.model_copy(
        update={"levels": protocol.levels.model_copy(update={"states_above": 40})}
    )
    assert canonical_energy(tighter) != canonical_energy(protocol)
    assert canonical_levels(tighter) == canonical_levels(protocol)
    assert canonical_energy(more) == canonical_energy(protocol)
    assert canonical_levels(more) != canonical_levels(protocol)


def test_the_native_baseline_is_the_first_row_of_that_role(load):
    other = copy.deepcopy(CAMPAIGN)
    other["candidates"].append({"ligand": "nh4-scn", "role": "native"})
    assert load(other)[0].native.key == "ma-br"


def test_rows_are_known_by_name_or_ligand(load):
    other = copy.deepcopy(CAMPAIGN)
    other["candidates"].append({"ligand": "ma-br", "name": "ma-br-2"})
    assert list(load(other)[0].by_key) == ["csbr", "ma-br", "ma-br-2"]


def test_every_campaign_file_of_the_repository_is_valid():
    files = [f for f in PROTOCOLS_FILE.parent.glob("*.yaml") if "campaign:" in f.read_text()]
    assert files
    for file in files:
        load_campaign(file)


CONTROLS = {
    **{k: v for k, v in CAMPAIGN.items() if k != "candidates"},
    "terminations": ["001-CsX", "001-PbX2"],
    "controls": [
        {"name": "a", "host": "CsPbBr3-cubic", "termination": "001-CsX", "site": "V-CsX"},
        {"name": "b", "host": "CsPbBr3-cubic", "termination": "001-PbX2", "site": "pristine"},
    ],
}


def test_controls_need_no_candidate_and_name_all_that_is_computed(load):
    """Only the named combinations and the pristine slab of each, not the product of the lists."""
    campaign, _ = load(CONTROLS)
    host = "CsPbBr3-cubic"
    assert campaign.places == [
        (host, "001-CsX", "pristine"),
        (host, "001-CsX", "V-CsX"),
        (host, "001-PbX2", "pristine"),
    ]


@pytest.mark.parametrize(
    ("row", "key", "value"),
    [
        (1, "name", "a"),
        (0, "site", "V-X"),
        (0, "host", "CsPbI3-cubic"),
        (0, "candidate", "f4tcnq"),
        (1, "expected", "deep"),
        (1, "than", "a"),
        (0, "expected", "deeper-than"),
    ],
)
def test_a_control_that_fits_nothing_is_refused(load, row, key, value):
    other = copy.deepcopy(CONTROLS)
    other["controls"][row][key] = value
    with pytest.raises(InputError, match=f"controls.{row}"):
        load(other)


def test_the_vacuum_limit_is_the_published_advice_of_the_placing_code():
    from peropass.surfaces.poses import MIN_HEADROOM_ANG

    assert MINIMUM_VACUUM_ANG == MIN_HEADROOM_ANG == 8.0


def test_files_it_looks_for_are_there():
    assert PROTOCOLS_FILE.exists()
    assert LIBRARY_FILE.exists()
    assert list(HOSTS_FOLDER.glob("*.yaml"))
    assert config.LIBRARY_FILE.name == "ligands.yaml"


def test_a_competitor_meets_every_other_row(load):
    asked = load({**CAMPAIGN, "competitors": ["ma-br"]})[0].asked_comparisons
    assert [(c.kind, c.of, c.parts) for c in asked] == [("against", "csbr", ["ma-br"])]
    assert load(CAMPAIGN)[0].asked_comparisons == []
    with pytest.raises(InputError, match="competitors"):
        load({**CAMPAIGN, "competitors": ["water"]})


def test_keys_that_are_not_used_leave_no_trace(load):
    """A campaign from before these keys existed keeps its digest."""
    assert not {"competitors", "beside", "substitution"} & set(load(CAMPAIGN)[0].model_dump())
    with pytest.raises(InputError, match="beside"):
        load({**CAMPAIGN, "beside": "mine"})


def test_a_campaign_without_sites_takes_the_pair_vacancy_and_a_site_that_has_a_trap(load):
    """The second default socket must be one whose trap the committed survey found in every variant of the alignment."""
    found, _ = load({key: value for key, value in CAMPAIGN.items() if key != "sites"})
    vacancy, trap = found.sites
    assert vacancy == "V-CsX"
    survey = (
        Path(config.__file__).parents[1]
        / "results/reference/controls/smoke-hse/CsPbBr3-cubic/001-CsX"
        / trap
    )
    record = json.loads((survey / "none/none/site.record.json").read_text())
    assert record["levels"] == "hse_soc"
    assert record["n_traps_low"] >= 1
    assert record["n_traps_soc"] >= 1
