"""Poses: anchors at their places, contacts, orientations, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from peropass.chemistry.model import Anchor, LigandPart
from peropass.errors import BuildError, InputError
from peropass.surfaces.contacts import (
    MIN_CONTACT,
    closest_ratio,
    coverage,
    headroom_ang,
    image_ratio,
    lift,
)
from peropass.surfaces.defects import make_site
from peropass.surfaces.neighbours import minimum_image
from peropass.surfaces.orientations import even_rotations
from peropass.surfaces.poses import generate_poses


def gap(atoms: Atoms, first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(minimum_image(first - second, atoms.cell.array)))


def ligand(atoms: Atoms) -> Atoms:
    return atoms[atoms.arrays["fragment"] == 1]


def test_caesium_bromide_gives_the_pristine_slab_back(slab, socket, caesium_bromide):
    """Cs and Br in the holes they left: one pose, the pristine positions up to lattice translations."""
    (pose,) = generate_poses(socket.atoms, socket.holes, caesium_bromide, n=4, seed=1).poses
    assert pose.motif == "fills-A-and-X"
    assert pose.atoms.symbols.formula.count() == slab.symbols.formula.count()
    for symbol, position in zip(slab.symbols, slab.positions, strict=True):
        same = pose.atoms.positions[pose.atoms.symbols == symbol]
        assert min(gap(slab, position, other) for other in same) < 1e-9


def test_arrays_travel(socket, ma_bromide):
    for pose in generate_poses(socket.atoms, socket.holes, ma_bromide, n=3, seed=1).poses:
        arrays = pose.atoms.arrays
        n_slab = len(socket.atoms)
        assert arrays["fragment"].tolist() == [0] * n_slab + [1] * 9
        assert arrays["smiles_index"].tolist() == [-1] * n_slab + list(range(9))
        assert set(arrays["layer"][n_slab:]) == {0}
        assert ligand(pose.atoms).get_chemical_symbols() == list("CNHHHHHH") + ["Br"]
        assert len(pose.atoms.constraints[0].get_indices()) == 4


def test_ammonium_head_sits_in_the_a_hole_and_halide_in_the_x_hole(socket, ma_bromide):
    best = generate_poses(socket.atoms, socket.holes, ma_bromide, n=1, seed=1).poses[0]
    part = ligand(best.atoms)
    assert gap(best.atoms, part.positions[1], socket.holes["A-hole"][0]) < 0.5
    assert gap(best.atoms, part.positions[8], socket.holes["X-hole"][0]) < 1e-9
    assert best.orientation == "upright"


def test_donor_meets_pb_at_a_dative_bond(socket, water):
    """Pb-O bonds of donors are 2.3 to 2.8 A long (Shannon: 1.19 + 1.40 = 2.59)."""
    best = generate_poses(socket.atoms, socket.holes, water, n=1, seed=1).poses[0]
    oxygen = ligand(best.atoms).positions[0]
    assert 2.3 < gap(best.atoms, oxygen, socket.holes["Pb"][0]) < 2.8
    assert best.motif == "donor-on-Pb"


def test_metal_halide_motifs_compete(socket, zinc_bromide):
    poses = generate_poses(socket.atoms, socket.holes, zinc_bromide, n=5, seed=1).poses
    assert {pose.motif for pose in poses} == set(zinc_bromide.motifs)
    lead = socket.holes["Pb"][0]
    for pose in poses:
        zinc = pose.atoms.positions[pose.atoms.symbols == "Zn"][0]
        on_lattice = pose.motif in ("metal-on-Pb", "PbX2-adlayer")
        assert (gap(pose.atoms, zinc, lead) < 0.01) == on_lattice


def test_upright_flat_and_inverted_poses_occur(socket, water, ma_bromide, butanol):
    for ligand_model in (water, ma_bromide, butanol):
        found = generate_poses(socket.atoms, socket.holes, ligand_model, n=60, seed=2).poses
        assert {"upright", "flat", "inverted"} <= {pose.orientation for pose in found}


def test_no_contact_below_the_limit_and_counts_fall(socket, ma_bromide, zinc_bromide, butanol):
    for ligand_model in (ma_bromide, zinc_bromide, butanol):
        found = generate_poses(socket.atoms, socket.holes, ligand_model, n=30, seed=3)
        assert min(closest_ratio(pose.atoms) for pose in found.poses) >= MIN_CONTACT
        assert [f.name for f in found.filters] == [
            "placed",
            "lateral image",
            "clash",
            "headroom",
            "duplicate",
            "selected",
        ]
        for one, following in zip(found.filters, found.filters[1:], strict=False):
            assert one.after <= one.before
            assert following.before == one.after
        assert found.filters[-1].after == len(found.poses)


def test_symmetry_related_poses_count_once(ideal, water):
    """On the untilted face mirror images of a pose are the same pose: fewer survive than on a socket."""
    made = make_site(ideal, "pristine")
    found = generate_poses(made.atoms, made.holes, water, n=500, seed=1)
    prints = []
    for pose in found.poses:
        distances = pose.atoms.get_all_distances(mic=True)[len(ideal) :, : len(ideal)]
        prints.append(np.sort(np.minimum(distances, 7.0), axis=1).ravel())
    gaps = [np.abs(a - b).max() for i, a in enumerate(prints) for b in prints[:i]]
    assert min(gaps) > 0.05


def test_image_ratio_of_two_rows():
    """Carbon atoms 2.0 A from their images, contact radii 1.7 A: 2.0 / 3.4."""
    cell = np.diag([2.0, 10.0, 20.0])
    ratio = image_ratio(np.zeros((1, 1, 3)), np.array([6]), cell, np.zeros(1))
    assert ratio == pytest.approx([2.0 / 3.4])


def test_opposite_charges_next_door_are_no_clash():
    """A cation beside the image of its anion is a bond of the adlayer."""
    cell = np.diag([5.0, 10.0, 20.0])
    pair = np.array([[[0.0, 0, 0], [2.5, 0, 0]]])
    together = image_ratio(pair, np.array([6, 6]), cell, np.array([1, -1]))
    assert together == pytest.approx([5.0 / 3.4])


def test_wide_ligand_touches_its_image(socket, build_set):
    """A cage of 8 A across in a cell of 8.5 A leaves 0.5 A however it is turned."""
    steps = even_rotations(40, 0)
    cage = Atoms("C40", positions=4.0 * steps[:, :, 0])
    part = LigandPart("cage", 0, "neutral", (), (cage,))
    with pytest.raises(BuildError, match="touches its lateral image in the 8.5 x 8.5 A cell"):
        generate_poses(socket.atoms, socket.holes, build_set("cage", "L-type", [part]), n=2, seed=0)


def test_too_little_vacuum_says_how_much_is_missing(socket, butanol):
    low = socket.atoms.copy()
    cell = low.cell.array.copy()
    cell[2, 2] = 15.5
    low.set_cell(cell)
    assert headroom_ang(low) < 10
    with pytest.raises(BuildError, match="of vacuum above the ligand, allowed at least 8 A; raise"):
        generate_poses(low, socket.holes, butanol, n=2, seed=0)


def test_unknown_motif_is_named(socket, ma_bromide):
    with pytest.raises(InputError, match="upside-down"):
        generate_poses(
            socket.atoms, socket.holes, replace(ma_bromide, motifs=("upside-down",)), n=1, seed=0
        )


def test_lift_stops_at_contact():
    """A ball over a ball: it rises until the distance is the limit, not further."""
    rise = lift(np.array([[[0.5, 0, 0]], [[3.0, 0, 0]]]), np.zeros((1, 3)), np.array([[2.0]]))
    assert rise == pytest.approx([np.sqrt(4 - 0.25), 0.0])


def test_coverage_is_one_per_surface_a_site(slab, socket):
    assert coverage(socket.atoms, slab) == pytest.approx(1 / 2)


def test_ambidentate_anion_starts_with_its_anchor_to_the_metal(socket, build_set):
    """Thiocyanate held by S points S to Pb, held by N points N to Pb: two motifs, not one twice."""
    shape = Atoms("SCN", positions=[[0, 0, 0], [0, 0, 1.65], [0, 0, 2.82]])
    anchors = tuple(Anchor(name, (i,), ("X-hole", "Pb")) for name, i in (("S0", 0), ("N2", 2)))
    anion = LigandPart("[S-]C#N", -1, "anion", anchors, (shape,))
    cation = LigandPart("[Cs+]", 1, "cation", (Anchor("Cs0", (0,), ("A-hole",)),), (Atoms("Cs"),))
    found = generate_poses(
        socket.atoms, socket.holes, build_set("scn", "ion-pair", [cation, anion]), n=4, seed=1
    )
    lead = socket.holes["Pb"][0]
    for pose in found.poses[:2]:
        sulphur, _, nitrogen = ligand(pose.atoms).positions[1:]
        by_sulphur = gap(pose.atoms, sulphur, lead) < gap(pose.atoms, nitrogen, lead)
        assert by_sulphur == ("S" in pose.anchor.split("+")[-1])
