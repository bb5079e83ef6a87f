"""Contacts: how near a ligand may come to the slab, to itself and to its lateral images."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii, vdw_radii

from peropass.surfaces.neighbours import ion_roles, lateral_images, minimum_image

MIN_CONTACT = 0.75  # of the sum of covalent radii: no two atoms come closer in any pose
MIN_HEADROOM_ANG = 8.0
# ASSUME contacts that are not bonds start at 0.85 of the sum of contact radii: N-H...Br then starts
# at 2.5 A, the length of a hydrogen bond, and relaxation does the rest.
SOFT_CONTACT = 0.85
# ASSUME the contact radius of a metal is 0.8 of its covalent radius, close to its ionic radius
# (Cs 1.95 against 1.88 A, Pb 1.17 against 1.19 A); van der Waals radii of metals mean neutral atoms.
METAL_FACTOR = 0.8
# ASSUME a ligand touches its lateral image below 0.85 of the sum of contact radii (H...H 2.0 A).
IMAGE_CONTACT = 0.85
DATIVE = 1.15  # length of a bond from the ligand to a surface ion over the sum of covalent radii
NONMETALS = frozenset("H He B C N O F Ne Si P S Cl Ar Ge As Se Br Kr Sb Te I Xe".split())


def _radii() -> np.ndarray:
    radii = METAL_FACTOR * covalent_radii.copy()
    for symbol in NONMETALS:
        number = atomic_numbers[symbol]
        bondi = vdw_radii[number] if number < len(vdw_radii) else np.nan
        radii[number] = bondi if np.isfinite(bondi) else covalent_radii[number] + 0.8
    return radii


CONTACT_RADII = _radii()


def soft_limits(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Start distances (n, m) in Angstrom of atoms that are not bonded, from atomic numbers."""
    return SOFT_CONTACT * (CONTACT_RADII[first][:, None] + CONTACT_RADII[second][None])


def covalent_sums(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sums of covalent radii (n, m) in Angstrom, from atomic numbers."""
    return covalent_radii[first][:, None] + covalent_radii[second][None]


def dative_length(first: int, second: int) -> float:
    """Start length of a bond between ligand and surface ion, Angstrom, from atomic numbers."""
    return float(DATIVE * (covalent_radii[first] + covalent_radii[second]))


def with_images(
    points: np.ndarray, cell: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) with all lateral images within `reach` of the cell: (k, 3), and their source."""
    points = np.asarray(points, float)
    shifts = lateral_images(cell, reach)
    images = (points[None] + shifts[:, None]).reshape(-1, 3)
    return images, np.tile(np.arange(len(points)), len(shifts))


def lift(
    positions: np.ndarray, obstacles: np.ndarray, limits: np.ndarray, rounds: int = 60
) -> np.ndarray:
    """Smallest rise (m,) along +z that frees each of m rigid bodies from all obstacles.

    Parameters
    ----------
    positions : ndarray (m, n, 3)
    obstacles : ndarray (k, 3) or (m, k, 3)
    limits : ndarray (n, k)
        Least distance of each atom from each obstacle, Angstrom.
    """
    if obstacles.ndim == 2:
        obstacles = obstacles[None]
    rise = np.zeros(len(positions))
    across = positions[:, :, None, :2] - obstacles[:, None, :, :2]
    room = limits[None] ** 2 - (across**2).sum(axis=-1)
    half = np.sqrt(np.clip(room, 0.0, None))
    height = positions[:, :, None, 2] - obstacles[:, None, :, 2]
    for _ in range(rounds):
        now = height + rise[:, None, None]
        inside = (room > 0) & (np.abs(now) < half - 1e-9)
        if not inside.any():
            break
        rise += np.where(inside, half - now, 0.0).max(axis=(1, 2))
    return rise


def image_ratio(
    positions: np.ndarray, numbers: np.ndarray, cell: np.ndarray, signs: np.ndarray
) -> np.ndarray:
    """Shortest distance to a lateral image over the sum of contact radii, for m bodies: (m,).

    `signs` (n,) is the sign of the charge of the part that each atom belongs to: a cation next to the
    image of its anion is a bond of the adlayer, not a ligand that lacks room.
    """
    span = np.ptp(positions, axis=1).max() if positions.size else 0.0
    shifts = lateral_images(cell, span + 8.0)[1:]
    sums = CONTACT_RADII[numbers][:, None] + CONTACT_RADII[numbers][None]
    sums = np.where(signs[:, None] * signs[None] < 0, 1e-9, sums)
    vectors = positions[:, :, None] - positions[:, None]
    best = np.full(len(positions), np.inf)
    for shift in shifts:
        lengths = np.linalg.norm(vectors + shift, axis=-1)
        best = np.minimum(best, (lengths / sums).min(axis=(1, 2)))
    return best


def closest_ratio(atoms: Atoms) -> float:
    """Shortest distance over the sum of covalent radii among all pairs, images included."""
    cell = atoms.cell.array
    sums = covalent_sums(atoms.numbers, atoms.numbers)
    vectors = minimum_image(atoms.positions[None] - atoms.positions[:, None], cell)
    ratios = np.linalg.norm(vectors, axis=-1) / sums
    np.fill_diagonal(ratios, np.inf)
    own = np.linalg.norm(lateral_images(cell, np.linalg.norm(cell[:2], axis=1).max())[1:], axis=1)
    return float(min(ratios.min(), (own.min() / np.diag(sums)).min()))


def headroom_ang(atoms: Atoms) -> float:
    """Vacuum between the topmost atom and the lowest atom of the next image along c, Angstrom."""
    return float(atoms.cell[2, 2] - np.ptp(atoms.positions[:, 2]))


def coverage(socket: Atoms, pristine: Atoms) -> float:
    """Ligands per surface A site: one ligand on as many A sites as the pristine top face has.

    On a BX2 face, where no A ion is exposed, its exposed B ions are counted: one A site each.
    """
    from peropass.surfaces.sites import exposed_ions

    del socket
    kinds = [site.kind for site in exposed_ions(pristine)]
    count = kinds.count("A-top") or kinds.count("Pb")
    roles = ion_roles(pristine)
    return 1.0 / (count or max(1, int(np.sum(roles == "A"))))
