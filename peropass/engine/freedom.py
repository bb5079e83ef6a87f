"""What a relaxation may move: free atoms, and atoms that move within a plane only.

Fixed atoms are ASE's `FixAtoms`, planes its `FixedPlane`. An atom on a plane is free, and the force along the normal is no
part of what its relaxation follows or is judged by.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms, FixedPlane


def free_atoms(atoms: Atoms) -> np.ndarray:
    """Indices of atoms that may move."""
    fixed = {int(i) for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.get_indices()}
    return np.array([i for i in range(len(atoms)) if i not in fixed], int)


def largest_force(forces: np.ndarray, free: np.ndarray) -> float:
    """Largest force on a free atom, eV/Angstrom; zero if none is free."""
    return float(np.linalg.norm(forces[free], axis=1).max()) if len(free) else 0.0


def plane_normals(atoms: Atoms) -> dict[int, np.ndarray]:
    """Atom -> unit normal of the plane that it is held in; empty without such atoms."""
    return {
        int(i): np.asarray(c.dir, float) / np.linalg.norm(c.dir)
        for c in atoms.constraints
        if isinstance(c, FixedPlane)
        for i in np.atleast_1d(c.index)
    }


def within_planes(forces: np.ndarray, normals: dict[int, np.ndarray]) -> np.ndarray:
    """Forces (n, 3) without what acts along the normals."""
    if not normals:
        return forces
    kept = forces.copy()
    for index, normal in normals.items():
        kept[index] -= (kept[index] @ normal) * normal
    return kept


def confined(hessian: np.ndarray, normals: dict[int, np.ndarray]) -> np.ndarray:
    """Hessian (3n, 3n) in which the normals are directions of their own, coupled to nothing: no step leaves a plane."""
    if not normals:
        return hessian
    projector = np.eye(len(hessian))
    for index, normal in normals.items():
        projector[3 * index : 3 * index + 3, 3 * index : 3 * index + 3] -= np.outer(normal, normal)
    return projector @ hessian @ projector + (np.eye(len(hessian)) - projector)
