"""Spin-orbit coupling of free atoms against the Dirac equation, and the limits of its operator.

The splitting of a p shell in first order is that of L.sigma (1 for j = 3/2, -2 for j = 1/2) times the radial integral of a dataset. The other
side is the atomic Dirac equation, solved with Gaussians for each j alone: no partial waves, no operator.
"""

import io

import numpy as np
import pytest
from ase.units import Ha, alpha

from peropass.engine.spin_orbit import damped_setup, relativistic_mass, spin_orbit_states

pytestmark = pytest.mark.gpaw
SHELLS = {"Br": 4, "I": 5, "Pb": 6, "Bi": 6}


def atom(symbol):
    """(dataset, functional, density matrix) of the neutral atom without spin."""
    from gpaw.setup import create_setup
    from gpaw.xc import XC

    xc = XC("PBE")
    setup = create_setup(symbol, xc)
    filling = setup.calculate_initial_occupation_numbers(0, False, 0, 1)
    return setup, xc, setup.initialize_density_matrix(filling)


def splitting_eV(setup, xc, density_matrix, n):
    """Of the bound p shell `n`, from the largest element of L_z, which is one times the integral."""
    from gpaw.spinorbit import soc

    shell = next(
        j
        for j, (number, ell) in enumerate(zip(setup.n_j, setup.l_j, strict=True))
        if (number, ell) == (n, 1)
    )
    start = sum(2 * ell + 1 for ell in setup.l_j[:shell])
    along_z = soc(setup, xc, density_matrix)[2, start : start + 3, start : start + 3]
    return 3 * np.abs(along_z).max() * Ha


def dirac_splitting_eV(symbol, n):
    from gpaw.atom.aeatom import AllElectronAtom

    exact = AllElectronAtom(symbol, xc="PBE", dirac=True, log=io.StringIO())
    exact.initialize(ngauss=40)
    exact.run()
    energies = {float(c.j): c.e_n[n - 2] for c in exact.channels if c.l == 1}
    return (energies[1.5] - energies[0.5]) * Ha


@pytest.fixture(scope="module")
def splittings():
    """Symbol -> (Dirac, bare, mass) in eV."""
    found = {}
    for symbol, n in SHELLS.items():
        setup, xc, matrix = atom(symbol)
        found[symbol] = (
            dirac_splitting_eV(symbol, n),
            splitting_eV(setup, xc, matrix, n),
            splitting_eV(damped_setup(setup, xc, matrix), xc, matrix, n),
        )
    return found


@pytest.mark.parametrize("symbol", SHELLS)
def test_with_the_mass_p_shells_split_as_with_the_dirac_equation(splittings, symbol):
    """Within 5 %, and closer than without."""
    exact, bare, mass = splittings[symbol]
    assert mass == pytest.approx(exact, rel=0.05)
    assert abs(mass - exact) < abs(bare - exact)


def test_without_the_mass_heavier_shells_split_too_much(splittings):
    """The relative error is of order (Z alpha)^2 and so grows with the nuclear charge."""
    errors = [bare / exact - 1 for exact, bare, _ in splittings.values()]
    assert 0 < errors[0] < errors[1] < errors[2] < errors[3]
    assert errors[2] > 0.15


def test_without_a_fine_structure_constant_the_integrals_are_those_of_gpaw():
    from gpaw.spinorbit import soc

    setup, xc, matrix = atom("Pb")
    own = soc(setup, xc, matrix)
    assert np.array_equal(soc(damped_setup(setup, xc, matrix, fine_structure=0.0), xc, matrix), own)
    damped = soc(damped_setup(setup, xc, matrix), xc, matrix)
    assert np.abs(damped).max() < np.abs(own).max()
    assert np.array_equal(soc(setup, xc, matrix), own)  # the dataset itself stays as it is


def test_the_mass_in_the_field_of_a_bare_nucleus():
    """V = -Z / r, known in closed form; here zero at the end of the grid."""
    z, r = 82, np.concatenate([[0.0], np.geomspace(1e-4, 5.0, 300)])
    with np.errstate(divide="ignore"):
        mass = relativistic_mass(r, np.where(r > 0, z / r**2, 0.0))
    assert mass[1:] == pytest.approx(1 + alpha**2 / 2 * z * (1 / r[1:] - 1 / 5.0), rel=1e-12)
    assert mass[0] == mass[1]
    assert mass[-1] == 1


@pytest.fixture(scope="module")
def lead():
    """Calculator of a lead atom in a box, in atomic orbitals."""
    from ase import Atoms
    from gpaw import GPAW

    atoms = Atoms("Pb", [[2.5] * 3], cell=[5.0] * 3, pbc=True)
    atoms.calc = GPAW(
        mode="lcao",
        basis="dzp",
        h=0.25,
        xc="PBE",
        occupations={"name": "fermi-dirac", "width": 0.2},
        txt=None,
    )
    atoms.get_potential_energy()
    return atoms.calc


def p_levels(calc, operator):
    """Six spinors of the 6p shell alone, so that first order is exact: j = 1/2 twice, then j = 3/2."""
    states = spin_orbit_states(calc, operator=operator, n1=6, n2=9)
    return np.asarray(states.eigenvalues())[0]


def test_a_calculation_sees_the_same_ratio_as_the_free_atom(lead, splittings):
    """Near the nucleus the 6p wave is that of the atom whatever surrounds it."""
    _, bare, mass = splittings["Pb"]
    found = {kind: p_levels(lead, kind) for kind in ("bare", "mass")}
    for energies in found.values():
        assert energies[:2] == pytest.approx(energies[:2].mean(), abs=1e-4)
        assert energies[2:] == pytest.approx(energies[2:].mean(), abs=1e-4)
    split = {kind: e[2:].mean() - e[:2].mean() for kind, e in found.items()}
    assert split["mass"] / split["bare"] == pytest.approx(mass / bare, rel=1e-3)
    centre = [e.mean() for e in found.values()]
    assert centre[0] == pytest.approx(centre[1], abs=1e-6)  # L.sigma has no trace


def test_bare_is_gpaw_before_and_after_the_mass(lead):
    from gpaw.spinorbit import soc_eigenstates

    own = np.asarray(soc_eigenstates(lead, n1=0, n2=9).eigenvalues())
    for operator in ("bare", "mass", "bare"):
        found = np.asarray(spin_orbit_states(lead, operator=operator, n1=0, n2=9).eigenvalues())
        assert np.array_equal(found, own) is (operator == "bare")
