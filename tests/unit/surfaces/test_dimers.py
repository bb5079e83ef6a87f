"""Lead dimers of the PbX2 face: what leaves, how near the pair comes, and that neither order nor frame matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from peropass.errors import InputError
from peropass.surfaces.contacts import MIN_CONTACT, covalent_sums
from peropass.surfaces.defects import locate_holes, make_site
from peropass.surfaces.hosts import load_host
from peropass.surfaces.neighbours import minimum_image
from peropass.surfaces.slabs import build_slab

ROOT = Path(__file__).resolve().parents[3]
RELAXED = ROOT / "results/reference/controls/smoke-hse/CsPbBr3-cubic/001-PbX2/pristine/none/none"


def lead_face(name: str):
    if name == "relaxed":
        return read(RELAXED / "relax.final.extxyz")
    lateral, tilt = name.split("-")
    host = load_host("CsPbBr3-cubic")
    options = {"layers": 3, "height_ang": 27, "tilt": tilt == "tilted"}
    return build_slab(host, "001-PbX2", a_ang=5.98, lateral=lateral, **options)


def moved(slab, atoms):
    """Indices in `atoms` of the ions that lie elsewhere than in `slab`."""
    gaps = minimum_image(atoms.positions[:, None] - slab.positions[None], slab.cell.array)
    return np.flatnonzero(np.linalg.norm(gaps, axis=-1).min(axis=1) > 1e-6)


FACES = ["relaxed", "sqrt2-ideal", "sqrt2-tilted", "2x2-ideal", "2x2-tilted"]


@pytest.mark.parametrize("face", FACES)
def test_two_lead_ions_come_within_a_bond_and_two_halides_leave(face):
    slab = lead_face(face)
    made = make_site(slab, "Pb-dimer")
    before, after = (atoms.symbols.formula.count() for atoms in (slab, made.atoms))
    assert [after[s] - before[s] for s in ("Cs", "Pb", "Br")] == [0, 0, -2]
    pair = moved(slab, made.atoms)
    assert list(made.atoms.symbols[pair]) == ["Pb", "Pb"]
    assert set(made.atoms.arrays["layer"][pair]) == {1}
    # a bond: shorter than in the metal (3.50 A), not shorter than twice the covalent radius (2.92 A)
    assert 3.0 < made.atoms.get_distance(*pair, mic=True) < 3.4
    ratios = made.atoms.get_all_distances(mic=True) / covalent_sums(
        made.atoms.numbers, made.atoms.numbers
    )
    np.fill_diagonal(ratios, np.inf)
    assert ratios.min() >= MIN_CONTACT


@pytest.mark.parametrize("face", FACES)
def test_the_halide_between_the_pair_has_left(face):
    """The bridge lay between the two; of the other halide the move has torn the bond (1.3 times the covalent radii) to either."""
    slab = lead_face(face)
    made = make_site(slab, "Pb-dimer")
    assert [symbol for symbol, _ in made.removed] == ["Br", "Br"]
    pair = made.atoms.positions[moved(slab, made.atoms)]
    axis = minimum_image(pair[1] - pair[0], slab.cell.array)
    bridge, behind = (place for _, place in made.removed)
    from_middle = minimum_image(bridge - pair[0] - axis / 2, slab.cell.array)
    assert abs(from_middle @ axis) / np.linalg.norm(axis) < 0.5
    torn = np.linalg.norm(minimum_image(pair - behind, slab.cell.array), axis=1)
    assert (torn > 1.3 * (1.46 + 1.20)).all()


def test_every_bridge_of_the_ideal_face_is_equivalent():
    """Four-fold face: 2 bridges per lead, 4 in the sqrt2 cell and 8 in the 2x2 cell, and no other kind."""
    for face, n in (("sqrt2-ideal", 4), ("2x2-ideal", 8)):
        slab = lead_face(face)
        assert make_site(slab, "Pb-dimer").multiplicity == n
        with pytest.raises(InputError, match="allowed: 0 to 0"):
            make_site(slab, "Pb-dimer", 1)


def test_the_dimer_turns_with_the_slab_and_ignores_the_order_of_atoms():
    slab = lead_face("relaxed")
    turned = slab.copy()
    turned.positions = turned.positions @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) + [1, 2, 0]
    shuffled = slab[np.random.default_rng(3).permutation(len(slab))]
    spectra = [
        np.sort(make_site(atoms, "Pb-dimer").atoms.get_all_distances(mic=True).ravel())
        for atoms in (slab, turned, shuffled)
    ]
    for other in spectra[1:]:
        assert other == pytest.approx(spectra[0], abs=1e-5)


def test_frozen_ions_stay_and_holes_are_found_again():
    slab = lead_face("relaxed")
    made = make_site(slab, "Pb-dimer")
    frozen = slab.arrays["layer"] == 3
    kept = made.atoms.arrays["layer"] == 3
    assert np.allclose(made.atoms.positions[kept], slab.positions[frozen])
    assert len(made.atoms.constraints[0].get_indices()) == kept.sum()
    found = locate_holes(made.atoms, slab)
    assert np.sort(found["X-hole"], axis=0) == pytest.approx(np.sort(made.holes["X-hole"], axis=0))


def test_other_hosts_use_their_own_names():
    host = load_host("CsSnI3-cubic")
    slab = build_slab(host, "001-PbX2", a_ang=6.2, layers=3, height_ang=30)
    for name in ("Pb-dimer", "Sn-dimer", "B-dimer"):
        assert len(slab) - len(make_site(slab, name).atoms) == 2


@pytest.mark.parametrize("site", ["Cs-dimer", "Q-dimer", "-dimer", "Sn-dimer"])
def test_other_dimers_are_refused_in_one_line(site):
    with pytest.raises(InputError, match="allowed: Pb-dimer") as error:
        make_site(lead_face("sqrt2-ideal"), site)
    assert "\n" not in str(error.value)


def test_a_face_without_exposed_lead_has_no_dimer(slab):
    with pytest.raises(InputError, match="no bridged pair of exposed B ions"):
        make_site(slab, "Pb-dimer")
