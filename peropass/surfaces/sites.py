"""Adsorption sites of a top face by species and coordination, one per orbit of the slab's symmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from peropass.surfaces.neighbours import (
    BULK_COORDINATION,
    counter_ions,
    ion_roles,
    lateral_images,
    minimum_image,
    openness,
)

SYMPREC_ANG = 0.15  # above the start-up rattle, far below an octahedral tilt
SAME_SITE_ANG = 0.6
SHADOW_ANG = 1.5  # an ion below another one, within this lateral distance, is not exposed
# A counter-ion is above an ion if its direction is within 60 degrees of the normal: in-plane
# neighbours stay out of that cone for tilts up to 16 degrees and rumplings of 0.5 A.
ABOVE_COSINE = 0.5
BRIDGE_FACTOR = 1.15
RING_ANG = 6.5  # A to the B ions of the cubes around it: 5.2 A in cubic CsPbBr3


@dataclass(frozen=True)
class Site:
    """One symmetry-distinct adsorption site of the top face.

    Attributes
    ----------
    kind : str
        ``A-top``, ``X-top``, ``Pb`` (exposed B ion), ``A-hole``, ``X-hole`` or ``bridge``.
    position : ndarray (3,)
        Angstrom; of the ion for top and exposed sites, of the empty place for holes.
    normal : ndarray (3,)
        Unit vector into the open half-space.
    atoms : tuple of int
        The ions that define the site.
    multiplicity : int
        Number of equivalent sites in the cell.
    coordination : int
        Counter-ions of the ion, 0 for holes and bridges.
    """

    kind: str
    position: np.ndarray
    normal: np.ndarray
    atoms: tuple[int, ...]
    multiplicity: int
    coordination: int


def find_sites(slab: Atoms, symprec: float = SYMPREC_ANG) -> list[Site]:
    """Symmetry-distinct sites of the top face with their multiplicities."""
    operations = surface_operations(slab, symprec)
    found: list[Site] = []
    for group in (exposed_ions(slab), holes_by_coordination(slab), halide_bridges(slab)):
        found.extend(_distinct(group, operations, slab.cell.array))
    return found


def exposed_ions(slab: Atoms) -> list[Site]:
    """Every ion of the top face: under-coordinated, with no counter-ion above it and no ion over it."""
    roles = ion_roles(slab)
    kinds = {"A": "A-top", "B": "Pb", "X": "X-top"}
    sites = []
    for i in np.flatnonzero(roles != "-"):
        _, vectors = counter_ions(slab, i, roles)
        if not len(vectors) or len(vectors) >= BULK_COORDINATION[roles[i]]:
            continue
        above = vectors[:, 2] > ABOVE_COSINE * np.linalg.norm(vectors, axis=1)
        if not above.any() and not _in_shadow(slab, int(i)):
            normal = _open_direction(vectors)
            position = slab.positions[i].copy()
            sites.append(Site(kinds[roles[i]], position, normal, (int(i),), 1, len(vectors)))
    return sites


def _open_direction(vectors: np.ndarray) -> np.ndarray:
    """Unit vector to where neighbours are missing, the surface normal if they lie all around."""
    missing = openness(vectors)
    length = np.linalg.norm(missing)
    if missing[2] < 0.3 * max(length, 1.0):
        return np.array([0.0, 0.0, 1.0])
    return missing / length


def _in_shadow(slab: Atoms, i: int) -> bool:
    """Whether another ion sits above ion `i`."""
    vectors = minimum_image(slab.positions - slab.positions[i], slab.cell.array)
    near = np.linalg.norm(vectors[:, :2], axis=1) < SHADOW_ANG
    return bool((near & (vectors[:, 2] > 1.0)).any())


def holes_by_coordination(slab: Atoms) -> list[Site]:
    """Empty lattice places of the top face.

    An X hole is the missing vertex of an exposed B ion, at its mean bond length. An A hole is the
    mirror image of an A ion through the layer of exposed B ions above it, where nothing sits.
    """
    roles = ion_roles(slab)
    sites = []
    for ion in exposed_ions(slab):
        if ion.kind == "Pb":
            _, bonds = counter_ions(slab, ion.atoms[0], roles)
            if len(bonds) == BULK_COORDINATION["B"] - 1:
                place = ion.position + ion.normal * np.linalg.norm(bonds, axis=1).mean()
                sites.append(Site("X-hole", place, ion.normal, ion.atoms, 1, 0))
    return sites + _mirrored_a_holes(slab, roles)


def _mirrored_a_holes(slab: Atoms, roles: np.ndarray) -> list[Site]:
    """A holes on a BX2 face: A ions right below it, mirrored at the plane of the exposed B ions."""
    metals = [site.position for site in exposed_ions(slab) if site.kind == "Pb"]
    sites: list[Site] = []
    for i in np.flatnonzero(roles == "A") if metals else []:
        vectors = minimum_image(np.array(metals) - slab.positions[i], slab.cell.array)
        ring = np.linalg.norm(vectors, axis=1) < RING_ANG
        if not ring.any() or vectors[ring, 2].min() < 1.0 or _in_shadow(slab, int(i)):
            continue
        place = slab.positions[i] + [0.0, 0.0, 2 * vectors[ring, 2].mean()]
        gaps = np.linalg.norm(minimum_image(slab.positions - place, slab.cell.array), axis=1)
        if gaps.min() > 2.0:
            sites.append(Site("A-hole", place, np.array([0.0, 0.0, 1.0]), (int(i),), 1, 0))
    return sites


def halide_bridges(slab: Atoms) -> list[Site]:
    """Midpoints between nearest exposed halides."""
    halides = [site for site in exposed_ions(slab) if site.kind == "X-top"]
    if not halides:
        return []
    places = np.array([site.position for site in halides])
    cell = slab.cell.array
    shifts = lateral_images(cell, float(np.linalg.norm(cell[:2], axis=1).max()))
    vectors = places[None, :, None] + shifts[None, None] - places[:, None, None]
    lengths = np.linalg.norm(vectors, axis=-1)
    lengths[lengths < 1e-6] = np.inf
    limit = BRIDGE_FACTOR * lengths.min()
    middles: list[Site] = []
    for i, j, k in zip(*np.nonzero(lengths <= limit), strict=True):
        middle = places[i] + vectors[i, j, k] / 2
        if all(
            np.linalg.norm(minimum_image(middle - other.position, cell)) > 0.1 for other in middles
        ):
            pair = tuple(sorted((halides[i].atoms[0], halides[j].atoms[0])))
            middles.append(Site("bridge", middle, np.array([0.0, 0.0, 1.0]), pair, 1, 0))
    return middles


def surface_operations(
    slab: Atoms, symprec: float = SYMPREC_ANG
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cartesian rotations (3, 3) and translations (3,) that map the slab and its top face to itself."""
    import spglib

    cell = slab.cell.array
    found = spglib.get_symmetry((cell, slab.get_scaled_positions(), slab.numbers), symprec=symprec)
    identity = (np.eye(3), np.zeros(3))
    if found is None:
        return [identity]
    operations = []
    for rotation, translation in zip(found["rotations"], found["translations"], strict=True):
        shift = translation[2] - round(translation[2])
        if rotation[2, 2] == 1 and abs(shift) * cell[2, 2] < 2 * symprec:
            cartesian = cell.T @ rotation @ np.linalg.inv(cell.T)
            operations.append((cartesian, np.array([*translation[:2], 0.0]) @ cell))
    return operations or [identity]


def _distinct(
    sites: list[Site], operations: list[tuple[np.ndarray, np.ndarray]], cell: np.ndarray
) -> list[Site]:
    """One site per orbit, with the size of the orbit as its multiplicity."""
    left = list(sites)
    distinct = []
    while left:
        first = left[0]
        images = np.array([r @ first.position + t for r, t in operations])
        orbit = [
            site
            for site in left
            if site.kind == first.kind
            and np.linalg.norm(minimum_image(images - site.position, cell), axis=1).min()
            < SAME_SITE_ANG
        ]
        distinct.append(
            Site(
                first.kind,
                first.position,
                first.normal,
                first.atoms,
                len(orbit),
                first.coordination,
            )
        )
        left = [site for site in left if all(site is not other for other in orbit)]
    return distinct
