"""Computed beside published: tolerance, units, and what stands where a calculation failed."""

import pytest

from peropass import validate
from peropass.engine.protocol import load_protocols
from peropass.errors import InputError
from peropass.published import lookup, published_values
from peropass.records import Address, EosRecord, GapRecord, Provenance

PROTOCOL = load_protocols("config/protocols.yaml")["bulk-PBE"]
COMMON = {
    "address": Address(campaign="bulk", protocol="bulk-PBE"),
    "provenance": Provenance(revision=1, physics_hash="x"),
    "settings_hash": "s",
    "settings": {},
    "composition": {},
    "kpts": (4, 4, 4),
}


@pytest.fixture
def computed(monkeypatch):
    """Stand-ins for the two calculations."""
    found = {"a": 5.99, "gap": 1.76, "soc": 0.7, "mass": 0.75}

    def lattice(host, protocol, folder):
        return EosRecord(**COMMON, status="ok", a_without_dispersion_ang=found["a"])

    def gap(host, a_ang, protocol, folder):
        assert a_ang == found["a"]
        return GapRecord(
            **COMMON,
            status="ok",
            a_ang=a_ang,
            gap_eV=found["gap"],
            gap_soc_eV=found["soc"],
            gap_soc_mass_eV=found["mass"],
        )

    monkeypatch.setattr(validate, "lattice", lattice)
    monkeypatch.setattr(validate, "gap", gap)
    return found


@pytest.mark.parametrize(
    ("quantity", "value"),
    [("lattice_constant", 5.99), ("band_gap", 1.76), ("spin_orbit_gap_drop", 1.01)],
)
def test_each_published_quantity_has_a_computed_one(computed, tmp_path, quantity, value):
    row = lookup(quantity, "CsPbBr3-cubic", "PBE")
    found = validate.check(row, PROTOCOL, tmp_path)
    assert found.value == pytest.approx(value)
    assert found.passed
    assert row.unit in validate.line(found)


def test_outside_the_tolerance_is_no_pass(computed, tmp_path):
    computed["a"] = 6.01
    row = lookup("lattice_constant", "CsPbBr3-cubic", "PBE")
    found = validate.check(row, PROTOCOL, tmp_path)
    assert not found.passed
    assert "DIFFERS" in validate.line(found)


def test_a_failed_calculation_is_no_pass(computed, tmp_path):
    computed["gap"] = None
    found = validate.check(lookup("band_gap", "CsPbBr3-cubic", "PBE"), PROTOCOL, tmp_path)
    assert found.value is None
    assert not found.passed
    assert "no value" in validate.line(found)


def test_the_command_says_with_its_status_whether_all_agree(computed, tmp_path, capsys):
    chosen = ["--host", "CsPbBr3-cubic", "--xc", "PBE", "--folder", str(tmp_path)]
    assert validate.main(chosen) == 0
    computed["a"] = 6.01
    assert validate.main(chosen) == 1
    assert capsys.readouterr().out.count("lattice_constant CsPbBr3-cubic PBE") == 2


def test_the_drop_is_printed_with_both_operators_against_one_limit(computed, tmp_path, capsys):
    computed["soc"] = 0.4
    chosen = ["--host", "CsPbBr3-cubic", "--xc", "PBE", "--folder", str(tmp_path)]
    assert validate.main(chosen) == 1
    rows = [r for r in capsys.readouterr().out.splitlines() if r.startswith(validate.DROP)]
    assert [row.split(", ")[1].split()[:3] for row in rows] == [
        ["bare", "operator", "1.3600"],
        ["mass", "operator", "1.0100"],
    ]
    assert rows[0].endswith("DIFFERS")
    assert rows[1].endswith("ok")


def test_a_record_from_before_the_second_operator_has_no_value_for_it(computed, tmp_path):
    computed["mass"] = None
    row = lookup(validate.DROP, "CsPbBr3-cubic", "PBE")
    assert validate.check(row, PROTOCOL, tmp_path, "bare").passed
    assert validate.check(row, PROTOCOL, tmp_path, "mass").value is None


def test_every_published_functional_has_a_protocol_without_dispersion():
    protocols = load_protocols("config/protocols.yaml")
    for row in published_values():
        if row.quantity in validate.QUANTITIES:
            chosen = validate._protocol(protocols, row.xc)
            assert (chosen.energy.xc, chosen.energy.dispersion) == (row.xc, "none")
            assert chosen.energy.ecut_eV >= 400
    with pytest.raises(InputError, match="bulk-HSE"):
        validate._protocol(protocols, "HSE")
