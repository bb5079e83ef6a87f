"""GFN2-xTB curvatures inside molecules: positive definite, used where there are molecules, springs everywhere else."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine.journal import JournalStep
from peropass.engine.model_hessian import pair_spring_hessian, start_hessian
from peropass.engine.optimiser import next_positions


def test_ions_have_springs_alone():
    atoms = Atoms("BrZnBr", [(0, 0, -2.2), (0, 0, 0), (0, 0, 2.2)])
    assert np.array_equal(start_hessian(atoms), pair_spring_hessian(atoms))


def test_it_is_symmetric_positive_definite_and_stiff_along_bonds():
    atoms = molecule("H2CO")
    hessian = start_hessian(atoms)
    assert hessian == pytest.approx(hessian.T, abs=1e-9)
    assert np.linalg.eigvalsh(hessian).min() > 0.1
    c, o = (atoms.symbols.indices()[s][0] for s in ("C", "O"))
    axis = atoms.positions[o] - atoms.positions[c]
    axis /= np.linalg.norm(axis)
    block = hessian[3 * o : 3 * o + 3, 3 * o : 3 * o + 3]
    across = np.cross(axis, np.cross(axis, [0.3, 0.5, 0.8]))
    across /= np.linalg.norm(across)
    assert axis @ block @ axis > 5 * (across @ block @ across)


def test_the_slab_keeps_its_springs():
    slab = Atoms("PbBr", [(0, 0, 0), (2.9, 0, 0)], cell=[9, 9, 20], pbc=(True, True, False))
    ligand = molecule("NH3")
    ligand.positions += [4.5, 4.5, 8.0]
    both = slab + ligand
    both.arrays["fragment"] = np.array([0, 0, 1, 1, 1, 1])
    hessian, springs = start_hessian(both), pair_spring_hessian(both)
    assert hessian[:6, :6] == pytest.approx(springs[:6, :6])
    assert not np.allclose(hessian[6:, 6:], springs[6:, 6:])


def test_an_odd_number_of_electrons_falls_back_to_springs():
    radical = molecule("CH3")
    assert np.array_equal(start_hessian(radical), pair_spring_hessian(radical))


def test_fewer_steps_than_springs_on_a_surface_that_it_does_not_know():
    """From a GFN2-xTB minimum to the GFN1-xTB one, as from GFN2-xTB to DFT in a campaign."""
    atoms = molecule("CH3NO2")
    assert steps_to_minimum(atoms, start_hessian(atoms)) < steps_to_minimum(
        atoms, pair_spring_hessian(atoms)
    )


def steps_to_minimum(atoms, hessian):
    from tblite.ase import TBLite

    moved = atoms.copy()
    moved.calc = TBLite(method="GFN1-xTB", verbosity=0)
    steps = []
    for index in range(40):
        forces, energy = moved.get_forces(), moved.get_potential_energy()
        steps.append(
            JournalStep(index, moved.positions.copy(), forces, energy, energy, 0.0, 1, 0.0, "d")
        )
        if np.linalg.norm(forces, axis=1).max() < 0.02:
            break
        moved.positions = next_positions(hessian, steps, np.arange(len(atoms)), 0.2)
    return len(steps)
