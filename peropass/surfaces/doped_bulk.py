"""Bulk supercells of a cubic host for dopants: off the saddle, with one B ion replaced, at several volumes."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import make_supercell

from peropass.errors import InputError
from peropass.surfaces.bulk_defects import make_bulk_defect
from peropass.surfaces.hosts import Host, bulk

# Rows are the supercell vectors in units of the cubic cell; each holds every tilt that doubles the cell.
CELLS = {
    "sqrt2x2": np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 2]]),
    "2x2x2": 2 * np.eye(3, dtype=int),
}
TILT_DEG = 8.0  # about each axis; relaxation finds the real angle
RATTLE_ANG = 0.03
RATTLE_SEED = 20240608


def host_supercell(host: Host, a_ang: float, cell: str) -> Atoms:
    """Undoped supercell at the cubic lattice constant `a_ang`, its octahedra turned as in Glazer's a-a-c+.

    Parameters
    ----------
    host : Host
        Cubic, one formula unit per cell.
    a_ang : float
        Lattice constant, Angstrom.
    cell : str
        ``sqrt2x2`` (20 atoms, four B ions) or ``2x2x2`` (40 atoms, eight).

    Returns
    -------
    Atoms
        Periodic in three directions, orthogonal cell, array ``ion``; the same on every call.

    Raises
    ------
    InputError
        Unknown cell, or a host that one cubic cell does not stand for.
    """
    if cell not in CELLS:
        raise InputError("substitution: cell", repr(cell), ", ".join(CELLS))
    if host.not_one_cubic_cell:
        raise InputError(f"substitution: host {host.name}", host.not_one_cubic_cell, "a cubic host")
    # ASSUME the tilt of the orthorhombic phase (a-a-c+) is the start in doped and undoped cells: the ideal cubic positions are a
    # saddle, where relaxations stay. Both are relaxed from there in the host's cubic cell, scaled but not sheared.
    made = make_supercell(bulk(host, a_ang), CELLS[cell])
    made.positions += _tilt(made, a_ang)
    made.positions += np.random.default_rng(RATTLE_SEED).normal(size=(len(made), 3)) * (
        RATTLE_ANG / np.sqrt(3)
    )
    standard, _ = made.cell.standard_form()
    made.set_cell(standard, scale_atoms=True)
    made.wrap()
    return made


def _tilt(cell: Atoms, a_ang: float) -> np.ndarray:
    """Displacements (n, 3) of the X ions: out of phase about x and y, in phase along z."""
    ion = cell.arrays["ion"]
    shifts = np.zeros((len(cell), 3))
    centres = cell.positions[ion == "B"]
    origin = centres[0]
    for x in np.flatnonzero(ion == "X"):
        vectors = cell.get_distances(x, np.flatnonzero(ion == "B"), mic=True, vector=True)
        arm = -vectors[int(np.argmin(np.linalg.norm(vectors, axis=1)))]
        i, j, k = np.round((cell.positions[x] - arm - origin) / a_ang).astype(int)
        out, along = 1.0 - 2.0 * ((i + j + k) % 2), 1.0 - 2.0 * ((i + j) % 2)
        axis = np.array([out, out, along])
        shifts[x] = np.tan(np.radians(TILT_DEG)) * np.cross(axis, arm)
    return shifts


def doped_supercell(undoped: Atoms, site: str) -> Atoms:
    """The relaxed undoped cell with the named site, e.g. ``Sr-Pb`` or ``Bi-Pb-V-Cs``."""
    return make_bulk_defect(undoped, site)


def strained(cell: Atoms, strain: float) -> Atoms:
    """`cell` with all three lattice constants scaled by 1 + `strain`, fractional coordinates kept."""
    made = cell.copy()
    made.set_cell(cell.cell.array * (1 + strain), scale_atoms=True)
    return made
