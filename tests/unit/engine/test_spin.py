"""Which cells are spin-polarised: odd electrons, magnetic ions, and what the library says."""

import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine.spin import MAGNETIC, needs_spin


@pytest.mark.parametrize(
    ("name", "odd"), [("H2O", False), ("NO", True), ("NO2", True), ("CH3", True), ("C6H6", False)]
)
def test_odd_electrons_need_spin(name, odd):
    assert needs_spin(molecule(name)) is odd


@pytest.mark.parametrize("metal", sorted(MAGNETIC))
def test_magnetic_ions_need_spin_also_with_even_electrons(metal):
    assert needs_spin(Atoms([metal, "Br", "Br"]))


def test_oxygen_needs_the_library_to_say_so():
    assert not needs_spin(molecule("O2"))
    assert needs_spin(molecule("O2"), unpaired=True)


@pytest.mark.parametrize("formula", ["CsPbBr3", "ZnBr2", "KBr", "CdCl2", "SrCl2"])
def test_closed_shells_do_not(formula):
    assert not needs_spin(Atoms(formula))
