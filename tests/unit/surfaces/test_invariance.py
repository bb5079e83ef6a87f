"""Property tests: where and how the slab lies, and the order of its atoms, change no count."""

import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peropass.surfaces.contacts import MIN_CONTACT, closest_ratio
from peropass.surfaces.defects import make_site
from peropass.surfaces.poses import generate_poses
from peropass.surfaces.sites import find_sites

FEW = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SITES = ["pristine", "V-CsX", "V-X", "V-Cs"]


def moved(slab: Atoms, shift: tuple, angle_deg: float, order: list[int]) -> Atoms:
    """Translate in plane, turn slab and cell about z, permute atoms; wrap into the cell."""
    fixed = set(slab.constraints[0].get_indices().tolist())
    made = slab.copy()
    made.set_constraint()
    made.positions += np.array([*shift, 0.0])
    made.rotate(angle_deg, "z", rotate_cell=True)
    made.wrap(pbc=(True, True, False))
    made = made[order]
    made.set_constraint(FixAtoms([n for n, i in enumerate(order) if i in fixed]))
    return made


def site_counts(slab: Atoms) -> dict:
    counts: dict = {}
    for site in find_sites(slab):
        counts.setdefault(site.kind, []).append(site.multiplicity)
    return {kind: sorted(values) for kind, values in counts.items()}


motions = st.tuples(
    st.tuples(st.floats(-20, 20), st.floats(-20, 20)),
    st.sampled_from([0.0, 17.0, 45.0, 90.0, 180.0, 211.0]),
    st.permutations(range(14)),
)


@given(motions)
@FEW
def test_sites_do_not_depend_on_placement(slab, motion):
    assert site_counts(moved(slab, *motion)) == site_counts(slab)


@pytest.mark.parametrize("site", SITES)
@given(motions)
@FEW
def test_poses_do_not_depend_on_placement(slab, water, ma_bromide, site, motion):
    for ligand_model in (water, ma_bromide):
        counts = []
        for one in (slab, moved(slab, *motion)):
            made = make_site(one, site)
            found = generate_poses(
                made.atoms, made.holes, ligand_model, n=8, seed=5, orientations=24
            )
            counts.append([(f.name, f.before, f.after) for f in found.filters])
        assert counts[0] == counts[1]


@given(st.integers(0, 2**31 - 1))
@FEW
def test_building_is_deterministic_and_never_clashes(slab, zinc_bromide, ma_bromide, seed):
    made = make_site(slab, "V-CsX")
    for ligand_model in (zinc_bromide, ma_bromide):
        first, second = (
            generate_poses(made.atoms, made.holes, ligand_model, n=10, seed=seed, orientations=32)
            for _ in range(2)
        )
        assert first.filters == second.filters
        for one, two in zip(first.poses, second.poses, strict=True):
            assert np.array_equal(one.atoms.positions, two.atoms.positions)
            assert closest_ratio(one.atoms) >= MIN_CONTACT


@given(st.integers(0, 2**31 - 1))
@FEW
def test_upright_flat_and_inverted_poses_occur_for_any_seed(socket, water, ma_bromide, seed):
    for ligand_model in (water, ma_bromide):
        found = generate_poses(
            socket.atoms, socket.holes, ligand_model, n=60, seed=seed, orientations=48
        )
        assert {"upright", "flat", "inverted"} <= {pose.orientation for pose in found.poses}


@given(st.sampled_from([0, 90, 180, 270]), st.permutations(range(14)))
@FEW
def test_turning_atoms_in_a_square_cell(ideal, water, angle, order):
    """The same atoms turned inside an unturned square cell."""
    turned = moved(ideal, (0.0, 0.0), 0.0, list(order))
    turned.rotate(angle, "z")
    turned.wrap(pbc=(True, True, False))
    assert site_counts(turned) == site_counts(ideal)
    counts = []
    for one in (ideal, turned):
        made = make_site(one, "V-CsX")
        found = generate_poses(made.atoms, made.holes, water, n=4, seed=9, orientations=24)
        counts.append([(f.name, f.after) for f in found.filters])
    assert counts[0] == counts[1]
