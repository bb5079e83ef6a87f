"""The cheap tier: repeats, averaging over copies, and which relaxed poses are not believed."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from peropass.engine import xtb
from peropass.errors import EngineError


def adsorbate(cell=(9.0, 9.0, 14.0)) -> Atoms:
    """Water over a frozen neon atom, tagged as ligand and slab."""
    atoms = Atoms("Ne", positions=[[0, 0, 4.0]]) + molecule("H2O")
    atoms.positions[1:] += [0, 0, 7.0]
    atoms.set_cell(cell)
    atoms.pbc = (True, True, False)
    atoms.set_array("fragment", np.array([0, 1, 1, 1]))
    return atoms


@pytest.mark.parametrize(
    ("lengths", "copies", "width"),
    [
        ((8.46, 8.46), 4, 16.92),
        ((11.8, 11.8), 2, 11.8 * 2**0.5),
        ((16.0, 5.9), 3, 16.0),
        ((20, 20), 1, 20),
    ],
)
def test_supercells_reach_16_angstrom_with_fewest_copies(lengths, copies, width):
    """A 2x2 cell of 11.8 A reaches 16.7 A along its diagonals with two copies; a cell needs 16^2 A^2 at least."""
    made, _ = xtb.repeated(Atoms("H", cell=[*lengths, 30]))
    assert len(made) == copies
    assert min(xtb._heights(made.cell.array[:2])) == pytest.approx(width)


def test_skewed_cells_are_measured_by_their_heights():
    """Rows of 10 x 6 A: five copies of 60 A^2 are the fewest with 16^2 A^2."""
    atoms = Atoms("H", cell=[[10, 0, 0], [8, 6, 0], [0, 0, 30]])
    made, _ = xtb.repeated(atoms)
    assert len(made) == 5
    assert min(xtb._heights(made.cell.array[:2])) >= 16


def test_copies_are_lattice_translations():
    """Each copy is the cell shifted by whole lattice vectors, inside the supercell."""
    atoms = adsorbate((11.8, 11.8, 14.0))
    atoms.positions += [11.0, 3.0, 0.0]
    made, shifts = xtb.repeated(atoms)
    steps = np.linalg.solve(atoms.cell.array.T, shifts.T).T
    assert steps == pytest.approx(np.round(steps), abs=1e-9)
    inside = made.get_scaled_positions(wrap=False)[:, :2]
    assert inside.min() > -1e-9
    assert inside.max() < 1 + 1e-9
    assert made.get_volume() == pytest.approx(2 * atoms.get_volume())


def test_energy_per_cell_does_not_depend_on_the_repeat():
    """Far-apart molecules: the energy of one of four copies is that of one, forces alike."""
    atoms = adsorbate((16.5, 16.5, 14.0))
    results = []
    for least in (16.0, 17.0):
        one = atoms.copy()
        one.calc = xtb.FrozenSlabXtb("GFN1-xTB", least)
        results.append((one.get_potential_energy(), one.get_forces()))
    assert results[0][0] == pytest.approx(results[1][0], abs=2e-3)
    assert results[0][1] == pytest.approx(results[1][1], abs=5e-3)


def layered(symbols: str) -> Atoms:
    """One atom per layer, top first, 3 A apart, and a ligand atom above."""
    n = len(Atoms(symbols))
    atoms = Atoms(symbols + "H", positions=[[0, 0, 20 - 3.0 * k] for k in range(n)] + [[0, 0, 22]])
    atoms.set_array("layer", np.array([*range(1, n + 1), 0]))
    atoms.set_array("fragment", np.array([0] * n + [1]))
    return atoms


@pytest.mark.parametrize(
    ("symbols", "kept"),
    [("CsPbCs", 4), ("CsPbCsPbCs", 4), ("CsPbCsSrCs", 6), ("CsPbCsPbRb", 6)],
)
def test_the_frozen_slab_is_cut_to_three_layers_unless_something_lies_below(symbols, kept):
    assert len(xtb.upper_part(layered(symbols))) == kept


def test_slabs_without_layers_stay_whole():
    assert len(xtb.upper_part(adsorbate())) == 4


def test_only_the_ligand_moves_and_downhill():
    pose = adsorbate()
    placed, relaxed = (xtb.score_poses([pose], relax_steps=steps)[0] for steps in (0, 3))
    assert not placed.accepted
    assert np.array_equal(placed.atoms.positions, pose.positions)
    assert relaxed.accepted
    assert relaxed.energy_xtb_eV < placed.energy_xtb_eV
    assert np.array_equal(relaxed.atoms.positions[0], pose.positions[0])
    assert "GFN1-xTB" in relaxed.reason


def test_a_pose_that_was_scored_is_not_evaluated_again_as_placed(monkeypatch):
    pose = adsorbate()
    evaluated = []
    calculate = xtb.FrozenSlabXtb.calculate

    def counting(self, atoms=None, *rest):
        evaluated.append(atoms.positions.copy())
        calculate(self, atoms, *rest)

    monkeypatch.setattr(xtb.FrozenSlabXtb, "calculate", counting)
    (alone,) = xtb.score_poses([pose], relax_steps=2)
    first, *later = evaluated
    evaluated.clear()
    placed = xtb.score_poses([pose], relax_steps=0)
    (after,) = xtb.score_poses([pose], relax_steps=2, known=placed)
    assert after.energy_xtb_eV == pytest.approx(alone.energy_xtb_eV, abs=1e-4)
    assert len(evaluated) == 1 + len(later)
    assert [np.array_equal(positions, first) for positions in evaluated] == [True, False, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.__setitem__((1, 2), p[1, 2] + 3.5), "an atom moved 3.5"),
        (lambda p: p.__setitem__((2, 2), p[2, 2] + 2.5), "bonds of the ligand changed"),
        (lambda p: p.__setitem__((slice(1, 4), 2), p[1:4, 2] - 2.3), "contact"),
    ],
)
def test_broken_geometries_are_refused_with_the_number(change, words):
    before, after = adsorbate(), adsorbate()
    change(after.positions)
    assert words in xtb._refusal(before, after, np.array([1, 2, 3]), 0.0, -0.1, 0.1)


@pytest.mark.parametrize(
    ("energies", "force", "words"),
    [((0.0, -1e5), 0.1, "energy fell"), ((0.0, 0.2), 0.1, "rose"), ((0.0, -0.1), 1e3, "force")],
)
def test_collapsed_energies_and_forces_are_refused(energies, force, words):
    """GFN1 collapses in small cells to -1e5 eV and 1e3 eV/A."""
    pose = adsorbate()
    assert words in xtb._refusal(pose, pose, np.array([1, 2, 3]), *energies, force)


def test_unknown_method_and_mixed_compositions_are_refused():
    with pytest.raises(EngineError, match="GFN1-xTB, GFN2-xTB"):
        xtb.score_poses([adsorbate()], method="GFN9")
    with pytest.raises(EngineError, match="different composition"):
        xtb.score_poses([adsorbate(), adsorbate()[:3]])
