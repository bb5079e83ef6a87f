"""Adatoms start bonded to their support and clear of everything else, on relaxed faces too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.data import covalent_radii
from ase.io import read

from peropass.errors import BuildError
from peropass.surfaces.adatoms import adatom_position
from peropass.surfaces.defects import make_site

REFERENCE = (
    Path(__file__).resolve().parents[3] / "results/reference/controls/smoke-hse/CsPbBr3-cubic"
)


def relaxed(termination: str):
    return read(REFERENCE / termination / "pristine/none/none/relax.final.extxyz")


def ratios(atoms) -> np.ndarray:
    """Distances of the last atom to the others over the sums of covalent radii."""
    last = len(atoms) - 1
    radii = covalent_radii[atoms.numbers]
    return atoms.get_distances(last, range(last), mic=True) / (radii[last] + radii[:last])


@pytest.mark.parametrize("termination", ["001-PbX2", "001-CsX"])
@pytest.mark.parametrize("site", ["ad-Pb", "ad-X", "ad-Cs"])
def test_an_adatom_of_a_relaxed_face_touches_its_support_alone(termination: str, site: str) -> None:
    atoms = make_site(relaxed(termination), site).atoms
    found = ratios(atoms)
    assert found.min() >= 0.75
    assert found.min() == pytest.approx(1.0, abs=0.16)  # bonded, not floating
    assert atoms.positions[-1, 2] > atoms.positions[:-1, 2].max() - 1.0


def test_the_place_turns_and_moves_with_the_slab() -> None:
    slab = relaxed("001-PbX2")
    turned = slab.copy()
    turned.positions = turned.positions @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) + [1, 2, 0]
    here, there = (make_site(atoms, "ad-Pb").atoms for atoms in (slab, turned))
    assert np.sort(ratios(here)) == pytest.approx(np.sort(ratios(there)), abs=1e-6)


def test_a_place_without_room_is_refused() -> None:
    slab = relaxed("001-CsX")
    top = int(slab.positions[:, 2].argmax())
    lid = slab.copy()
    for shift in np.array([[0, 0, 3.0], [2, 0, 2], [-2, 0, 2], [0, 2, 2], [0, -2, 2]]):
        lid.append("Cs")
        lid.positions[-1] = slab.positions[top] + shift
    others = [i for i in range(len(lid)) if i != top]
    with pytest.raises(BuildError, match=r"adatom Pb on .*allowed >= 0.75"):
        adatom_position(lid, "Pb", top, np.array([0, 0, 1.0]), others)
