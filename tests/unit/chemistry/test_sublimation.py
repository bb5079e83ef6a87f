"""Enthalpies of sublimation: consistent with entropies and Gibbs energies of the same tables, and only for salts."""

import pytest

from peropass.chemistry.library import load_library
from peropass.chemistry.sublimation import (
    FORMATION,
    reference_note,
    salt_formula,
    sublimation_enthalpy,
)
from peropass.units import KJ_PER_MOL_EV


@pytest.mark.parametrize(
    ("salt", "entropies", "gibbs"),
    [
        ("LiBr", (74.3, 224.345), (-342.0, -189.498)),
        ("NaBr", (86.8, 241.218), (-349.0, -177.817)),
        ("KBr", (95.9, 250.532), (-380.7, -212.804)),
        ("CaBr2", (130.0, 314.752), (-663.6, -420.991)),
        ("SrBr2", (135.1, 323.413), (-697.1, -441.544)),
        ("BaBr2", (146.0, 342.067), (-736.8, -462.656)),
        ("PbBr2", (161.5, 339.386), (-261.9, -140.883)),
        ("PbCl2", (136.0, 317.205), (-314.1, -182.802)),
        ("PbI2", (174.9, 359.552), (-173.6, -56.437)),
    ],
)
def test_enthalpy_entropy_and_gibbs_energy_of_the_two_tables_close(salt, entropies, gibbs):
    """dH - T dS = dG at 298.15 K, with S and G of solid (CRC) and gas (JANAF): no column was misread."""
    entropy = 298.15 * (entropies[1] - entropies[0]) / 1000
    expected = (gibbs[1] - gibbs[0] + entropy) * KJ_PER_MOL_EV
    assert FORMATION[salt].sublimation_eV == pytest.approx(expected, abs=0.013)


def test_lighter_halides_and_smaller_charges_follow_the_lattice():
    """A lattice of doubly charged ions costs more to leave than one of single charges: alkaline earths before alkali metals."""
    assert FORMATION["CaBr2"].sublimation_eV > FORMATION["KBr"].sublimation_eV > 2
    assert FORMATION["PbBr2"].sublimation_eV < FORMATION["SrBr2"].sublimation_eV


def test_formulas_of_salts_and_of_nothing_else():
    assert salt_formula("[Zn+2].[Br-].[Br-]") == "ZnBr2"
    assert salt_formula("[K+].[Br-]") == "KBr"
    assert salt_formula("[Ga+3].[Br-].[Br-].[Br-]") == "GaBr3"
    for other in ("C[NH3+].[Br-]", "[Cs+].CC(=O)[O-]", "O=O", "[NH4+].[Cl-].[Ca+2].[Cl-].[Cl-]"):
        assert salt_formula(other) is None
        assert reference_note(other, -1.0) == ""


def test_note_gives_the_binding_energy_from_the_solid_or_says_that_it_cannot():
    value, source = sublimation_enthalpy("PbBr2")
    assert value == pytest.approx(1.81, abs=0.01)
    note = reference_note("[Pb+2].[Br-].[Br-]", -1.47)
    assert f"{-1.47 + value:+.2f} eV" in note
    assert source in note
    assert "not in our table" in reference_note("[Zn+2].[Br-].[Br-]", -1.5)


def test_every_salt_of_the_library_is_recognised():
    library = load_library()
    salts = {
        key: salt_formula(entry.smiles.replace("{x}", "Br"))
        for key, entry in library.entries.items()
        if entry.ligand_class == "Z-type"
    }
    assert all(salts.values()), salts
