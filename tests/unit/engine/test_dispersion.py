"""D3(BJ): totals of the reference implementation, pair shares that add up, forces that are the gradient."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine import dispersion
from peropass.errors import EngineError


def perovskite_slab():
    """One unit cell in x and y, vacuum along z."""
    a = 5.98
    return Atoms(
        "CsBrPbBr2CsBr",
        positions=[
            (0, 0, 6),
            (a / 2, a / 2, 6),
            (a / 2, a / 2, 6 + a / 2),
            (0, a / 2, 6 + a / 2),
            (a / 2, 0, 6 + a / 2),
        ]
        + [(0, 0, 6 + a), (a / 2, a / 2, 6 + a)],
        cell=[a, a, 24],
        pbc=(True, True, False),
    )


def caesium_salt():
    return Atoms("CsBrCsBr", [(0, 0, 0), (3.2, 0, 0), (3.2, 3.2, 0), (0, 3.2, 0)])


@pytest.mark.parametrize("atoms", [molecule("C6H6"), perovskite_slab()], ids=["benzene", "slab"])
def test_the_total_is_that_of_the_reference_implementation(atoms):
    from dftd3.ase import DFTD3

    found = dispersion.evaluate(atoms, "d3bj", "PBE", pairs=True)
    reference = atoms.copy()
    reference.calc = DFTD3(method="PBE", damping="d3bj")
    assert found.energy_eV == pytest.approx(reference.get_potential_energy(), abs=1e-9)
    assert found.forces == pytest.approx(reference.get_forces(), abs=1e-9)
    assert found.energy_eV < 0


def test_two_neon_atoms_far_apart_follow_r_to_the_minus_six():
    """The leading term of the pair energy; damping and C8 have died out at 12 Angstrom."""

    def energy(r):
        return dispersion.evaluate(Atoms("Ne2", [(0, 0, 0), (0, 0, r)]), "d3bj", "PBE").energy_eV

    assert energy(12) / energy(24) == pytest.approx(2**6, rel=0.05)


def test_forces_are_the_gradient():
    atoms = perovskite_slab()
    atoms.positions += np.random.default_rng(1).normal(0, 0.05, atoms.positions.shape)
    forces = dispersion.evaluate(atoms, "d3bj", "PBE").forces
    step = 1e-3
    for atom, axis in ((0, 2), (3, 0), (6, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(dispersion.evaluate(moved, "d3bj", "PBE").energy_eV)
        assert forces[atom, axis] == pytest.approx(
            -(energies[0] - energies[1]) / (2 * step), abs=1e-5
        )


def test_no_net_force():
    assert dispersion.evaluate(perovskite_slab(), "d3bj", "PBE").forces.sum(0) == pytest.approx(
        np.zeros(3), abs=1e-8
    )


def test_none_is_zero():
    found = dispersion.evaluate(caesium_salt(), "none", "PBE", pairs=True)
    assert found.energy_eV == found.cs_pairs_eV == 0.0
    assert not found.forces.any()


def test_without_caesium_there_is_no_caesium_share():
    assert dispersion.evaluate(molecule("C6H6"), "d3bj", "PBE", pairs=True).cs_pairs_eV == 0.0


def test_caesium_alone_is_all_of_it():
    found = dispersion.evaluate(Atoms("Cs2", [(0, 0, 0), (0, 0, 5)]), "d3bj", "PBE", pairs=True)
    assert found.cs_pairs_eV == pytest.approx(found.energy_eV, rel=1e-6)


@pytest.mark.parametrize("atoms", [caesium_salt(), perovskite_slab()], ids=["salt", "slab"])
def test_the_share_lies_between_nothing_and_the_total(atoms):
    found = dispersion.evaluate(atoms, "d3bj", "PBE", pairs=True)
    assert found.energy_eV < found.cs_pairs_eV < 0


def test_the_share_is_what_goes_when_caesium_is_far_away():
    """Pair energies of the rest depend on coordination only weakly: the rest keeps its own energy."""
    atoms = caesium_salt()
    rest = atoms[[1, 3]]
    found = dispersion.evaluate(atoms, "d3bj", "PBE", pairs=True)
    alone = dispersion.evaluate(rest, "d3bj", "PBE").energy_eV
    assert found.energy_eV - found.cs_pairs_eV == pytest.approx(alone, abs=0.02)


def test_a_cell_without_height_is_refused_instead_of_nan():
    atoms = perovskite_slab()
    atoms.cell[2] = 0
    with pytest.raises(EngineError, match="finite volume"):
        dispersion.evaluate(atoms, "d3bj", "PBE")


def test_an_unknown_method_is_refused():
    with pytest.raises(EngineError, match="allowed: none, d3bj, d4"):
        dispersion.evaluate(caesium_salt(), "ts", "PBE")


def test_d4_has_a_gradient_too():
    found = dispersion.evaluate(molecule("C6H6"), "d4", "PBE")
    assert found.energy_eV < 0
    assert found.forces.sum(0) == pytest.approx(np.zeros(3), abs=1e-8)
