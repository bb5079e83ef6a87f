"""Distances under lateral periodicity, ionic coordination and the bond graph."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

# ASSUME two counter-ions are neighbours up to 1.3 times the sum of their covalent radii: that holds
# the 6 halides of Pb (1.12) and the 12 of Cs (1.16) in cubic CsPbBr3 and excludes the next shell.
COORDINATION_FACTOR = 1.3
HALOGENS = frozenset({"F", "Cl", "Br", "I"})
ALKALI = frozenset({"Li", "Na", "K", "Rb", "Cs"})
BULK_COORDINATION = {"A": 12, "B": 6, "X": 6}  # counter-ions; X has 2 B and 4 A


def lateral_images(cell: np.ndarray, reach: float) -> np.ndarray:
    """Translations (n, 3) that carry every lateral image within `reach` A; the first is zero."""
    vectors = np.asarray(cell, float)[:2]
    area = np.linalg.norm(np.cross(vectors[0], vectors[1]))
    heights = [area / np.linalg.norm(vectors[1]), area / np.linalg.norm(vectors[0])]
    spans = [int(np.ceil(reach / height)) for height in heights]
    shifts = [
        (i, j) for i in range(-spans[0], spans[0] + 1) for j in range(-spans[1], spans[1] + 1)
    ]
    shifts.sort(key=lambda s: (s != (0, 0), s))
    return np.array(shifts, float) @ vectors


def minimum_image(vectors: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Shortest lateral image of each vector (..., 3)."""
    vectors = np.asarray(vectors, float)
    lateral = np.asarray(cell, float).copy()
    lateral[2] = (0.0, 0.0, 1.0)
    scaled = vectors @ np.linalg.inv(lateral)
    scaled[..., :2] -= np.round(scaled[..., :2])
    folded = scaled @ lateral
    if abs(lateral[0] @ lateral[1]) < 1e-6:
        return folded
    shifts = np.array([(i, j, 0) for i in (-1, 0, 1) for j in (-1, 0, 1)], float) @ lateral
    images = folded[..., None, :] + shifts
    best = np.argmin((images**2).sum(-1), axis=-1)
    return np.take_along_axis(images, best[..., None, None], axis=-2)[..., 0, :]


def ion_roles(atoms: Atoms) -> np.ndarray:
    """Role of each atom: ``A``, ``B`` or ``X``, and ``-`` for ligand atoms.

    The array ``ion`` where present; else halogens are X, alkali metals A and other slab atoms B.
    """
    if "ion" in atoms.arrays:
        return atoms.arrays["ion"].astype("<U1")
    fragment = atoms.arrays.get("fragment", np.zeros(len(atoms), int))
    roles = [
        "-" if part else "X" if symbol in HALOGENS else "A" if symbol in ALKALI else "B"
        for symbol, part in zip(atoms.get_chemical_symbols(), fragment, strict=True)
    ]
    return np.array(roles, dtype="<U1")


def neighbours(
    atoms: Atoms, centre: int, others: np.ndarray, factor: float = COORDINATION_FACTOR
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n,) and vectors (n, 3) of bonded `others`, images listed separately."""
    radii = covalent_radii[atoms.numbers]
    reach = factor * (radii[centre] + radii[others])
    if not len(others):
        return np.empty(0, int), np.empty((0, 3))
    shifts = lateral_images(atoms.cell.array, reach.max())
    base = minimum_image(atoms.positions[others] - atoms.positions[centre], atoms.cell.array)
    vectors = base[None] + shifts[:, None]
    lengths = np.linalg.norm(vectors, axis=-1)
    image, which = np.nonzero((lengths < reach[None]) & (lengths > 1e-6))
    return np.asarray(others)[which], vectors[image, which]


def counter_ions(atoms: Atoms, centre: int, roles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinating counter-ions of a host ion: X of A and B, and A and B of X."""
    wanted = (roles == "A") | (roles == "B") if roles[centre] == "X" else roles == "X"
    return neighbours(atoms, centre, np.flatnonzero(wanted))


def openness(vectors: np.ndarray) -> np.ndarray:
    """Minus the sum of unit vectors to the neighbours: points to where neighbours are missing."""
    if not len(vectors):
        return np.array([0.0, 0.0, 1.0])
    return -(vectors / np.linalg.norm(vectors, axis=1)[:, None]).sum(axis=0)
