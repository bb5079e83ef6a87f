"""Protocols: closed, described, and hashed by what energies must share."""

import pytest

from peropass.config import PROTOCOLS_FILE
from peropass.engine.protocol import LATERAL_FOLDING, EnergySettings, Protocol, load_protocols
from peropass.errors import InputError

PROTOCOLS = load_protocols(PROTOCOLS_FILE)
SMOKE = PROTOCOLS["smoke"].model_dump()


def changed(block, **keys):
    return Protocol(**{**SMOKE, block: {**SMOKE[block], **keys}})


def test_every_protocol_of_the_file_is_valid_and_described():
    assert {"smoke", "screen", "production", "toy"} <= set(PROTOCOLS)
    assert all(protocol.description for protocol in PROTOCOLS.values())
    assert [name for name, p in PROTOCOLS.items() if p.engine == "toy"] == ["toy"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("xc", "PBEsol"),
        ("dispersion", "none"),
        ("ecut_eV", 301.0),
        ("smearing_eV", 0.04),
        ("energy_tolerance_eV_per_electron", 1e-6),
        ("density_tolerance", 1e-5),
        ("setups", {"Pb": "14"}),
    ],
)
def test_energies_of_other_settings_never_share_a_hash(key, value):
    assert changed("energy", **{key: value}).settings_hash != PROTOCOLS["smoke"].settings_hash


def test_the_toy_engine_never_shares_a_hash_with_gpaw():
    assert Protocol(**{**SMOKE, "engine": "toy"}).settings_hash != PROTOCOLS["smoke"].settings_hash


def test_how_a_geometry_was_found_is_no_setting_of_its_energy():
    other = changed("relax", fmax_eV_per_ang=0.01)
    assert other.settings_hash == PROTOCOLS["smoke"].settings_hash
    assert other.hash != PROTOCOLS["smoke"].hash


def test_the_operator_of_spin_orbit_coupling_is_no_setting_of_an_energy():
    protocol = PROTOCOLS["smoke"]
    assert protocol.levels.spin_orbit == "mass"
    other = changed("levels", spin_orbit="bare")
    assert other.hash != protocol.hash
    assert other.settings_hash == protocol.settings_hash
    assert Protocol.model_validate_json(other.model_dump_json()) == other


def test_names_and_words_are_no_physics():
    other = Protocol(**{**SMOKE, "name": "other", "description": "other words"})
    assert other.hash == PROTOCOLS["smoke"].hash


def test_integers_and_floats_hash_alike():
    assert (
        changed("energy", ecut_eV=300).settings_hash
        == changed("energy", ecut_eV=300.0).settings_hash
    )


@pytest.mark.parametrize("lateral", LATERAL_FOLDING)
def test_the_mesh_is_never_coarser_than_the_primitive_cells(lateral):
    """A cell n times as long needs n times fewer points along that axis, and never less than one."""
    for n in (1, 2, 4, 6):
        protocol = changed("kpts_per_primitive_cell", lateral=n)
        kx, ky, kz = protocol.lateral_kpts(lateral)
        assert kx == ky >= 1
        assert kz == 1
        assert kx * LATERAL_FOLDING[lateral] >= 0.9 * n or kx == 1


def test_two_points_of_the_primitive_cell_are_gamma_in_the_folded_ones():
    assert PROTOCOLS["smoke"].lateral_kpts("2x2") == (1, 1, 1)
    assert PROTOCOLS["smoke"].lateral_kpts("sqrt2") == (1, 1, 1)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("ecut_eV: 20", "energy.ecut_eV"),
        ("ecut_eV: 300 eV", "energy.ecut_eV"),
        ("xc: B3LYP", "energy.xc"),
        ("cutoff: 300", "energy.cutoff"),
        ("smearing_eV: 0", "energy.smearing_eV"),
    ],
)
def test_bad_settings_name_file_protocol_and_key(tmp_path, line, names):
    key = line.split(":")[0]
    energy = {k: v for k, v in SMOKE["energy"].items() if k != key}
    file = tmp_path / "p.yaml"
    lines = [f"    {k}: {v}" for k, v in energy.items()] + [f"    {line}"]
    file.write_text(
        "mine:\n  engine: gpaw\n  molecule_margin_ang: 5\n  kpts_per_primitive_cell: {bulk: 4, lateral: 2}\n"
        "  energy:\n" + "\n".join(lines) + "\n"
    )
    with pytest.raises(InputError) as caught:
        load_protocols(file)
    assert f"p.yaml: mine: {names}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_protocol_is_refused(tmp_path):
    (tmp_path / "p.yaml").write_text("mine:\n")
    with pytest.raises(InputError, match="mine: "):
        load_protocols(tmp_path / "p.yaml")


def test_the_basis_is_labelled_and_energies_of_the_two_modes_never_meet():
    smoke = load_protocols(PROTOCOLS_FILE)["smoke"]
    orbital = smoke.model_copy(update={"energy": smoke.energy.model_copy(update={"mode": "lcao"})})
    assert orbital.energy.model_dump()["mode"] == "lcao"
    assert orbital.settings_hash != smoke.settings_hash
    assert (smoke.energy.label, orbital.energy.label) == ("PW 300 eV", "LCAO dzp h 0.22 A")


@pytest.mark.parametrize(("cutoff", "spacing"), [(300, 0.221), (400, 0.191), (500, 0.171)])
def test_the_grid_follows_the_cutoff(cutoff, spacing):
    settings = energy(ecut_eV=cutoff)
    assert settings.grid_spacing_ang == spacing
    assert settings.model_dump()["grid_spacing_ang"] == spacing


def test_a_grid_too_wide_for_its_cutoff_is_refused():
    assert energy(ecut_eV=300, grid_spacing_ang=0.15).grid_spacing_ang == 0.15
    with pytest.raises(ValueError, match="grid wider than"):
        energy(ecut_eV=400, grid_spacing_ang=0.22)


def energy(**more):
    fixed = {"xc": "PBE", "dispersion": "none", "smearing_eV": 0.05}
    tolerances = {"energy_tolerance_eV_per_electron": 1e-5, "density_tolerance": 1e-4}
    return EnergySettings(**fixed, **tolerances, **more)
