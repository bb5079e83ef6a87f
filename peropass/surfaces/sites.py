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
    neighbours,
    openness,
)

SYMPREC_ANG = 0.15  # above the start-up rattle, far below an octahedral tilt
SAME_SITE_ANG = 0.6
SHADOW_ANG = 1.5  # an ion below another one, within this lateral distance, is not exposed
# Missing unit vectors along +z: an apical halide without its B misses one, a B ion on BX2 one, an A
# ion on AX four halides at 45 degrees (2.8); bulk A ions of tilted phases miss up to one.
OPEN_UPWARDS = {"A": 1.5, "B": 0.5, "X": 0.5}
BRIDGE_FACTOR = 1.15


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
    """Every ion of the top face that misses counter-ions above it."""
    roles = ion_roles(slab)
    kinds = {"A": "A-top", "B": "Pb", "X": "X-top"}
    sites = []
    for i in np.flatnonzero(roles != "-"):
        _, vectors = counter_ions(slab, i, roles)
        missing = openness(vectors)
        if (
            len(vectors) < BULK_COORDINATION[roles[i]]
            and missing[2] > OPEN_UPWARDS[roles[i]]
            and not _in_shadow(slab, int(i))
        ):
            normal = missing / np.linalg.norm(missing)
            position = slab.positions[i].copy()
            sites.append(Site(kinds[roles[i]], position, normal, (int(i),), 1, len(vectors)))
    return sites


def _in_shadow(slab: Atoms, i: int) -> bool:
    """Whether another ion sits above ion `i`."""
    vectors = minimum_image(slab.positions - slab.positions[i], slab.cell.array)
    near = np.linalg.norm(vectors[:, :2], axis=1) < SHADOW_ANG
    return bool((near & (vectors[:, 2] > 1.0)).any())


def holes_by_coordination(slab: Atoms) -> list[Site]:
    """Empty lattice places of the top face.

    An X hole is the missing vertex of an exposed B ion, at its mean bond length. An A hole is the
    mirror image of an A ion through the ring of four halides above it, where nothing sits.
    """
    roles = ion_roles(slab)
    sites = []
    for ion in exposed_ions(slab):
        if ion.kind == "Pb":
            _, bonds = counter_ions(slab, ion.atoms[0], roles)
            if len(bonds) == BULK_COORDINATION["B"] - 1:
                place = ion.position + ion.normal * np.linalg.norm(bonds, axis=1).mean()
                sites.append(Site("X-hole", place, ion.normal, ion.atoms, 1, 0))
    up = np.array([0.0, 0.0, 1.0])
    for i in np.flatnonzero(roles == "A"):
        ring, vectors = neighbours(slab, i, np.flatnonzero(roles == "X"))
        above = vectors[:, 2] > 0.35 * np.linalg.norm(vectors, axis=1) if len(vectors) else []
        if np.sum(above) != 4:
            continue
        place = slab.positions[i] + 2 * vectors[above].mean(axis=0)
        distances = np.linalg.norm(minimum_image(slab.positions - place, slab.cell.array), axis=1)
        if distances.min() > 2.0:
            atoms = tuple(int(k) for k in ring[above])
            sites.append(Site("A-hole", place, up, atoms, 1, 0))
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
