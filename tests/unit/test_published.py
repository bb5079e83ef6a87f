"""The table of published numbers, and how bad rows are refused."""

import pytest

from peropass.errors import InputError
from peropass.published import lookup, published_values


def test_every_row_names_unit_tolerance_and_source():
    for row in published_values():
        assert row.unit
        assert row.source
        assert row.tolerance > 0


def test_no_number_stands_twice():
    keys = [(row.quantity, row.host, row.xc) for row in published_values()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("host", "printed"),
    [("CsPbCl3-cubic", 5.632), ("CsPbBr3-cubic", 5.893), ("CsPbI3-cubic", 6.275)],
)
def test_pbesol_lattice_constants_are_those_of_castelli(host, printed):
    """Castelli et al. 2014, 10.1063/1.4893495."""
    found = lookup("lattice_constant", host, "PBEsol")
    assert found.value == printed
    assert found.unit == "Angstrom"
    assert "10.1063/1.4893495" in found.source


def test_what_nobody_published_is_none():
    assert lookup("lattice_constant", "CsPbBr3-cubic", "BEEF-vdW") is None


def test_an_incomplete_row_is_named(tmp_path):
    file = tmp_path / "published.yaml"
    file.write_text("- {quantity: lattice_constant, host: h, xc: PBE}\n")
    with pytest.raises(InputError, match=r"published.yaml: row 0"):
        published_values(file)


def test_an_unknown_key_is_named(tmp_path):
    file = tmp_path / "published.yaml"
    file.write_text(
        "- {quantity: q, host: h, xc: PBE, value: 1, unit: eV, tolerance: 1, source: s, colour: red}\n"
    )
    with pytest.raises(InputError, match="colour"):
        published_values(file)
