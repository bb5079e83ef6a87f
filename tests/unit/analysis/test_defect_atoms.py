"""Atoms at a defect, on slabs built like those of a campaign."""

import numpy as np
import pytest
from level_model import Model

from peropass.analysis.defects import find_defect_atoms, map_to_pristine
from peropass.surfaces.defects import make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.slabs import build_slab


def as_record(atoms, site):
    """Record of a structure; its levels are those of the model slab and do not matter here."""
    n = len(atoms)
    return (
        Model()
        .record()
        .model_copy(
            update={
                "cell_ang": atoms.cell.array.tolist(),
                "symbols": atoms.get_chemical_symbols(),
                "positions_ang": atoms.positions.tolist(),
                "fixed": [int(i) for i in atoms.constraints[0].get_indices()],
                "fragment": atoms.arrays["fragment"].tolist(),
                "layer": atoms.arrays["layer"].tolist(),
                "atomic_potentials_eV": [0.0] * n,
            }
        )
    )


@pytest.fixture(scope="module")
def slab():
    return build_slab(
        load_host("CsPbBr3-cubic"), "001-CsX", a_ang=5.98, lateral="2x2", layers=5, height_ang=40.0
    )


def found_at(slab, site, change=None):
    defective = make_site(slab, site).atoms
    if change is not None:
        change(defective)
    record = as_record(defective, site)
    atoms = find_defect_atoms(as_record(slab, "pristine"), record)
    return defective, atoms


def test_nothing_is_a_defect_in_the_pristine_slab(slab):
    record = as_record(slab, "pristine")
    assert find_defect_atoms(record, record) == []


def test_a_halide_vacancy_of_the_outer_layer_exposes_one_lead(slab):
    """The halide sits on top of one lead atom at half a lattice constant; nothing else is bonded."""
    defective, atoms = found_at(slab, "V-X")
    assert [defective.symbols[i] for i in atoms] == ["Pb"]


def test_the_pair_vacancy_exposes_the_same_lead_and_the_halides_of_the_caesium_hole(slab):
    defective, atoms = found_at(slab, "V-CsX")
    symbols = [defective.symbols[i] for i in atoms]
    assert "Pb" in symbols
    assert symbols.count("Br") >= 4


def test_a_dopant_and_its_bonded_halides(slab):
    defective, atoms = found_at(slab, "Bi-Pb")
    symbols = sorted(defective.symbols[i] for i in atoms)
    assert symbols == ["Bi"] + 6 * ["Br"]
    back = map_to_pristine(as_record(slab, "pristine"), as_record(defective, "Bi-Pb"), atoms)
    assert len(back) == 6  # the dopant has no counterpart


def test_relaxation_and_a_taller_cell_do_not_change_the_finding(slab):
    def relax(atoms):
        rng = np.random.default_rng(0)
        free = atoms.arrays["layer"] < 5
        atoms.positions[free] += rng.uniform(-0.4, 0.4, (int(free.sum()), 3))
        atoms.positions[:, 2] += 7.0
        atoms.cell[2, 2] += 14.0

    assert found_at(slab, "V-X")[1] == found_at(slab, "V-X", relax)[1]


def test_a_ligand_in_the_hole_does_not_close_the_site(slab):
    """The site's atoms are the same with and without a ligand, so that shares can be compared."""

    def fill(atoms):
        vacant = slab.positions[[i for i in range(len(slab)) if i not in kept(atoms)][0]]
        atoms.append("Br")
        atoms.positions[-1] = vacant
        atoms.arrays["fragment"][-1] = 1
        atoms.arrays["layer"][-1] = 0

    def kept(atoms):
        distance = np.linalg.norm(slab.positions[:, None] - atoms.positions[None], axis=-1)
        return {i for i in range(len(slab)) if distance[i].min() < 0.1}

    bare = found_at(slab, "V-X")[1]
    assert found_at(slab, "V-X", fill)[1] == bare
